"""A vendor is one folder's business: its manifest says what the rooms need to know, and they name no vendor."""

import subprocess
import sys

import pytest

from include.lab.sandbox.server import VENDORS
from include.operate.doctor.vendors import _looks, checks
from include.vendors.luma.doctor import LOOKS
from include.vendors.manifests import MANIFESTS
from tests.airflow_task import ROOT

NO_CONTEXT = None
"""None is needed before a check looks."""
HEAVY = {"requests", "stripe", "slack_sdk", "mailchimp_marketing", "smtplib", "airflow"}
OWN = (
    "include/vendors/luma/",
    "include/jobs/luma_auto_approval/",
    "dags/luma_auto_approval.py",
    "include/lab/sandbox/luma/",
    "include/lab/demo/luma.py",
)
JOB, MAKES, PLAYS = "names its job", "lists all vendors", "a part of its stand-in"
NAMED_IN = {
    "include/airflow_api/kinds.py": JOB,
    "include/lab/demo/stories.py": JOB,
    "include/lab/demo/timeline.py": "what the demo shows of each vendor",
    "include/lab/sandbox/control/wishes.py": PLAYS,
    "include/lab/sandbox/leniencies.py": PLAYS,
    "include/lab/sandbox/settings.py": PLAYS,
    "include/lab/sandbox/vendor.py": PLAYS,
    "include/lab/scaffold/additions.py": JOB,
    "include/lab/stack/airflow_settings.py": MAKES,
    "include/lab/stack/programs.py": MAKES,
    "include/lab/stack/stack.py": MAKES,
    "include/operate/members.py": "what a member's page says that her membership opens",
    "include/settings.py": "its settings, and its job's",
    "include/vendors/manifests.py": MAKES,
}
"""File → why it may name Luma. Who adds one says why; who takes one away takes its line away."""


def test_each_folder_has_a_manifest_that_is_listed():
    """Who adds a folder adds its line; and the sandbox has a stand-in of that name."""
    folders = {path.parent.name for path in (ROOT / "include/vendors").glob("*/__init__.py")}

    assert set(MANIFESTS) == folders
    assert folders <= {stand_in.name for stand_in in VENDORS}
    assert all(vendor.needs for vendor in MANIFESTS.values())


@pytest.mark.parametrize("vendor", MANIFESTS.values(), ids=MANIFESTS)
def test_the_parts_of_a_folder_are_those_that_rooms_load(vendor):
    """A client for jobs, a channel for alerts, or both; what the doctor looks at, and what people are asked."""
    client = vendor.part("client")
    is_channel = any(need.channel for need in vendor.needs.values())

    assert hasattr(client, "connect") or is_channel
    assert hasattr(client, "connect_channel") is is_channel
    assert vendor.part("doctor").LOOKS
    assert vendor.part("setup").set_up


def test_manifests_import_no_client():
    """Rooms read them where a client's package would take too long: it comes with the first call."""
    code = (
        "import sys, include.vendors.manifests; print(*{n.partition('.')[0] for n in sys.modules})"
    )
    probe = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert HEAVY & set(probe.stdout.split()) == set()


def test_luma_is_named_by_its_own_files_and_these():
    """Another calendar takes its folder, its job and its stand-in; each other file that knows it has a reason."""
    files = [
        path for room in ("include", "dags", "plugins") for path in (ROOT / room).rglob("*.py")
    ]
    named = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if "luma" in path.read_text(encoding="utf-8").lower()
    }

    assert {file for file in named if not file.startswith(OWN)} == set(NAMED_IN)


def test_package_that_is_missing_is_one_failed_line(monkeypatch):
    """The doctor looks at the other vendors all the same."""
    everything = {check.name for check in checks(NO_CONTEXT)}
    monkeypatch.setitem(sys.modules, "include.vendors.luma.doctor", None)

    found = {check.name: check for check in checks(NO_CONTEXT)}

    assert found.keys() == everything - set(LOOKS) | {"luma"}
    with pytest.raises(ImportError):
        list(_looks(MANIFESTS["luma"])["luma"](None, None))
