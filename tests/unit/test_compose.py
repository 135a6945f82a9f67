"""The production files say only what the code, Airflow and the lock know."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from include.lab.commands.lock import product_of
from include.lab.sandbox.settings import Settings as SandboxSettings
from include.lab.stack import airflow_config
from include.operate.deployment import Deployment
from include.operate.prepare import ProductionSettings
from include.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
EXAMPLE = ROOT / ".env.example"
SANDBOX = ROOT / "deploy" / "sandbox.env"
CADDYFILE = ROOT / "deploy" / "Caddyfile"
DOCKERFILE = ROOT / "Dockerfile"
HELM = ROOT / "deploy" / "helm-values.yaml"
KUBERNETES = (ROOT / "deploy" / "kubernetes.yaml", ROOT / "deploy" / "ops.yaml")

SERVICES = yaml.safe_load(COMPOSE.read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SECRET = re.compile(r"SECRET|PASSWORD|_KEY|_CONN|_URL$")
NO_SECRET = {
    "OPS_PUBLIC_URL",
    "OPS_RUNBOOK_URL",
    "OPS_SANDBOX_URL",
}  # addresses that everybody may know
NOT_ALWAYS_USED = {  # may be empty, which says so, but not forgotten
    *(
        f"AIRFLOW_CONN_{name}"
        for name in ("LUMA", "SLACK", "SLACK_ADMIN", "SMTP", "PAGERDUTY", "TWILIO")
    ),
    "OPS_ALERT_SIGNAL_URL",
}
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
        one["name"]: "?see .env.example" if one["name"] in NOT_ALWAYS_USED else ":?see .env.example"
        for one in secrets
    }


@pytest.mark.parametrize("where", list(ENVIRONMENTS))
def test_no_secret_is_written_down(where):
    """What is called a secret is taken from somewhere, or is the address of something without one."""
    for name, value in ENVIRONMENTS[where].items():
        if SECRET.search(name) and value:
            assert "$" in value or re.fullmatch(
                r"https?://[a-z0-9.-]+(:\d+)?(/execution/)?", value
            ), name


def assigned(path):
    """Return what an env file sets."""
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))


def test_the_example_has_exactly_the_names_that_compose_asks_for():
    """Whoever fills in the example has all, and nothing that is not used."""
    asked = {one["name"] for one in INTERPOLATION.finditer(COMPOSE.read_text())}

    assert set(assigned(EXAMPLE)) == asked


def test_each_key_of_the_example_has_its_recipe_above_it():
    """One recipe for three keys is read as one for the first."""
    lines = EXAMPLE.read_text().splitlines()
    bare = [
        line
        for above, line in pairwise(lines)
        if re.match(r"\w+=", line) and (not above.startswith("# ") or above.startswith("# ---"))
    ]

    assert bare == []


def test_the_example_holds_no_secret():
    """It is in git: its secrets are empty, or refer to others."""
    for name, value in assigned(EXAMPLE).items():
        if SECRET.search(name) and name not in NO_SECRET:
            assert not value or "_PASSWORD}@postgres:" in value, name


def test_the_example_is_for_production():
    """A trial is the exception that has to be asked for."""
    given = assigned(EXAMPLE)

    assert given["OPS_CLERK_MODE"] == "live"
    assert given["OPS_PUBLIC_URL"].startswith("https://")
    assert "sandbox:" not in "".join(given.values())


def test_the_sandboxs_file_leads_all_calls_to_the_sandbox():
    """With it nothing that is filled in for production reaches a vendor."""
    calls_out = {name for name in assigned(EXAMPLE) if name.startswith("AIRFLOW_CONN_")}
    given = assigned(SANDBOX)

    assert calls_out | {"OPS_ALERT_SIGNAL_URL"} <= given.keys() <= assigned(EXAMPLE).keys()
    for name in (*calls_out, "OPS_ALERT_SIGNAL_URL"):
        assert "http://sandbox:8026/" in given[name] or '"host": "sandbox"' in given[name]
    connections = [json.loads(given[name].strip("'")) for name in sorted(calls_out)]
    assert len(connections) == 9


def test_ops_has_what_tasks_and_relay_have():
    """What the doctor finds is what they would find: it lacks nothing that they are given, and has no other value."""
    ops = ENVIRONMENTS["compose:ops"]

    for name in ("airflow", "relay-1"):
        given = {**ENVIRONMENTS[f"compose:{name}"]}
        given.pop("FORWARDED_ALLOW_IPS", None)  # the API server's
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
    filled = [f"--env-file={filled}", f"--env-file={SANDBOX}"]

    answer = subprocess.run(
        [docker, "compose", "--file", COMPOSE, *profile, *filled, "config", "--quiet"],
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
    """What it needs of ours, `ops` and supervisor too."""
    product = product_of((ROOT / "requirements.txt").read_text())
    names = set(re.findall(r"^([a-z0-9-]+)", product, re.MULTILINE))

    assert len(names) > 15
    assert {"supervisor", "typer", "rich"} <= names
    assert names <= set(pins(ROOT / "deploy" / "requirements.lock"))


def test_the_image_gets_every_folder_that_production_imports():
    """A folder that is not copied, or that .dockerignore holds back, is missed only at run time."""
    copied = re.findall(
        r"^COPY --chown=airflow:0 (?:--chmod=\d+ )?(\S+) ", DOCKERFILE.read_text(), re.MULTILINE
    )
    passed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    product = {name for name in ("dags", "include", "plugins") if any((ROOT / name).glob("*.py"))}

    assert {source.rstrip("/") for source in copied} == set(passed)
    assert product <= set(passed)


def test_image_chart_and_lock_have_the_same_airflow():
    """One version of Airflow everywhere."""
    version = pins(ROOT / "requirements.lock")["apache-airflow"]
    helm = yaml.safe_load(HELM.read_text())

    assert f"FROM apache/airflow:slim-{version}-python3.12\n" in DOCKERFILE.read_text()
    assert helm["airflowVersion"] == version


def test_the_image_is_named_by_our_version():
    """Another version is another image, so that there is a way back."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    helm = yaml.safe_load(HELM.read_text())
    images = {service["image"] for service in OURS.values()}
    in_pods = {one["image"] for _, pod in pods() for one in pod["containers"]}

    assert images == {f"wdai-ops:${{OPS_VERSION:-{version}}}"}
    assert in_pods == {f"wdai-ops:{version}"}
    assert assigned(EXAMPLE)["OPS_VERSION"] == helm["images"]["airflow"]["tag"] == version


def test_the_build_imports_what_is_started():
    """A package that another has outgrown passes `pip check`, and production would restart for ever."""
    [imported] = re.findall(r'python -c "import (.+?)"', DOCKERFILE.read_text(), re.DOTALL)
    names = set(re.split(r"[\s,\\]+", imported))
    modules = {words[2] for _, words in commands() if words[:2] == ["python", "-m"]}
    executors = {one.get("AIRFLOW__CORE__EXECUTOR", "") for one in ENVIRONMENTS.values()}
    executors = {name.rpartition(".")[0] for name in executors} - {""}

    assert modules
    assert {names & {module, f"{module}.__main__"} == set() for module in modules} == {False}
    assert executors <= names
    assert "airflow.providers.celery.executors.celery_executor" in names


def test_one_host_and_local_stack_set_airflow_alike():
    """The figures that are measured on the local stack are those of production on one host."""
    local = airflow_config.environment(
        checkout=ROOT, home=ROOT, database_dsn="postgresql://x", port=1,
        secrets=airflow_config.AirflowSecrets(fernet_key="", jwt_secret="", secret_key=""),
    )  # fmt: skip
    host = ENVIRONMENTS["compose:airflow"]
    of_a_place = {
        name for name in local if re.search(r"URL|SECRET|KEY|FOLDER|HOST|PORT|CONN|HOME|PATH", name)
    }
    of_a_checkout = {"AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL"}  # where DAG files come and go
    tuned = local.keys() - of_a_place - of_a_checkout

    assert len(tuned) > 10
    assert {name: host.get(name, "").lower() for name in tuned} == {
        name: local[name].lower() for name in tuned
    }


def test_caddy_takes_its_file():
    """Caddy's own reader; what it passes on is tried by the tests of production."""
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("caddy is not installed here: apt-get install caddy")

    for url in ("https://ops.example.org", "https://localhost", "http://localhost"):
        answer = subprocess.run(
            [caddy, "validate", "--adapter", "caddyfile", "--config", CADDYFILE],
            capture_output=True, text=True, check=False, env={**os.environ, "OPS_PUBLIC_URL": url},
        )  # fmt: skip
        assert (answer.returncode, "Valid configuration" in answer.stderr + answer.stdout) == (
            0,
            True,
        ), answer.stderr


def test_compose_and_chart_set_airflow_alike():
    """An option that both set has one value; only addresses, secrets and what an executor wants differ."""
    compose = {
        name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value)
        for name, value in ENVIRONMENTS["compose:airflow"].items()
    }
    both = {
        name
        for name, value in ENVIRONMENTS["helm"].items()
        if name in compose and value and "://" not in value
    } - {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"}

    assert len(both) > 5
    assert {name: ENVIRONMENTS["helm"][name] for name in both} == {
        name: compose[name] for name in both
    }
