"""`./ops new`: what it refuses says what to do, and then nothing is written."""

import shutil

import pytest
from typer.testing import CliRunner

from include.errors import CommandError
from include.lab.commands import new
from include.lab.scaffold.additions import JOB, VENDOR
from include.lab.scaffold.write import new_job, new_vendor
from include.lab.stack.layout import ROOT

DAILY = "0 6 * * *"


@pytest.fixture
def checkout(tmp_path):
    """Give a folder with the files that get lines, as they are here."""
    for file in {addition.file for addition in (*JOB, *VENDOR)}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def files(root):
    """Return what is where."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("CouponExpiry", "small letters, words joined by underscores, coupon_expiry"),
        ("coupon-expiry", "small letters, words joined by underscores, coupon_expiry"),
        ("coupon__expiry", "small letters"),
        ("../coupon_expiry", "small letters"),
        ("coupon_expiry\n", "small letters"),
        ("coupon", "a job is a subject and an action"),
        ("coupon_" + "expiry" * 5, "shorten it"),
    ],
)
def test_job_of_a_wrong_name_is_refused(checkout, name, advice):
    """With the form that a name has, and before anything is written."""
    before = files(checkout)

    with pytest.raises(CommandError, match=advice):
        new_job(name, schedule=DAILY, root=checkout)

    assert files(checkout) == before


@pytest.mark.parametrize("name", ["class", "json"])
def test_vendor_of_pythons_name_is_refused(checkout, name):
    """`import json` would find our client, or nothing could be called so."""
    with pytest.raises(CommandError, match="choose another name"):
        new_vendor(name, root=checkout)


@pytest.mark.parametrize("schedule", ["daily", "0 25 * * *", "0 0 6 * * *", ""])
def test_wrong_schedule_is_refused(checkout, schedule):
    """A cron line of five fields; Airflow would refuse it only when it parses the DAG."""
    with pytest.raises(CommandError, match="five fields in UTC"):
        new_job("coupon_expiry", schedule=schedule, root=checkout)


def test_name_that_is_taken_is_refused(checkout):
    """What somebody has written is not overwritten, and the files are named."""
    new_job("coupon_expiry", schedule=DAILY, root=checkout)
    before = files(checkout)

    with pytest.raises(CommandError, match=r"is taken, dags/coupon_expiry.py, .*another name"):
        new_job("coupon_expiry", schedule=DAILY, root=checkout)

    assert files(checkout) == before


def test_file_that_has_changed_is_left_alone(checkout):
    """Where a line has no place any more, people are told which line, and nothing is half done."""
    conftest = checkout / "tests/dags/conftest.py"
    conftest.write_text(conftest.read_text().replace('"mailchimp": {', '"post": {'))
    before = files(checkout)

    with pytest.raises(CommandError, match=r'tests/dags/conftest.py has changed.*"eventbrite": \{'):
        new_vendor("eventbrite", root=checkout)

    assert files(checkout) == before


def test_every_line_has_its_place_for_two_at_once(checkout):
    """A second job and a second vendor find the places that the first left."""
    for job, vendor in (("coupon_expiry", "eventbrite"), ("gift_reminder", "meetup")):
        new_job(job, schedule=DAILY, root=checkout)
        new_vendor(vendor, root=checkout)

    scenes = (checkout / "tests/e2e/rerun/scenes.py").read_text()
    assert 'dag, number, held = "coupon_expiry", 9, "work"' in scenes
    assert 'dag, number, held = "gift_reminder", 10, "work"' in scenes


def test_command_says_what_it_wrote_and_how_to_try_it(checkout, monkeypatch):
    """The next thing to type is the last line."""
    monkeypatch.setattr(new, "ROOT", checkout)

    result = CliRunner().invoke(new.app, ["vendor", "eventbrite"])

    assert "  include/vendors/eventbrite/client.py\n" in result.output
    assert "./ops test contract -k eventbrite" in result.output.splitlines()[-1]
