"""The rules that every DAG obeys. A failing test says what to do, and why the rule is there."""

import ast
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from include.airflow_api.kinds import LOOK_FIRST
from include.dagkit import RETRY_SETS, TAGS, report_failure
from tests.airflow_task import DAGS, ROOT, load_dags

FILES = sorted(DAGS.glob("*.py"))
HEADS = ("**Starts**", "**Changes**", "**Rerun**", "**When it fails**")
RUNBOOK_HEADS = ("**Meaning.**", "**First look.**", "**Cure.**", "**How to be sure.**")
MAY_IMPORT = ("__future__", "datetime", "airflow.sdk", "include.dagkit")
LONGEST_RUNS = {"dead_letter_review": timedelta(days=8)}  # it waits for people, one run at a time
LONGEST_FILE = 120
PACKAGES = {"stripe", "clerk", "mailchimp", "slack", "luma", "queue", "airflow", "include"}


def dag_of(path):
    """Return the DAG of a file."""
    dags = load_dags().dags
    assert path.stem in dags, (
        f"{path.name}: name the DAG like its file, {path.stem!r}; found {[*dags]}"
    )
    return dags[path.stem]


def each_file():
    """Run a test once per DAG file."""
    return pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_expected_files_are_there():
    """The other tests look at what is in `dags/`: an empty folder must not pass them."""
    wanted = {"mailchimp_sync", "member_deactivation", "luma_auto_approval"}

    assert wanted <= {path.stem for path in FILES}, f"DAG files are missing in {DAGS}"


def test_every_file_is_parsed():
    """An import error keeps a DAG out of Airflow without a word in any run."""
    bag = load_dags()

    assert bag.import_errors == {}
    assert set(bag.dags) == {path.stem for path in FILES}, "one file = one DAG = one job, same name"


def test_every_dag_has_its_job_and_every_job_its_dag():
    """`include/jobs` has the DAGs' jobs and nothing else: a package each, whose `steps` are what the tasks do."""
    jobs = {path.name for path in (ROOT / "include/jobs").iterdir() if path.name[0] != "_"}

    assert jobs == {path.stem for path in FILES}, (
        "what several jobs need goes where its question is"
    )
    assert [job for job in jobs if not (ROOT / "include/jobs" / job / "steps.py").is_file()] == []


SAYS_WHAT_CAME_OF_IT = {"mailchimp_sync.trigger_welcome"}
"""Tasks whose result is for people: a sentence that a green run would not say, and most runs have none."""


@each_file()
def test_file_is_named_like_no_package(path):
    """The folder is on the import path: `stripe.py` in it would hide the package `stripe`."""
    assert path.stem not in PACKAGES | set(sys.stdlib_module_names), f"rename {path.name}"


@each_file()
def test_job_has_the_same_name(path):
    """DAG, job module, tests and log fields share one word, so that one search finds all of it."""
    job = ROOT / "include" / "jobs" / path.stem

    assert job.is_dir() or job.with_suffix(".py").is_file(), f"{job} is missing"


@each_file()
def test_docstring_has_the_four_heads(path):
    """People who are woken at night read it in the UI: who starts it, may I rerun it."""
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""

    missing = [head for head in HEADS if head not in doc]
    assert not missing, f"{path.name}: say in the docstring {', '.join(missing)}"
    assert dag_of(path).doc_md == doc or dag_of(path).doc_md.strip() == doc.strip(), (
        f"{path.name}: pass __doc__ to options(), so that the UI shows it"
    )


@each_file()
def test_file_is_wiring_only(path):
    """Every task parses its DAG file anew: what is imported at the top is paid in each of them."""
    tree = ast.parse(path.read_text())
    imported = {
        name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }

    foreign = sorted(name for name in imported if name not in MAY_IMPORT)
    assert not foreign, (
        f"{path.name}: import {foreign} inside the task; at the top only {MAY_IMPORT}"
    )
    assert len(path.read_text().splitlines()) <= LONGEST_FILE, (
        f"{path.name}: move work into the job"
    )


@each_file()
def test_tags_are_known(path):
    """Tags are how people find a DAG: a new one is added to dagkit.TAGS, not made up in passing."""
    tags = set(dag_of(path).tags)

    assert tags, f"{path.name}: give it a tag of {sorted(TAGS)}"
    assert tags <= TAGS, f"{path.name}: {sorted(tags - TAGS)} are not in dagkit.TAGS"


@each_file()
def test_start_and_schedule_are_explicit(path):
    """No DAG makes up for the past, none waits to be unpaused, and its schedule is written down."""
    dag, text = dag_of(path), path.read_text()

    assert "schedule=" in text, f"{path.name}: say schedule=None or the cron line"
    assert dag.catchup is False
    assert dag.start_date is None, (
        f"{path.name}: with a start date a deployment would run a scheduled job at once"
    )
    assert dag.is_paused_upon_creation is False, (
        "a DAG that is paused when new keeps its webhooks waiting"
    )


@each_file()
def test_limits_are_explicit(path):
    """A run that hangs, and runs without number, are the two ways to fill a small Airflow."""
    dag = dag_of(path)

    assert dag.dagrun_timeout is not None, f"{path.name}: pass timeout= to options()"
    assert dag.dagrun_timeout <= LONGEST_RUNS.get(path.stem, timedelta(hours=1))
    assert 1 <= dag.max_active_runs <= 16


CRON = {
    "luma_auto_approval": ("0 9,21 * * *", timedelta(seconds=60)),
    "slack_status_sync": ("0 10,22 * * *", timedelta(seconds=120)),
    "database_cleanup": ("0 3 * * *", timedelta(seconds=300)),
}
"""What was promised of the jobs with a clock: when, and how long at most."""


def each_cron_job():
    """Run a test once per job of the table that is there already."""
    paths = [path for path in FILES if path.stem in CRON]
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


@each_cron_job()
def test_cron_jobs_run_when_they_should(path):
    """At their times in UTC, in their time, one run at a time, and once per tick: the next tick is the retry."""
    dag, (cron, timeout) = dag_of(path), CRON[path.stem]

    when = getattr(dag.schedule, "expression", dag.schedule)  # of a timetable, or as it is written
    assert (when, str(dag.timezone)) == (cron, "UTC")
    assert dag.dagrun_timeout == timeout
    assert dag.max_active_runs == 1, f"{path.name}: two runs at once do the same work twice"
    assert {task.retries for task in dag.tasks} == {0}, f"{path.name}: use **NO_RETRIES"


@each_cron_job()
def test_cron_jobs_can_be_tried_out(path):
    """By hand, in a form whose fields have a title; where it removes or approves, with the tick that it only looks."""
    params = dag_of(path).params

    assert params.get_param("dry_run").value is (path.stem in LOOK_FIRST)
    untitled = [name for name in params if not params.get_param(name).schema.get("title")]
    assert not untitled, f"{path.name}: give a title to {untitled}"


@each_file()
def test_retries_come_from_a_named_set(path):
    """How often and how fast we ask again is decided once, with a reason, in dagkit."""
    for task in dag_of(path).tasks:
        pauses = {
            name: getattr(task, name)
            for name in ("retries", "retry_delay", "retry_exponential_backoff", "max_retry_delay")
        }
        if task.retry_policy is not None:
            pauses["retry_policy"] = task.retry_policy
        assert pauses in RETRY_SETS, (
            f"{path.stem}.{task.task_id}: use a set of dagkit, like **VENDOR_RETRIES"
        )


@each_file()
def test_retries_fit_into_the_run(path):
    """Pauses longer than the run's limit are tries that never come."""
    dag = dag_of(path)
    for task in dag.tasks:
        pauses = [task.retry_delay * task.retry_exponential_backoff**n for n in range(task.retries)]
        longest = sum((min(2 * pause, task.max_retry_delay) for pause in pauses), timedelta())

        assert longest < dag.dagrun_timeout / 2, (
            f"{path.stem}.{task.task_id} pauses up to {longest}"
        )


@each_file()
def test_tasks_pass_nothing_through_airflow(path):
    """XCom, templates and rendered fields are seen by every viewer, and cost two calls per task."""
    for task in dag_of(path).tasks:
        name = f"{path.stem}.{task.task_id}"
        assert task.do_xcom_push is (name in SAYS_WHAT_CAME_OF_IT), (
            f"{name}: hand over through the database, not through XCom"
        )
        templates = {field: getattr(task, field) for field in task.template_fields}
        if task.task_type == "DateTimeSensorAsync":  # it says a moment, and nothing else
            assert "conf" not in templates.pop("target_time")
        assert templates == {}, f"{name}: make it with dagkit.job_task"


@each_file()
def test_what_waits_in_the_triggerer_is_safe(path):
    """Airflow 3.3.2: a Param that does not fit to a waiting run ends the whole triggerer, a pull of XCom hangs it."""
    dag = dag_of(path)
    for task in dag.tasks:
        if getattr(task, "start_from_trigger", False):
            assert not list(dag.params), f"{path.stem}: no Params beside {task.task_id}"
            assert "xcom_pull" not in task.target_time


@each_file()
def test_failed_run_is_told_to_people(path):
    """A red run that nobody hears of is found by a member: options() brings the callback."""
    assert dag_of(path).on_failure_callback in (report_failure, [report_failure]), (
        f"{path.name}: pass **options(…)"
    )
    assert not dag_of(path).on_success_callback, "it would cost a process per run"


@each_file()
def test_runbook_is_there(path):
    """The message about a failed run leads to it: what it means, where to look first, what cures it."""
    page = ROOT / "docs" / "runbooks" / f"{path.stem}.md"

    assert page.is_file(), f"write docs/runbooks/{path.stem}.md"
    missing = [head for head in RUNBOOK_HEADS if head not in page.read_text()]
    assert not missing, f"{page.name}: say {', '.join(missing)}"


@each_file()
def test_params_are_described(path):
    """A person who starts the DAG by hand reads what each parameter wants."""
    params = dag_of(path).params
    for name in params:
        assert params.get_param(name).description, f"{path.stem}: describe the parameter {name!r}"


PROBE = """
import socket, sys
from airflow.sdk import BaseHook, Variable

def forbidden(*_args, **_options):
    raise SystemExit("a DAG file must not do this while it is parsed")

BaseHook.get_connection = Variable.get = forbidden
socket.socket.connect = socket.socket.connect_ex = forbidden
from tests.airflow_task import load_dags

bag = load_dags()
assert bag.dags and not bag.import_errors, bag.import_errors
heavy = {"stripe", "mailchimp_marketing", "include.store", "include.jobs"} & set(sys.modules)
print(sorted(heavy))
"""


def test_parsing_reads_nothing_and_imports_little():
    """Files are parsed every half minute and in every task: no variable, connection, network, or heavy import."""
    probe = subprocess.run(
        [sys.executable, "-c", PROBE],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )

    assert probe.returncode == 0, probe.stderr[-2000:]
    assert probe.stdout.splitlines()[-1] == "[]"


def test_preload_can_be_imported():
    """What the warm executor imports before it forks exists: a typing error would stop the scheduler."""
    from importlib import import_module

    from include.dagkit import PRELOAD
    from include.vendors.manifests import MANIFESTS

    of_vendors = [module for vendor in MANIFESTS.values() for module in vendor.preload]
    assert PRELOAD
    assert of_vendors
    for module in (*PRELOAD, *of_vendors):
        import_module(module)


def test_the_docs_are_up_to_date():
    """`docs/dags.md` is made from the docstrings: `python -m include.lab.checks.dag_docs` writes it anew."""
    from include.lab.checks.dag_docs import TARGET, document

    assert Path(TARGET).read_text() == document(), "run: python -m include.lab.checks.dag_docs"
