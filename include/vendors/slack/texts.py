"""Slack's own format of texts, in which three characters mean something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.alerts.texts import AlertMessage


def mrkdwn(message: AlertMessage) -> str:
    """Return a message in Slack's own format."""
    links = [f"• <{link.url}|{escaped(link.text)}>" for link in message.examples]
    book = message.runbook
    runbook = f"<{book}|Runbook>" if book.startswith("http") else f"Runbook: {escaped(book)}"
    facts = [escaped(fact) for fact in message.facts]
    note = [f"_{escaped(message.note)}_"] if message.note else []
    return "\n".join([f"*{escaped(message.title)}*", *facts, *links, runbook, *note])


def escaped(text: str) -> str:
    """Return text as Slack shows it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
