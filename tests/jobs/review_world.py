"""What the tests of the review have in their hands."""

from contextlib import contextmanager
from datetime import timedelta

from pydantic import SecretStr

from include.airflow_api.client import AirflowClient
from include.clock import FixedClock
from include.errors import ErrorClass
from include.jobs.dead_letter_review import steps as job
from include.links import Links
from include.store.dead_letters import Failure
from include.store.inbox import InboxState
from tests.airflow_stand_in import running_airflow
from tests.factories import NOW

RUN, SYNC = "review.1", "mailchimp_sync"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DOWN, REFUSED = "Mailchimp is out of service", "Mailchimp refuses <b>all</b> | of it"
USER = {"id": "7", "name": "operator"}


class Board:
    """Dead letters of two kinds, and a person who decides."""

    def __init__(self, world):
        self.world, self.store, self.clock = world, world.store, FixedClock(NOW)

    def bury(self, number, reason=DOWN, error_class=ErrorClass.TRANSIENT):
        """Let an event fail for good."""
        [row] = self.world.receive(
            {"type": "customer.updated", "id": f"evt_{number}", "livemode": False}
        )
        self.store.dispatches.attach(f"run_{number}", job=SYNC, inbox_ids=[row], now=NOW)
        self.store.inbox.finish([row], state=InboxState.DEAD, reason=reason, now=NOW)
        failure = Failure(
            job=SYNC,
            subject=f"row:{row}",
            error_class=error_class,
            reason=reason,
            inbox_ids=(row,),
            dag_run_id=f"run_{number}",
        )
        return self.store.dead_letters.open_case(failure, now=self.clock.now()).id

    def ask(self, run=RUN):
        """Put the question, a minute later."""
        self.clock.advance(MINUTE)
        links = Links(airflow_url="https://airflow.example")
        self.question = job.ask(run, store=self.store, links=links, clock=self.clock)
        return self.question

    def answer(self, values, *, options=(job.CARRY_OUT,), user=USER, run=RUN):
        """Answer it; groups by their place in the form."""
        named = {self.name(key) if isinstance(key, int) else key: v for key, v in values.items()}
        return job.note_answer(
            run, options=options, values=named, user=user, store=self.store, clock=self.clock
        )

    def name(self, number):
        """Return the name of a field of the last form."""
        return self.question.fields[number - 1].name

    def ask_again(self, run=RUN):
        """Have another run ask, and ask in that."""
        self.clock.advance(MINUTE)
        with asked_airflow() as (_, api):
            started = job.ask_in_another_run(run, store=self.store, airflow=api, clock=self.clock)
        self.ask(started)
        return started

    def carry_out(self, run=RUN):
        """Do what was decided."""
        return job.carry_out(run, store=self.store, clock=self.clock)

    def states(self, *letters):
        """Return how letters stand."""
        return [self.store.dead_letters.get(letter).state for letter in letters]

    def is_due(self):
        """Tell whether people are to be asked."""
        return job.is_due(store=self.store, clock=self.clock)


@contextmanager
def asked_airflow():
    """Give an Airflow that has the review, and a client of it."""
    with running_airflow() as airflow:
        airflow.dags[job.JOB] = {"is_paused": False, "has_import_errors": False}
        password = SecretStr(airflow.password)
        api = AirflowClient(url=airflow.url, username="reconciler", password=password)
        yield airflow, api
        api.close()
