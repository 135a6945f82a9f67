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

VENDOR = (
    Addition("include/vendors/manifests.py", '{new}    "slack",\n', '    "{{ name }}",\n'),
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
