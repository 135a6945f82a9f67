"""What the relay's tests share: a stand-in for Airflow, a clock that stands still, settings."""

from contextlib import ExitStack

import pytest

from include.airflow_api.client import AirflowClient
from include.clock import FixedClock
from include.relay.deactivations import DeactivationScheduler
from include.relay.dispatcher import Dispatcher
from include.settings import Settings
from tests.airflow_stand_in import running_airflow
from tests.store.arrivals import NOW


@pytest.fixture
def airflow():
    """Give an Airflow that answers as the real one."""
    with running_airflow() as airflow:
        yield airflow


@pytest.fixture
def clock():
    """Give a clock that the test moves."""
    return FixedClock(NOW)


@pytest.fixture
def settings(database, airflow):
    """Give the settings of a relay between this test's database and its Airflow."""
    return Settings(
        database_url=database,
        airflow_url=airflow.url,
        airflow_password=airflow.password,
        stripe_webhook_secrets="whsec_test",
        clerk_webhook_secrets="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )


@pytest.fixture
def api(settings):
    """Give a session of the relay's user."""
    api = AirflowClient(
        url=settings.airflow_url,
        username=settings.airflow_username,
        password=settings.airflow_password,
    )
    yield api
    api.close()


@pytest.fixture
def make_dispatcher(clock, settings):
    """Make a dispatcher with a session of its own; options are settings."""
    with ExitStack() as sessions:

        def make(**options):
            api = AirflowClient(
                url=settings.airflow_url,
                username=settings.airflow_username,
                password=settings.airflow_password,
            )
            sessions.callback(api.close)
            own = settings.model_copy(update=options)
            return Dispatcher(airflow=api, clock=clock, settings=own)

        yield make


@pytest.fixture
def dispatcher(api, clock, settings):
    """Give a dispatcher that is turned by the test."""
    return Dispatcher(airflow=api, clock=clock, settings=settings)


@pytest.fixture
def scheduler(api, clock, settings):
    """Give a scheduler that is turned by the test."""
    return DeactivationScheduler(airflow=api, clock=clock, settings=settings)
