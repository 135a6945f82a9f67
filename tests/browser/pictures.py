"""The README's pictures: `./ops pictures` runs this on the local stack.

A member joins whose welcome's answer is lost: her run, what the console says of her, what needs a person, the message
in Slack, her timeline.
"""

import io
import re
import sys
import tempfile
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize
from pydantic import SecretStr
from rich.console import Console

from include.lab.demo.play import stage_on
from include.lab.demo.stage import DAG, Newcomer, Stage
from include.lab.stack import lifecycle
from include.lab.stack.layout import ROOT
from include.lab.stack.stack import Stack
from include.operate.commands import timeline
from include.operate.deployment import Deployment
from include.operate.terminal import say
from tests.browser.airflow_ui import ABSENT, CHROMIUM, browser_page, console, log_in, open_graph
from tests.waiting import until

Message = dict[str, Any]

FOLDER = ROOT / "docs" / "images"
MAX_BYTES = 250_000
"""Of one picture: whoever clones the repository gets all of them, in each version."""
DRAWN_MILLISECONDS = 2000  # the graph glides into its place
TOLD_SECONDS = 60
ANSWER_LOST = {"vendor": "mailchimp", "path": "/customer-journeys/*", "kind": "lost_answer"}
LINK = re.compile(r"&lt;(?P<url>https?://[^|&]+)\|(?P<text>[^&]+)&gt;")
BOLD = re.compile(r"\*([^*\n]+)\*")
SHEET = """<style>
  body { margin: 0; padding: 16px; font: 15px/1.5 sans-serif; color: #1d1c1d; background: #fff; width: fit-content }
  p { margin: 0; max-width: 680px } a { color: #1264a3; text-decoration: none }
  .button { display: inline-block; margin: 8px 8px 0 0; padding: 4px 12px; border: 1px solid #bbb; border-radius: 4px }
  pre { font: 13px/1.4 monospace; margin: 0 }
</style>"""


def main() -> None:
    """Write all pictures."""
    stack = lifecycle.running(lifecycle.layout())
    if stack is None:
        sys.exit("the stack is not up: ./ops up --detach")
    if CHROMIUM is None:
        sys.exit(ABSENT)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with stage_on(stack) as stage, tempfile.TemporaryDirectory() as folder:
        who, run = unwelcomed(stage)
        told = message_about(stage, run)
        for name, draw in pictures(stack, who, run, told).items():
            draw(Path(folder) / name, FOLDER / f"{name}.png")
            size = (FOLDER / f"{name}.png").stat().st_size
            say(f"docs/images/{name}.png, {size / 1000:.0f} kB")
            if size > MAX_BYTES:
                sys.exit(f"{name}.png is larger than {MAX_BYTES / 1000:.0f} kB")


def unwelcomed(stage: Stage) -> tuple[Newcomer, str]:
    """Let a member join whose welcome's answer is lost; return her, and the run that tried."""
    who = stage.newcomer()
    stage.sandbox.post("/faults", ANSWER_LOST)
    try:
        delivery = stage.deliver("she joins", stage.join(who, "clerk_first").events)
    finally:
        stage.sandbox.http.delete("/faults").raise_for_status()
    return who, delivery.runs[-1]


def message_about(stage: Stage, run: str) -> Message:
    """Return what Slack was told of that run, as soon as it was."""
    found: list[Message] = []

    def is_told() -> bool:
        messages = stage.sandbox.get("/state/slack")["messages"]
        found[:] = [one for one in messages if run.rpartition(".")[2] in one["text"]]
        return bool(found)

    if not until(is_told, TOLD_SECONDS):
        sys.exit(f"Slack was told nothing of the run in {TOLD_SECONDS} s")
    return found[0]


def pictures(
    stack: Stack, who: Newcomer, run: str, told: Message
) -> dict[str, Callable[[Path, Path], None]]:
    """Return how each picture is drawn: (folder of the browser's profile, file) → nothing."""

    def run_in_airflow(profile: Path, file: Path) -> None:
        with browser_page(profile) as page:
            log_in(page, stack)
            open_graph(page, stack.run_url(DAG, run))
            page.wait_for_timeout(DRAWN_MILLISECONDS)
            page.screenshot(path=file)

    def member(profile: Path, file: Path) -> None:
        with console(stack, profile, "community") as page:
            page.get_by_label("Search").fill(who.email)
            page.keyboard.press("Enter")
            page.locator("#welcome").wait_for()
            page.screenshot(path=file)

    def waiting(profile: Path, file: Path) -> None:
        size: ViewportSize = {"width": 900, "height": 560}
        with console(stack, profile, "community", size=size) as page:
            page.goto(f"{stack.console_url}waiting")
            page.get_by_role("heading", name="Needs a person").wait_for()
            page.screenshot(path=file)

    def slack(profile: Path, file: Path) -> None:
        with browser_page(profile) as page:
            draw_body(page, message_html(told), file)

    def story(profile: Path, file: Path) -> None:
        with browser_page(profile) as page:
            draw_body(page, timeline_html(stack, who.email), file)

    return {
        "run": run_in_airflow,
        "console": member,
        "waiting": waiting,
        "slack": slack,
        "timeline": story,
    }


def draw_body(page: Page, html: str, file: Path) -> None:
    """Draw a piece of HTML, as large as it is."""
    page.set_content(f"<!doctype html>{SHEET}<body>{html}</body>")
    page.locator("body").screenshot(path=file)


def message_html(message: Message) -> str:
    """Return a message as Slack lays it out: bold text, links, buttons under it."""
    text = LINK.sub(r'<a href="\g<url>">\g<text></a>', escape(message["text"], quote=False))
    lines = BOLD.sub(r"<b>\1</b>", text).replace("\n", "<br>")
    buttons = "".join(
        f'<span class="button">{escape(one["text"]["text"])}</span>'
        for block in message["blocks"]
        for one in block.get("elements", [])
    )
    return f"<p><b>Ops Bot</b><br>{lines}<br>{buttons}</p>"


def timeline_html(stack: Stack, email: str) -> str:
    """Return what `./ops timeline` prints of a member."""
    at = Deployment(database_url=SecretStr(stack.database_url), airflow_url=stack.airflow_url)
    paper = Console(record=True, width=140, file=io.StringIO())
    paper.print(timeline.table(at, timeline.read(at, email)))
    return paper.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


if __name__ == "__main__":
    main()
