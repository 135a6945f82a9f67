"""The lines that a new job or vendor adds to files that there are: where, and what."""

from __future__ import annotations

from typing import NamedTuple

SPOT = "{new}"


class Addition(NamedTuple):
    """A text for a file; `place` is what stands there now, once, with `{new}` where the text goes."""

    file: str
    place: str
    text: str


CHANGELOG = Addition(
    "CHANGELOG.md",
    "## [0.2.0] - 2026-11-28\n\n### Added\n\n{new}",
    "- {{ kind }} `{{ name }}`: say here what it changes for those who run this.\n",
)
JOB = (
    Addition(
        "README.md",
        "\n{new}\n- A webhook that was acknowledged is not lost",
        "| `{{ name }}` | `{{ schedule }}` UTC | counts the active memberships |\n",
    ),
    Addition(
        "tests/dags/rerun/scenarios.py",
        '{new}    "dead_letter_review": Scenario(',
        '    "{{ name }}": Scenario(\n'
        "        prepare=lambda _place: {}, bears_outages=True, asks_nobody=True\n    ),\n",
    ),
    Addition("tests/e2e/rerun/scenes.py", "{new}SCENES: dict[str, type[Scene]] = {", "{{ scene }}"),
    Addition(
        "tests/e2e/rerun/scenes.py",
        "{new}        Deactivation,\n    )\n}",
        "        {{ Name }},\n",
    ),
    Addition(
        "tests/dags/test_policies.py",
        '{new}    "luma_auto_approval": (',
        '    "{{ name }}": ("{{ schedule }}", timedelta(seconds=300)),\n',
    ),
    CHANGELOG,
)

SERVER, COLLABORATORS = "include/lab/sandbox/server.py", "include/dagkit/collaborators.py"
CONNECTIONS, DOCTOR = "include/operate/doctor/connections.py", "include/operate/doctor/vendors.py"
VENDOR = (
    Addition(
        SERVER,
        "{new}from include.lab.sandbox.world import World\n",
        "from include.lab.sandbox.{{ name }} import routes as {{ name }}\n",
    ),
    Addition(SERVER, "{new}    dead_man.VENDOR,\n)", "    {{ name }}.VENDOR,\n"),
    Addition(
        COLLABORATORS,
        "\n{new}    from include.vendors.stripe.client import Stripe\n",
        "    from include.vendors.{{ name }}.client import {{ Name }}\n",
    ),
    Addition(
        COLLABORATORS,
        "{new}    @cached_property\n    def airflow(self)",
        """\
    @cached_property
    def {{ name }}(self) -> {{ Name }}:
        \"\"\"Return a client that fetches its connection (`{{ name }}`) with its first call.\"\"\"
        return cast("{{ Name }}", _Lazy(self._connect_{{ name }}))

""",
    ),
    Addition(
        COLLABORATORS,
        "{new}    def _connect_mailchimp(self)",
        """\
    def _connect_{{ name }}(self) -> {{ Name }}:
        from airflow.providers.http.hooks.http import HttpHook

        from include.vendors.{{ name }}.client import {{ Name }}

        hook = HttpHook("GET", "{{ name }}")
        session = self._exit_stack.enter_context(hook.get_conn())
        return {{ Name }}(
            session,
            api_key=hook.get_connection("{{ name }}").password or "",
            base_url=hook.base_url,
            timeout_seconds=self.settings.vendor_timeout_seconds,
        )

""",
    ),
    Addition(
        CONNECTIONS,
        '{new}    "slack": Need(',
        '    "{{ name }}": Need(without="nothing is asked of {{ Name }}"),\n',
    ),
    Addition(
        DOCTOR,
        '{new}        "Slack": lambda: slack.look(context),',
        '        "{{ Name }}": lambda: _{{ name }}(context),\n',
    ),
    Addition(
        DOCTOR,
        "{new}# --- whom alerts are told by ---",
        """\
def _{{ name }}(context: CheckContext) -> Iterable[CheckResult]:
    with context.collaborators() as rt:
        if not rt.uses("{{ name }}"):
            yield not_configured("{{ Name }}", "its connection is not defined")
            return
        rt.{{ name }}.check()
    yield ok("{{ Name }}", "knows our key")


""",
    ),
    Addition(
        "airflow_settings.yaml",
        "{new}  pools: []",
        """\
    - conn_id: {{ name }}
      conn_type: http                   # host: base URL; password: API key
      conn_host: http://127.0.0.1:8026/{{ name }}
      conn_password: sandbox
""",
    ),
    Addition(
        "tests/dags/conftest.py",
        '{new}        "mailchimp": {',
        '        "{{ name }}": {"conn_type": "http", "host": f"{url}/{{ name }}", "password": "key"},\n',
    ),
    Addition("tests/dags/rerun/outcome.py", '{new}    "twilio",\n)', '    "{{ name }}",\n'),
    CHANGELOG,
)
