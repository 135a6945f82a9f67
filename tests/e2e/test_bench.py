"""`./ops bench`: what its profile reads is what Airflow and the inbox have written down."""

from contextlib import closing

import pytest

from include.lab.bench.hops import ASKED, TAKEN, TURNS, WORK
from include.lab.bench.product import Product
from include.lab.bench.sandbox import NEXT_TIER, UPDATED
from include.lab.demo.stage import Stage
from tests.local_stack import LocalStack


def test_hops_of_a_webhook_are_its_whole_time(local_stack: LocalStack, stage: Stage):
    """From the row's arrival to its end; of what came before the mark nothing is told."""
    who = stage.newcomer()
    joined = stage.deliver("she joins", stage.join(who, "clerk_first").events)
    changed = stage.sandbox.act("update_member", email=who.email, tier=NEXT_TIER[who.tier])
    [event] = [one for one in changed.of("stripe") if one.type == UPDATED]
    with closing(Product(local_stack.stack)) as product:
        mark = product.mark()
        delivery = stage.deliver("she has another tier", [event])

        hops, nothing = product.hops(mark), product.hops(product.mark())

    [row] = delivery.rows
    assert row.finished_at is not None
    assert row.id > max(one.id for one in joined.rows)
    assert set(hops) == {ASKED, TURNS, TAKEN, WORK}
    assert min(hops.values()) > 0
    lasted = (row.finished_at - row.received_at).total_seconds()
    assert sum(hops.values()) == pytest.approx(lasted, abs=0.001)
    assert nothing == {}
