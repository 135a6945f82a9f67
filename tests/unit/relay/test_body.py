"""Reading a body: never more of it, or longer, than allowed (A8)."""

import asyncio

import pytest
from starlette.requests import Request

from include.errors import StoreUnavailableError
from include.relay import body as module
from include.relay.body import Budget, read_body
from include.relay.refusal import RefusalError


def read(*chunks, limit=100, budget=None, headers=(), ends=True):
    """Read a request that sends these chunks, and then ends, or says nothing more."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if ends:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def run():
        scope = {"type": "http", "method": "POST", "headers": list(headers)}
        with (budget or Budget()).lease() as lease:
            return await read_body(Request(scope, receive), limit=limit, lease=lease)

    return asyncio.run(run())


def refusal_of(*chunks, **options):
    with pytest.raises(RefusalError) as refusal:
        read(*chunks, **options)
    return refusal.value.status, str(refusal.value)


def test_the_bytes_come_as_they_were_sent():
    """A6: in whatever pieces."""
    assert read(b"a\xff", b"", b"\0b") == b"a\xff\0b"


@pytest.mark.parametrize("chunks", [[b"x" * 101], [b"x" * 50, b"x" * 51]])
def test_one_byte_too_many_is_refused(chunks):
    """A8: also where no length was announced."""
    assert read(b"x" * 50, b"x" * 50) == b"x" * 100
    assert refusal_of(*chunks) == (413, "body too large")


@pytest.mark.parametrize("length", [b"101", b"9" * 5000])
def test_an_announced_excess_is_refused_before_it_comes(length):
    """A8: nothing is read."""
    headers = [(b"content-length", length)]

    assert refusal_of(headers=headers, ends=False) == (413, "body too large")


def test_a_slow_body_is_given_up(monkeypatch):
    """A8: one deadline for all of it, so a byte now and then does not help."""
    monkeypatch.setattr(module, "READ_SECONDS", 0.05)

    assert refusal_of(b"x", ends=False) == (408, "body too slow")


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"identity, gzip"])
def test_a_packed_body_is_refused(encoding):
    """A8: the signature is of the bytes as sent."""
    assert refusal_of(b"x", headers=[(b"content-encoding", encoding)]) == (415, "content encoding")


def test_all_bodies_together_have_a_limit():
    """A8: what is in memory at once is bounded; the vendor comes again."""
    budget = Budget(150)
    with budget.lease() as lease:
        lease.grow(100)
        with pytest.raises(StoreUnavailableError):
            read(b"x" * 51, budget=budget)

    assert read(b"x" * 100, budget=budget) == b"x" * 100


def test_a_refused_body_gives_its_bytes_back():
    """Else a forger could use the budget up."""
    budget = Budget(100)
    for _ in range(10):
        refusal_of(b"x" * 60, b"x" * 60, budget=budget)

    assert read(b"x" * 100, budget=budget) == b"x" * 100
