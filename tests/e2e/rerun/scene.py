"""What a scene is: a run of one DAG, how it fails, and how it is held in the middle; `scenes.py` has them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from include.vendors.mailchimp.client import subscriber_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.lab.demo.sandbox import VendorEvent
    from include.lab.demo.stage import Newcomer
    from tests.e2e.rerun.live import Board, Live

Wish = dict[str, Any]
REFUSAL = {"title": "Invalid Resource", "status": 400, "detail": "looks fake or invalid"}
PAID = "customer.subscription.created"


class Scene:
    """One run of one DAG. What a scene does not have, it leaves to tests/dags/rerun, and says why."""

    dag: ClassVar[str]
    number: ClassVar[int]
    """Whom it is about: the same name in each play, another address."""
    mended: ClassVar[str] = ""
    """The task that a person clears, with what follows, when a run has failed."""
    not_failed: ClassVar[str] = ""
    """Why there is none."""
    held: ClassVar[str] = ""
    """The task that is cleared in the middle."""
    held_state: ClassVar[str] = "running"
    asked: ClassVar[dict[str, Any]] = {}
    """What the form says."""

    def __init__(self, live: Live) -> None:
        """Have somebody new."""
        self.live, self.stage = live, live.stage
        self.member: Newcomer = self.stage.newcomer(self.number)
        self.run_id = ""

    def joins(self) -> list[VendorEvent]:
        """Return the events to be dealt with before the scene begins."""
        return []

    def prepare(self) -> None:
        """Fill the place."""

    def begin(self) -> None:
        """Start the run, or what starts it."""
        self.run_id = self.stage.airflow.start_run(self.dag, self.asked)

    def run(self) -> str:
        """Return the run's id; "" before there is one."""
        return self.run_id

    def drive(self, board: Board) -> None:
        """Do a person's part, if it is her turn."""

    def fault(self) -> Wish:
        """Return the fault that makes the run fail; {} where something else does."""
        return {}

    def mend(self) -> None:
        """Do what a person does before she clears, beside taking the fault away."""

    def stall(self) -> Wish:
        """Return the fault that holds the task; {} where something else does."""
        return {}

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the task for the block, where no vendor can."""
        yield

    def is_held(self) -> bool:
        """Tell whether it is, where no vendor does it."""
        return True

    def is_over(self) -> bool:
        """Tell whether what follows from the run is done, too."""
        return True

    # --- what scenes are made of ---

    def _join(self) -> dict[str, list[VendorEvent]]:
        act = self.stage.join(self.member, "clerk_first")
        return {"clerk": act.of("clerk"), "paid": act.of_type(PAID)}

    def _contact(self, **wish: Any) -> Wish:
        path = f"/lists/*/members/{subscriber_hash(self.member.email)}*"
        return {"vendor": "mailchimp", "path": path, **wish}

    def _refusal(self) -> Wish:
        return self._contact(kind="status", status=400, body=REFUSAL)
