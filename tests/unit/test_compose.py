"""The production files say only what the code, Airflow and the lock know."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from include.lab.sandbox.settings import Settings as SandboxSettings
from include.operate.deployment import Deployment
from include.operate.prepare import ProductionSettings
from include.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
EXAMPLE = ROOT / ".env.example"
HELM = ROOT / "deploy" / "helm-values.yaml"
KUBERNETES = (ROOT / "deploy" / "kubernetes.yaml", ROOT / "deploy" / "ops.yaml")

SERVICES = yaml.safe_load(COMPOSE.read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SECRET = re.compile(r"SECRET|PASSWORD|_KEY|_CONN|_URL$")
NO_SECRET = {
    "AIRFLOW_BASE_URL",
    "OPS_RUNBOOK_URL",
    "OPS_SANDBOX_URL",
}  # addresses that everybody may know
INTERPOLATION = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


def pods():
    """Yield the name and the pod of each workload in our own Kubernetes manifests."""
    for document in (one for file in KUBERNETES for one in yaml.safe_load_all(file.read_text())):
        if document["kind"] in {"Deployment", "Job"}:
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def environments():
    """Return the environment of everything that we start in production, by where it is written."""
    found = {f"compose:{name}": service.get("environment", {}) for name, service in OURS.items()}
    for name, pod in pods():
        variables = [one for container in pod["containers"] for one in container["env"]]
        found[f"kubernetes:{name}"] = {one["name"]: one.get("value") for one in variables}
    helm = yaml.safe_load(HELM.read_text())
    found["helm"] = {one["name"]: one.get("value") for one in helm["env"] + helm["workers"]["env"]}
    return found


ENVIRONMENTS = environments()


def commands():
    """Yield the words that each of our containers is started with."""
    for name, service in OURS.items():
        command = service.get("command", "").split()
        yield name, [*service.get("entrypoint", ["airflow"]), *command]
    for name, pod in pods():
        for container in pod["containers"]:
            yield name, container["command"]


@pytest.mark.parametrize(("name", "words"), list(commands()))
def test_each_service_starts_something_that_exists(name, words):
    """A module of ours that can be run, or a command of this Airflow."""
    from airflow.cli.cli_config import core_commands

    if words[0] == "airflow":
        known = {command.name for command in core_commands}
        assert words[1] in known | {"celery"}  # the provider's, which only the image has
    else:
        assert words[:2] == ["python", "-m"]
        module = importlib.util.find_spec(words[2])
        assert module is not None
        if module.submodule_search_locations:
            assert importlib.util.find_spec(f"{words[2]}.__main__")


@pytest.mark.parametrize("where", list(ENVIRONMENTS))
def test_our_variables_are_fields_of_our_settings(where):
    """A variable with a slip in its name would be ignored, silently."""
    fields = {
        f"OPS_{name.upper()}"
        for settings in (Settings, ProductionSettings, Deployment)
        for name in settings.model_fields
    }
    fields.add("OPS_ACTOR")  # the command line's own
    fields |= {f"OPS_SANDBOX_{name.upper()}" for name in SandboxSettings.model_fields}

    assert {name for name in ENVIRONMENTS[where] if name.startswith("OPS_")} <= fields


@pytest.mark.parametrize("where", list(ENVIRONMENTS))
def test_airflow_variables_are_options_of_this_airflow(where):
    """Airflow ignores what it does not know."""
    from airflow.configuration import conf

    known = {
        f"AIRFLOW__{section}__{option}".upper()
        for section, described in conf.configuration_description.items()
        for option in described["options"]
    }
    known.add(
        "AIRFLOW__CELERY__RESULT_BACKEND"
    )  # described by the provider, which only the image has

    assert {name for name in ENVIRONMENTS[where] if name.startswith("AIRFLOW__")} <= known


def test_values_meet_the_settings():
    """What is written as a plain value is one that the settings take."""
    taken = 0
    for environment in ENVIRONMENTS.values():
        plain = {
            name.removeprefix("OPS_").lower(): value
            for name, value in environment.items()
            if name.startswith("OPS_")
            and not name.startswith("OPS_SANDBOX_")
            and value
            and "$" not in value
        }
        Settings(**{"database_url": "postgresql://x", **plain})
        taken += len(plain)
    assert taken


def test_no_secret_has_a_default():
    """Each secret comes from `.env`, and compose refuses to start without it."""
    found = [*INTERPOLATION.finditer(COMPOSE.read_text())]
    secrets = [one for one in found if SECRET.search(one["name"]) and one["name"] not in NO_SECRET]

    assert len(secrets) > 10
    assert {one["name"]: one["rest"] for one in secrets} == {
        one["name"]: ":?see .env.example" for one in secrets
    }


@pytest.mark.parametrize("where", list(ENVIRONMENTS))
def test_no_secret_is_written_down(where):
    """What is called a secret is taken from somewhere, or is the address of something without one."""
    for name, value in ENVIRONMENTS[where].items():
        if SECRET.search(name) and value:
            assert "$" in value or re.fullmatch(
                r"https?://[a-z0-9.-]+(:\d+)?(/execution/)?", value
            ), name


def test_the_example_has_exactly_the_names_that_compose_asks_for():
    """Whoever fills in the example has all, and nothing that is not used."""
    asked = {one["name"] for one in INTERPOLATION.finditer(COMPOSE.read_text())}
    given = set(re.findall(r"^(\w+)=", EXAMPLE.read_text(), re.MULTILINE))

    assert given == asked


def test_the_example_holds_no_secret():
    """It is in git: its secrets are empty, refer to others, or are for the sandbox, which takes any."""
    for name, value in re.findall(r"^(\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE):
        if SECRET.search(name) and name not in NO_SECRET:
            assert (
                not value
                or "${OPS_DATABASE_PASSWORD}" in value
                or '"http://sandbox:8026/' in value
                or '"host": "sandbox"' in value
            )


def test_ops_has_what_worker_and_relay_have():
    """What the doctor finds is what they would find: it lacks nothing that they are given, and has no other value."""
    ops = ENVIRONMENTS["compose:ops"]

    for name in ("worker-1", "relay-1"):
        given = ENVIRONMENTS[f"compose:{name}"]
        assert {key: ops.get(key) for key in given} == given


@pytest.mark.parametrize("profile", [(), ("--profile", "sandbox"), ("--profile", "ops")])
def test_compose_accepts_the_file(profile, tmp_path):
    """Docker's own parser reads it, with and without the sandbox."""
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("docker compose is not installed here")
    filled = tmp_path / "env"
    filled.write_text(re.sub(r"^(\w+)=$", r"\1=x", EXAMPLE.read_text(), flags=re.MULTILINE))

    answer = subprocess.run(
        [docker, "compose", "--file", COMPOSE, *profile, "--env-file", filled, "config", "--quiet"],
        capture_output=True, text=True, check=False, env={**os.environ, "COMPOSE_PROFILES": ""},
    )  # fmt: skip

    assert (answer.returncode, answer.stderr) == (0, "")


def pins(path):
    """Return the version that a lock gives to each package."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", path.read_text(), re.MULTILINE))


def test_the_image_has_the_versions_that_the_tests_have():
    """Both locks agree on every package that both have; what only the image has is the executor's."""
    tested, image = pins(ROOT / "requirements.lock"), pins(ROOT / "deploy" / "requirements.lock")

    assert {
        name: version for name, version in image.items() if tested.get(name, version) != version
    } == {}
    assert len(set(image) & set(tested)) > 150
    assert {"celery", "redis", "apache-airflow-providers-celery"} <= set(image) - set(tested)


def test_the_image_has_every_package_of_the_product():
    """`requirements.txt` down to the local stack is what production needs, except pytest."""
    product = (ROOT / "requirements.txt").read_text().partition("# --- the local stack")[0]
    names = set(re.findall(r"^([a-z0-9-]+)", product, re.MULTILINE)) - {"pytest"}

    assert len(names) > 15
    assert names <= set(pins(ROOT / "deploy" / "requirements.lock"))


def test_the_image_gets_every_folder_that_production_imports():
    """A folder that is not copied, or that .dockerignore holds back, is missed only at run time."""
    copied = re.findall(
        r"^COPY --chown=airflow:0 (?:--chmod=\d+ )?(\S+) ",
        (ROOT / "Dockerfile").read_text(),
        re.MULTILINE,
    )
    passed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    product = {name for name in ("dags", "include", "plugins") if any((ROOT / name).glob("*.py"))}

    assert {source.rstrip("/") for source in copied} == set(passed)
    assert product <= set(passed)


def test_image_chart_and_lock_have_the_same_airflow():
    """One version of Airflow everywhere."""
    version = pins(ROOT / "requirements.lock")["apache-airflow"]
    helm = yaml.safe_load(HELM.read_text())

    assert f"FROM apache/airflow:slim-{version}-python3.12\n" in (ROOT / "Dockerfile").read_text()
    assert helm["airflowVersion"] == version
    assert {service["image"] for service in OURS.values()} == {f"wdai-ops:{version}"}


def test_compose_and_chart_set_airflow_alike():
    """An option that both set has one value; only addresses and secrets differ."""
    compose = ENVIRONMENTS["compose:scheduler-1"]
    both = {
        name
        for name, value in ENVIRONMENTS["helm"].items()
        if name in compose and value and "://" not in value
    }

    assert len(both) > 5
    assert {name: ENVIRONMENTS["helm"][name] for name in both} == {
        name: compose[name] for name in both
    }
