"""What the tests of compose have in common."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
SEVERAL_HOSTS = ROOT / "deploy" / "compose.celery.yaml"  # over COMPOSE
EXAMPLE = ROOT / ".env.example"
SANDBOX = ROOT / "deploy" / "sandbox.env"
HELM = ROOT / "deploy" / "helm-values.yaml"
KUBERNETES = (ROOT / "deploy" / "kubernetes.yaml", ROOT / "deploy" / "ops.yaml")
SERVICES = yaml.safe_load(COMPOSE.read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
OVER = yaml.safe_load(SEVERAL_HOSTS.read_text())["services"]


def pods():
    """Yield the name and the pod of each workload in our own Kubernetes manifests."""
    for document in (one for file in KUBERNETES for one in yaml.safe_load_all(file.read_text())):
        if document["kind"] in {"Deployment", "Job"}:
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def several_hosts():
    """Return our services of the form on several hosts: both files together, as docker compose reads them."""
    together = {}
    for name in SERVICES | OVER:
        over = OVER.get(name, {})
        base = SERVICES.get(over.get("extends", {}).get("service", name), {})
        environment = {**base.get("environment", {}), **over.get("environment", {})}
        together[name] = {**base, **over, "environment": environment}
    return {
        name: service
        for name, service in together.items()
        if "build" in service and service.get("scale") != 0
    }


CELERY = several_hosts()


def environments():
    """Return the environment of everything that we start in production, by where it is written."""
    found = {f"compose:{name}": service.get("environment", {}) for name, service in OURS.items()}
    found |= {f"celery:{name}": service["environment"] for name, service in CELERY.items()}
    for name, pod in pods():
        variables = [one for container in pod["containers"] for one in container["env"]]
        found[f"kubernetes:{name}"] = {one["name"]: one.get("value") for one in variables}
    helm = yaml.safe_load(HELM.read_text())
    found["helm"] = {one["name"]: one.get("value") for one in helm["env"] + helm["workers"]["env"]}
    return found


ENVIRONMENTS = environments()


def commands():
    """Yield the words that each of our containers is started with."""
    for name, service in [*OURS.items(), *CELERY.items()]:
        yield name, [*service["entrypoint"], *service.get("command", [])]
    for name, pod in pods():
        for container in pod["containers"]:
            yield name, container["command"]


def assigned(path):
    """Return what an env file sets."""
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))
