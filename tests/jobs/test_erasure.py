"""Erasure: nothing of her is left in any table, what identifies an event stays, and the journal still explains."""

import hashlib
from collections import defaultdict
from contextlib import contextmanager

import orjson
import psycopg
import pytest
from psycopg.types.json import Json

from include.errors import ActRefusedError
from include.operate.erasure import erase, names
from include.person import person_from
from include.store.airflow_tables import WORDS, AirflowTables
from include.store.inbox import InboxState
from include.store.slack import AccountLink

EMAIL = "Ada.Lovelace+ops@Example.org"
LOWER = EMAIL.lower()
PERSON = person_from("grace", "she asked for it in writing")
TABLES = """
  SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
  WHERE table_schema IN ('ops', 'public') AND table_type = 'BASE TABLE'
"""


def everything(world):
    """Return all rows of all tables as one text, bytes written out."""
    texts = []
    for table in world.query(TABLES):
        for row in world.query(f"SELECT * FROM {table['name']}"):  # noqa: S608 - Postgres' own names
            texts += [
                bytes(value).decode("utf-8", "replace")
                if isinstance(value, bytes | memoryview)
                else orjson.dumps(value, default=str).decode()
                for value in row.values()
            ]
    return "\n".join(texts).lower()


def leave(world, email=EMAIL):
    """Let her join, change, and delete her account, with every event applied."""
    world.run(*world.join(email=email))
    world.run(*world.act("update_member", email=email, tier="leader"))
    events = world.act("delete_user", email=email)
    run = world.run(*events)
    assert world.states(run) <= {InboxState.PROCESSED, InboxState.SUPERSEDED}
    world.query(
        "UPDATE ops.deactivations SET state = 'done' WHERE state NOT IN ('done', 'revoked') RETURNING id"
    )


@contextmanager
def airflow_of(world):
    """Give Airflow's tables, as far as people's words stand in them; tests/e2e has the real ones."""
    columns = defaultdict(list)
    for (table, column), kind in WORDS.items():
        columns[table].append(f"{column} {kind.as_string()}")
    with psycopg.connect(
        world.dsn, options="-c search_path=airflow", autocommit=True
    ) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS airflow")
        for table, definitions in columns.items():
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(definitions)})")
        yield AirflowTables(connection)


def erased(world, email=EMAIL, **options):
    with airflow_of(world) as airflow:
        options = {"now": world.clock.now(), "store": world.store, "airflow": airflow, **options}
        return erase(email, person=PERSON, **options)


def test_nothing_of_her_is_left(world):
    """Her address, its hashes and her names: in no table, in no form; a neighbour's are untouched."""
    world.run(*world.join(email="grace@example.org", first_name="Grace", last_name="Hopper"))
    leave(world)
    traces = [
        LOWER,
        hashlib.md5(LOWER.encode(), usedforsecurity=False).hexdigest(),
        "lovelace",
        '"ada"',
    ]
    [user] = world.query("SELECT id FROM public.users WHERE lower(email) = %s", LOWER)
    world.store.slack.link(
        [AccountLink(member_id=user["id"], slack_user_id="U0HERSELF")], now=world.clock.now()
    )
    traces.append("u0herself")
    before = everything(world)
    assert all(trace in before for trace in traces)

    done = erased(world)

    after = everything(world)
    assert [trace for trace in traces if trace in after] == []
    assert "grace@example.org" in after
    assert len(done.members) == 1
    assert done.rows["ops.inbox"] == done.events > 3


def test_her_events_stay_known(world):
    """A late second delivery of one of them is a duplicate, and makes nobody anew."""
    leave(world)
    events = world.events()

    erased(world)
    users = world.query("SELECT count(*) AS count FROM public.users")
    ids = world.receive(*events)

    assert set(world.rows(ids)) <= {InboxState.PROCESSED, InboxState.SUPERSEDED, InboxState.IGNORED}
    assert world.query("SELECT count(*) AS count FROM public.users") == users


def test_act_is_audited_without_her_address(world):
    """Who asked and why is written down; what happened to the member before can still be read."""
    leave(world)
    actions = world.audit()

    erased(world)

    assert world.audit() == [*actions, "member:erase"]
    [row] = world.query("SELECT * FROM ops.audit_log WHERE action = 'member:erase'")
    assert (row["actor"], row["metadata"]["why"]) == ("user:grace", "she asked for it in writing")


def test_dry_run_changes_nothing(world):
    """It counts what would go, by going and coming back."""
    leave(world)
    before = everything(world)

    would = erased(world, dry_run=True)

    assert everything(world) == before
    assert erased(world).rows == would.rows


def test_member_with_an_account_is_refused(world):
    """Redacted while she is a member, she would come back with the next event: first she leaves."""
    world.run(*world.join(email=EMAIL))
    before = everything(world)

    with pytest.raises(ActRefusedError, match="she still has an account"):
        erased(world)

    assert everything(world) == before


def test_event_in_the_hands_of_a_run_is_waited_for(world):
    """What a run has read it may write again."""
    leave(world)
    world.query("UPDATE ops.inbox SET state = 'dispatched' RETURNING id")

    with pytest.raises(ActRefusedError, match="try again later"):
        erased(world)


def test_address_in_an_unknown_place_stops_it(world):
    """The search is the proof: where it finds something, nothing is changed and the table is named."""
    leave(world)
    world.query("INSERT INTO ops.rejections VALUES (now(), 'stripe', %s, 1) RETURNING count", LOWER)

    with pytest.raises(ActRefusedError, match=r"ops\.rejections"):
        erased(world)

    assert LOWER in everything(world).replace("ops.rejections", "")
    assert "member:erase" not in world.audit()


def test_what_people_have_typed_is_redacted_in_airflows_tables(world):
    """A reason that names her stands there for every viewer; whatever is beside it stays."""
    leave(world)
    typed = {"why": f"{EMAIL} has asked", "mailchimp_sync.x.1": "replay"}
    with airflow_of(world) as airflow:
        run = airflow.connection.execute
        run("INSERT INTO hitl_detail (params_input) VALUES (%s)", [Json(typed)])
        run("INSERT INTO log (extra) VALUES (%s)", [Json({"params_input": typed})])
        run("INSERT INTO dag_run_note (content) VALUES (%s)", [f"for {LOWER}, as agreed"])
        run("INSERT INTO xcom (value) VALUES (%s)", [Json({"who": "grace@example.org"})])

        counted = erased(world, dry_run=True).rows
        assert len(airflow.search([LOWER])) == 3
        assert counted["airflow.log"] == 1
        assert erased(world).rows == counted

        assert airflow.search([LOWER]) == {}
        [answer] = run("SELECT params_input AS kept FROM hitl_detail").fetchall()
        assert answer["kept"] == {"why": "*** has asked", "mailchimp_sync.x.1": "replay"}
        assert airflow.search(["grace@example.org", "as agreed"]) == {
            "airflow.dag_run_note": 1,
            "airflow.xcom": 1,
        }


def test_who_is_known_to_airflow_alone_is_redacted_there(world):
    """Nobody is a member under it; a person has named it in a note."""
    with airflow_of(world) as airflow:
        airflow.connection.execute("INSERT INTO task_instance_note VALUES (%s)", [LOWER])

        assert erased(world).rows["airflow.task_instance_note"] == 1
        assert airflow.search([LOWER]) == {}


def test_address_in_an_unknown_place_of_airflows_stops_it(world):
    """Then nothing is changed, in neither database."""
    leave(world)
    with airflow_of(world) as airflow:
        airflow.connection.execute("CREATE TABLE dag_code (source text)")
        airflow.connection.execute("INSERT INTO dag_code VALUES (%s)", [f"# {LOWER}"])
        airflow.connection.execute("INSERT INTO log (extra) VALUES (%s)", [LOWER])

        with pytest.raises(ActRefusedError, match=r"airflow\.dag_code"):
            erased(world)

        assert set(airflow.search([LOWER])) == {"airflow.dag_code", "airflow.log"}
    assert "member:erase" not in world.audit()


@pytest.mark.parametrize("text", ["", "  ", "ada", "@"])
def test_what_is_no_address_erases_nothing(world, text):
    """An empty pattern would be found everywhere."""
    with pytest.raises(ActRefusedError):
        erased(world, email=text)


def test_stranger_is_nobody(world):
    """A typing error must not look like a success."""
    with pytest.raises(ActRefusedError, match="nobody is known"):
        erased(world, email="nobody@example.org")


@pytest.mark.parametrize(
    ("body", "is_named"),
    [
        (b'{"email": "ada@example.org"}', True),
        (b'{"email": "ADA@Example.ORG"}', True),
        (b'{"email": "ada\\u0040example.org"}', True),
        (b'{"email": "ada@example.organic"}', True),
        (b'{"email": "grace@example.org"}', False),
        (b"\xff\\", False),
    ],
)
def test_address_is_found_however_it_is_written(body, is_named):
    """Capitals and JSON's escapes hide nothing; one event too many is better than one too few."""
    assert names(body, "ada@example.org") is is_named


def test_batches_reach_every_event(world, monkeypatch):
    """The look through the bodies goes on to the last one."""
    monkeypatch.setattr("include.store.erasure.BATCH_ROWS", 2)
    leave(world)
    scanned = []

    erased(world, tell=scanned.append)

    assert scanned == sorted(scanned)
    assert len(scanned) > 2
