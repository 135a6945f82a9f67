"""The image, its versions, and what it is named by."""

import re
import tomllib

import yaml

from include.lab.commands.lock import product_of
from tests.unit.deployment_files import (
    ENVIRONMENTS,
    EXAMPLE,
    HELM,
    OURS,
    ROOT,
    assigned,
    commands,
    pods,
)

DOCKERFILE = ROOT / "Dockerfile"


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


def test_changelog_begins_with_our_version():
    """Who upgrades reads there what changes; what comes after it is not released yet."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    heads = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert next(head for head in heads if head != "Unreleased") == version


def test_the_image_is_named_by_our_version():
    """Another version is another image, so that there is a way back."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    helm = yaml.safe_load(HELM.read_text())
    images = {service["image"] for service in OURS.values()}
    in_pods = {one["image"] for _, pod in pods() for one in pod["containers"]}
    readme = re.findall(r"wdai-ops:(\S+)", (ROOT / "README.md").read_text())

    assert images == {f"wdai-ops:${{OPS_VERSION:-{version}}}"}
    assert {*readme} == {version}
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
