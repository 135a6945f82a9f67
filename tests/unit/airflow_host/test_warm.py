"""What is made once for all tasks, and when a task makes its own after all."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest

warm = pytest.importorskip("include.airflow_host.warm")

DAG = """
from airflow.sdk import dag, task

@dag(schedule=None)
def {name}():
    @task
    def only() -> None: ...
    only()

{name}()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give a folder of DAG files, and Airflow as it was afterwards."""
    from airflow.dag_processing import dagbag
    from airflow.dag_processing.bundles import manager

    bundle = SimpleNamespace(name="ours", path=tmp_path, supports_versioning=False)
    monkeypatch.setattr(manager.DagBundlesManager, "__init__", lambda _: None)
    monkeypatch.setattr(manager.DagBundlesManager, "get_all_dag_bundles", lambda _: [bundle])
    monkeypatch.setattr(dagbag, "BundleDagBag", dagbag.BundleDagBag)
    return tmp_path


def parsed(file: Any) -> Any:
    """Return what a task has of its DAG file, as Airflow 3.3.2's task runner asks for it."""
    from airflow.dag_processing import dagbag

    return dagbag.BundleDagBag(
        dag_folder=os.fspath(file),
        safe_mode=False,
        load_op_links=False,
        bundle_path=file.parent,
        bundle_name="ours",
    )


def test_dag_file_is_parsed_once(folder):
    """Each task parsed it: an eighth of its process's life."""
    file = folder / "one.py"
    file.write_text(DAG.format(name="one"))

    warm.share_dags()

    assert parsed(file) is parsed(file)
    assert list(parsed(file).dags) == ["one"]


def test_changed_dag_file_is_parsed_anew(folder):
    """What a person has mended is what runs next."""
    file = folder / "one.py"
    file.write_text(DAG.format(name="one"))
    warm.share_dags()

    file.write_text(DAG.format(name="other"))

    assert list(parsed(file).dags) == ["other"]


def test_new_dag_file_and_a_broken_one_are_parsed_by_their_tasks(folder):
    """A file that cannot be read now is no reason that the scheduler does not start."""
    broken, new = folder / "broken.py", folder / "new.py"
    broken.write_text("import no_such_module")
    warm.share_dags()
    new.write_text(DAG.format(name="new"))

    assert list(parsed(new).dags) == ["new"]
    assert parsed(broken).import_errors
    assert parsed(broken) is not parsed(broken)


def test_file_that_is_gone_is_not_a_file_that_has_changed(folder):
    """A deployment replaces it: Airflow asks again in a minute. And an editor's lock is a link to nowhere."""
    file, lock = folder / "one.py", folder / ".#one.py"
    file.write_text(DAG.format(name="one"))
    lock.symlink_to("somebody@a-laptop.4711")
    warm.share_dags()
    file.unlink()

    assert not parsed(file).dags
    assert not parsed(lock).dags


def test_process_that_crashes_still_ends(folder):
    """Airflow's parser leaves a handler in Python, which never runs: the crash happens again and again."""
    (folder / "one.py").write_text(DAG.format(name="one"))
    before = signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    try:
        warm.share_dags()
        after = signal.getsignal(signal.SIGSEGV)
    finally:
        signal.signal(signal.SIGSEGV, before)

    assert after == signal.SIG_DFL


def test_policy_that_cannot_be_read_is_no_reason_not_to_start(monkeypatch, tmp_path):
    """Without a scheduler nothing would tell people of it."""
    from include import dagkit
    from include.membership import policy

    file = tmp_path / "membership.yaml"
    file.write_text("plans: [")
    monkeypatch.setattr(policy, "FILE", file)
    monkeypatch.setattr(warm, "AIRFLOW_PRELOAD", ())
    monkeypatch.setattr(dagkit, "PRELOAD", ())
    done: list[str] = []
    for step in ("_load_plugins_once", "share_decoders", "share_dags", "reap_promptly"):
        monkeypatch.setattr(warm, step, lambda: None)
    monkeypatch.setattr(warm, "beat_when_due", lambda: done.append("all"))

    warm.warm_up()

    assert done == ["all"]


def test_decoder_is_made_once(monkeypatch):
    """Pydantic built the schema of all messages twice in each task."""
    from airflow.sdk.execution_time import comms

    monkeypatch.setattr(comms, "TypeAdapter", comms.TypeAdapter)
    warm.share_decoders()
    warm.share_decoders()
    one, other = (comms.CommsDecoder[Any, Any](socket=None) for _ in range(2))

    assert one.body_decoder is other.body_decoder
    answer = one.body_decoder.validate_python({"type": "OKResponse", "ok": True})
    assert isinstance(answer, comms.OKResponse)


def test_first_heartbeat_is_not_sent_beside_the_start(monkeypatch):
    """The start counts as one; after that the supervisor is asked whether it is due, as ever."""
    from airflow.sdk.execution_time.supervisor import ActivitySubprocess

    monkeypatch.setattr(ActivitySubprocess, "_on_child_started", lambda *_, **__: None)
    warm.beat_when_due()
    health: list[Any] = []
    supervisor: Any = SimpleNamespace(
        id="a try",
        _process=SimpleNamespace(pid=1),
        _terminal_state=None,
        _last_heartbeat_attempt=0.0,
        client=SimpleNamespace(
            task_instances=SimpleNamespace(heartbeat=lambda *_, **__: health.append("beat"))
        ),
    )

    ActivitySubprocess._on_child_started(supervisor)
    ActivitySubprocess._send_heartbeat_if_needed(supervisor)
    assert health == []

    supervisor._last_heartbeat_attempt = time.monotonic() - 3600
    ActivitySubprocess._send_heartbeat_if_needed(supervisor)
    assert health == ["beat"]
