"""`./ops` on a machine that has nothing yet, and on one where something is wrong."""

import json
import os
import subprocess
import sys
import threading
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import SimpleNamespace

import pytest

from include.lab import bootstrap, installer
from include.lab.installer import InstallSteps, SetupError, StepError
from include.lab.stack.layout import ROOT

LOCK = (
    "a==1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nuv==0.1 \\\n    --hash=sha256:3\nz==2\n"
)


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout whose path has a space, with a lock and nothing set up."""
    root = tmp_path / "a checkout"
    root.mkdir()
    (root / "requirements.lock").write_text(LOCK)
    return root


@pytest.fixture
def installs(monkeypatch):
    """Return the list of set-ups made, each a moment's work instead of half a minute's."""
    made = []

    def install(root, state):
        made.append(root)
        (state / "venv" / "bin").mkdir(parents=True)
        (state / "venv" / "bin" / "python").touch()

    monkeypatch.setattr(bootstrap, "install", install)
    return made


@pytest.fixture
def ops():
    """Return the file `ops` as a module."""
    loader = SourceFileLoader("ops_file", str(ROOT / "ops"))
    module = module_from_spec(spec_from_loader("ops_file", loader))
    loader.exec_module(module)
    return module


def test_second_start_sets_nothing_up(checkout, installs):
    """What stands is used: a start costs a hash of the lock."""
    first = bootstrap.ready_python(checkout)

    second = bootstrap.ready_python(checkout)

    assert first == second == checkout / ".ops" / "venv" / "bin" / "python"
    assert installs == [checkout]


def test_changed_lock_is_installed(checkout, installs):
    """A new lock means a new environment."""
    bootstrap.ready_python(checkout)
    (checkout / "requirements.lock").write_text(LOCK + "new==1\n")

    bootstrap.ready_python(checkout)

    assert len(installs) == 2


def test_environment_of_another_python_is_made_anew(checkout, installs):
    """Packages are compiled for one Python."""
    bootstrap.ready_python(checkout)
    marker = checkout / ".ops" / "setup.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "python": "3.1"}))

    bootstrap.ready_python(checkout)

    assert len(installs) == 2


def test_environment_whose_python_is_gone_is_made_anew(checkout, installs):
    """The system's Python may have been replaced by an upgrade."""
    python = bootstrap.ready_python(checkout)
    python.unlink()
    python.symlink_to("/nonexistent/python3.11")

    bootstrap.ready_python(checkout)

    assert len(installs) == 2


def test_interrupted_set_up_is_begun_anew(checkout, monkeypatch, installs):
    """Half an environment is none: nothing of it is kept."""
    half = checkout / ".ops" / "venv" / "half"
    install = bootstrap.install

    def interrupted(root, state):
        half.mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.ready_python(checkout)
    monkeypatch.setattr(bootstrap, "install", install)

    bootstrap.ready_python(checkout)

    assert not half.exists()
    assert installs == [checkout]


def test_second_ops_waits_for_the_first(checkout, installs):
    """Two at once do not write into one environment; the second finds the work done."""
    state = checkout / ".ops"
    second = threading.Thread(target=bootstrap.ready_python, args=(checkout,))

    with bootstrap.exclusive(state):
        second.start()
        second.join(0.3)
        waited = second.is_alive() and not installs
    second.join(10)

    assert waited
    assert installs == [checkout]


def test_full_disk_is_said_before_anything_is_begun(checkout, monkeypatch, installs):
    """Two GiB are needed; what would fail in the middle is said at the start."""
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _path: SimpleNamespace(free=10**9))

    said = bootstrap.main(str(checkout), [])

    assert said.startswith("ops: the disk of ")
    assert "0.9 GiB free" in said
    assert installs == []


def test_missing_venv_module_names_the_package(checkout, monkeypatch):
    """Debian keeps it apart."""
    monkeypatch.setattr(bootstrap, "find_spec", lambda _name: None)

    assert "apt install python3-venv" in bootstrap.main(str(checkout), [])


def test_folder_that_cannot_be_written_is_said(checkout):
    """A file where the folder should be stands for a disk that is read-only: root may write anywhere."""
    (checkout / ".ops").write_text("")

    said = bootstrap.main(str(checkout), [])

    assert said.startswith(f"ops: cannot write to {checkout}")
    assert "\n" not in said


def test_missing_lock_is_said(tmp_path):
    """Half a checkout."""
    assert "cannot read" in bootstrap.main(str(tmp_path), [])


def test_uv_alone_is_taken_from_the_lock():
    """The installer is pinned and hashed like everything else."""
    assert installer.lines_of("uv", LOCK) == "uv==0.1 \\\n    --hash=sha256:3\n"


def test_lock_without_uv_is_refused():
    """Somebody cut the lock."""
    with pytest.raises(SetupError, match="does not name uv"):
        installer.lines_of("uv", "a==1\n")


def test_lock_of_the_repository_has_uv_and_no_index():
    """Mirrors are the user's business: the lock names packages and hashes only."""
    lock = (ROOT / "requirements.lock").read_text()

    assert installer.lines_of("uv", lock).count("--hash=sha256:") > 1
    assert "://" not in lock


def test_uv_is_told_what_pip_knows():
    """By itself uv does not read pip's settings: behind a mirror it would find nothing."""
    config = (
        ":env:.index-url='https://user@env.invalid/simple'\n"
        "global.index-url='https://file.invalid/simple'\n"
        "global.extra-index-url='https://a.invalid/simple\\nhttps://b.invalid/simple'\n"
        "install.trusted-host='a.invalid'\n"
        "global.cert='/certs/ca.pem'\n"
        "global.timeout='60'\n"
        "unreadable line\n"
    )

    assert installer.uv_settings(config) == {
        "UV_DEFAULT_INDEX": "https://user@env.invalid/simple",
        "UV_INDEX": "https://a.invalid/simple https://b.invalid/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "a.invalid",
        "SSL_CERT_FILE": "/certs/ca.pem",
    }


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("error: failed to write: (os error 28)", "the disk is full"),
        ("NewConnectionError: Failed to establish", "the package index cannot be reached"),
        ("error: dns error: failed to lookup", "the package index cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "is not the one that was locked"),
        ("error: Hash mismatch for `a==1`", "is not the one that was locked"),
        ("Traceback\n  deep\nValueError: odd\n\n", "the set-up failed: ValueError: odd"),
        ("", "the set-up failed: no output"),
    ],
)
def test_reason_is_one_line_that_says_what_to_do(output, said, tmp_path):
    """Nobody reads a traceback of pip's."""
    reason = installer.reason_from(output, tmp_path / "log")

    assert said in reason
    assert "\n" not in reason


def test_failing_step_keeps_its_output(tmp_path):
    """The one line is for the terminal; all of it is in the log."""
    steps = InstallSteps(tmp_path / "a log")
    fails = [sys.executable, "-c", "print('so it was'); raise SystemExit(3)"]

    with pytest.raises(StepError, match="so it was"):
        steps.run("a step", fails)

    assert "so it was" in (tmp_path / "a log").read_text()


def test_step_has_settings_unless_the_user_has_them(tmp_path, monkeypatch):
    """What the user set for uv wins over what we read from pip."""
    monkeypatch.setenv("UV_INDEX", "the user's")
    shown = tmp_path / "log"
    prints = [sys.executable, "-c", "import os; print(os.environ['UV_INDEX'], os.environ['UV_X'])"]

    InstallSteps(shown).run("a step", prints, extra={"UV_INDEX": "pip's", "UV_X": "ours"})

    assert shown.read_text().split("\n")[0] == "the user's ours"


def test_hand_over_cleans_the_environment(tmp_path, monkeypatch):
    """A shell's settings for other projects slow the stack down or lead it astray."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    calls = []
    monkeypatch.setattr(bootstrap.os, "execve", lambda *call: calls.append(call))

    bootstrap.hand_over(tmp_path / "python", tmp_path, ["up", "-d"])

    [(_, command, environment)] = calls
    assert command[1:] == ["-P", "-m", "include.lab", "up", "-d"]
    assert environment["PYTHONPATH"] == str(tmp_path)
    assert "PYTHONDONTWRITEBYTECODE" not in environment


def test_wrong_python_is_one_line(ops, monkeypatch, tmp_path):
    """No supported Python on the PATH: which ones are, and how to get one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(ops.sys, "version_info", (3, 8, 1))

    with pytest.raises(SystemExit) as ended:
        ops.hand_over_to_another_python()

    assert str(ended.value).startswith("ops: needs Python 3.11, 3.12 or 3.13; this is 3.8")
    assert "\n" not in str(ended.value)


def test_shim_that_fails_is_passed_over(ops, monkeypatch, tmp_path):
    """A version manager puts shims on the PATH for versions that are not there."""
    version = "{}.{}".format(*sys.version_info)
    broken, good = tmp_path / "shims", tmp_path / "good"
    for folder, text in (
        (broken, "#!/bin/sh\nexit 127\n"),
        (good, f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'),
    ):
        folder.mkdir()
        (folder / f"python{version}").write_text(text)
        (folder / f"python{version}").chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken}{os.pathsep}{good}")
    taken = []

    def execv(python, command):
        taken.append(python)
        raise SystemExit

    monkeypatch.setattr(ops.os, "execv", execv)
    with pytest.raises(SystemExit):
        ops.hand_over_to_another_python()

    assert taken == [str(good / f"python{version}")]


def test_ops_needs_no_new_syntax():
    """Older Pythons must get as far as the line that says what is wrong."""
    compile((ROOT / "ops").read_text(), "ops", "exec", dont_inherit=True)
    parse = "import ast, sys; ast.parse(sys.stdin.read(), feature_version=(3, 6))"

    done = subprocess.run(
        [sys.executable, "-c", parse], input=(ROOT / "ops").read_bytes(), check=False
    )

    assert done.returncode == 0
