"""Production on one host, started from a clean checkout by its own file's words: what CI does on each change."""

import re
import ssl
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from include.lab.demo.checks import expect_members
from include.lab.demo.play import stage_on
from include.lab.stack.layout import ROOT
from include.store import Store
from tests.production.forms import ONE_HOST, TRIAL, deploying, filled, project_of
from tests.production.interpolation import read_env_files
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)
PUBLIC = "http://localhost"
VENDORS = ("stripe", "clerk")
AT_ONCE, MANY = 16, 1600


def test_webhook_through_the_proxy_ends_in_its_effect(form):
    """A member who pays and signs up is one at Mailchimp, on the platform and in the audit log, once."""
    assert (
        form.deployment.project.services["sandbox"].environment["OPS_SANDBOX_RELAY_URL"]
        == "http://caddy"
    )
    with stage_on(form.stack) as stage:
        member = stage.newcomer()

        stage.deliver("joins", stage.join(member, "stripe_first").events)

        expect_members(stage, [member])
        assert stage.problems == []


def test_relays_take_webhooks_of_the_world(form):
    """One without a signature is refused by a relay and not by the proxy."""
    for vendor in VENDORS:
        answer = httpx.post(f"{PUBLIC}/webhooks/{vendor}", content=b"{}")

        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert answer.headers["content-type"] == "application/json"


def test_people_reach_airflow(form):
    """Its UI and its REST API are behind the proxy."""
    assert "<title>Airflow" in httpx.get(f"{PUBLIC}/").text
    assert httpx.get(f"{PUBLIC}/api/v2/version").is_success


@pytest.mark.parametrize("path", ["/readyz", "/metrics", "/health/jobs", "/webhooks/../readyz"])
def test_pages_of_the_relays_are_closed(form, path):
    """What a relay says is for operators: the world gets whatever Airflow has under that path."""
    relay = httpx.get(f"{form.stack.relay_url}{path}")

    answer = httpx.get(f"{PUBLIC}{path}")

    assert relay.is_success or ".." in path
    assert answer.text != relay.text
    assert "ready" not in answer.text


@pytest.mark.parametrize(
    "path", ["/execution/", "/execution/health", "//execution/health", "/%65xecution/health"]
)
def test_interface_of_tasks_is_closed(form, path):
    """Tasks speak to it from inside, with tokens that are worth much."""
    assert httpx.get(f"{PUBLIC}{path}").status_code == httpx.codes.NOT_FOUND


def test_image_has_ops(form):
    """By its name too, as who has no Python starts `ops init` in it."""
    told = form.deployment.run("ops", "status", entrypoint="ops")

    assert told.returncode == 0, told.stdout + told.stderr
    assert "All is well" in told.stdout


def test_probe_goes_the_way_of_a_webhook(form):
    """`ops probe webhooks URL`, in the container for people: through Caddy to a relay, and to a row for each vendor."""
    probed = form.ops("probe", "webhooks", "http://caddy")

    assert probed.returncode == 0, probed.stdout + probed.stderr
    found = re.findall(r"(http://caddy/\S+): stored as row (\d+), ", probed.stdout)
    assert [url for url, _ in found] == [f"http://caddy/webhooks/{one}" for one in VENDORS]
    with closing(Store.connect(form.stack.database_url)) as store:
        rows = store.connection.execute(
            "SELECT provider, type, state FROM ops.inbox WHERE id = ANY(%s) ORDER BY id",
            [[int(number) for _, number in found]],
        ).fetchall()
    assert rows == [{"provider": one, "type": "ops.probe", "state": "ignored"} for one in VENDORS]


def test_probe_says_that_the_proxy_serves_another_name(form):
    """As a vendor would find it that has the host's number instead of its name."""
    probed = form.ops("probe", "webhooks", f"http://{form.deployment.address('caddy')}")

    assert probed.returncode == 1
    assert "answers 404: the proxy does not hand it on to the relay" in probed.stderr


def test_another_name_is_not_served(form):
    """A webhook to the host's number is not acknowledged by a proxy that has passed it to nobody."""
    answer = httpx.post("http://127.0.0.1/webhooks/stripe", content=b"{}")

    assert answer.status_code == httpx.codes.NOT_FOUND


def test_only_what_the_file_publishes_is_open(form):
    """The world's ports are the proxy's."""
    world = {
        (service.name, port.published)
        for service in form.deployment.project.services.values()
        for port in service.ports
        if port.address != "127.0.0.1"
    }

    assert world == {("caddy", 80), ("caddy", 443)}


def test_services_are_not_root_and_have_nothing_of_ours(form):
    """Each process of the image runs as its user, with the file's environment and not with that of the tests."""
    for container in form.deployment.containers.values():
        for process in container.processes() if container.service.is_built else []:
            assert process.uids().effective == 50000, container.name
            assert not {"PYTEST_VERSION", "OPS_STATE_DIR"} & {*process.environ()}, container.name


def test_world_comes_by_tls(tmp_path):
    """With an address of https Caddy has a certificate, here of its own issuer, and leads there who comes without."""
    env = filled(ROOT / ".env.example", tmp_path)
    variables = {**read_env_files(env, ROOT / TRIAL), "OPS_PUBLIC_URL": "https://localhost"}
    with deploying(project_of(ONE_HOST, variables), tmp_path) as deployment:
        deployment.up("caddy")
        issuer = deployment.volumes / "caddy" / "caddy/pki/authorities/local/root.crt"
        assert until(issuer.is_file, 30)
        trusted = ssl.create_default_context(cafile=issuer)

        closed = httpx.get("https://localhost/execution/health", verify=trusted)
        plain = httpx.get("http://localhost/webhooks/stripe")

    assert closed.status_code == httpx.codes.NOT_FOUND
    assert plain.status_code == httpx.codes.PERMANENT_REDIRECT
    assert plain.headers["location"] == "https://localhost/webhooks/stripe"


def test_relay_that_is_left_out_costs_no_webhook(form):
    """While one is replaced, each of many at once finds the other; a DELETE is what a relay refuses and forgets."""
    said = 'health_checker.active","msg":"HTTP request failed","host":"relay-1:8025"'
    proxy = form.deployment.containers["caddy-1"].log
    before = proxy.read_text().count(said)
    form.deployment.stop("relay-1")
    try:
        assert until(lambda: proxy.read_text().count(said) > before, 30)
        with httpx.Client(base_url=PUBLIC) as vendor, ThreadPoolExecutor(AT_ONCE) as threads:
            sent = [threads.submit(vendor.delete, "/webhooks/stripe") for _ in range(MANY)]
            answers = Counter(one.result().status_code for one in sent)
    finally:
        form.deployment.start("relay-1")
        form.deployment.wait_until_healthy("relay-1")

    assert answers == {httpx.codes.METHOD_NOT_ALLOWED: MANY}


def test_nobody_was_started_twice(form):
    """A service that fails at its first start and is right at the second hides what is wrong."""
    restarts = {
        one.name: one.restarts for one in form.deployment.containers.values() if one.restarts
    }

    assert restarts == {}
