"""Mailchimp's ten simultaneous connections."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import requests

AUTH = ("any", "sandbox-us6")


def test_eleventh_call_at_once_is_refused(sandbox):
    """Ten calls held in service: the next is a 429 problem document, and eleven is the highest seen."""
    gate = threading.Barrier(10)
    sandbox.fault("mailchimp", "delay", path="/lists", seconds=1.0, times=10)

    def held():
        gate.wait()
        return requests.get(f"{sandbox.url}/mailchimp/3.0/lists", auth=AUTH, timeout=10)

    with ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(held) for _ in range(10)]
        while sandbox.fired() < 10:
            pass
        refused = requests.get(f"{sandbox.url}/mailchimp/3.0/ping", auth=AUTH, timeout=10)
        held_statuses = Counter(call.result().status_code for call in waiting)

    assert (refused.status_code, refused.json()["title"]) == (429, "Too Many Requests")
    assert held_statuses == {200: 10}
    assert sandbox.calls()["highest_at_once"]["mailchimp"] == 11


def test_cap_does_not_bind_the_other_vendors(sandbox):
    """Only Mailchimp counts connections."""
    sandbox.ask("PATCH", "settings", json={"service_seconds": {"clerk": 0.2, "mailchimp": 0.2}})
    headers = {"Authorization": "Bearer sk"}

    def call(vendor):
        url = f"{sandbox.url}/{vendor}"
        return requests.get(url, headers=headers, timeout=10).status_code

    with ThreadPoolExecutor(40) as pool:
        clerk = Counter(pool.map(call, ["clerk/v1/users"] * 20))
        mailchimp = Counter(pool.map(call, ["mailchimp/3.0/ping"] * 20))

    assert clerk == {200: 20}
    assert mailchimp[200] >= 10
    assert mailchimp[429] == 20 - mailchimp[200] > 0
