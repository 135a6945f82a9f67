"""A play: all scenes at the same time, each run left alone, failed and mended, or cleared in the middle."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.e2e.rerun.scenes import HELD_SECONDS, SCENES

if TYPE_CHECKING:
    from tests.e2e.rerun.live import Board, Live
    from tests.e2e.rerun.scene import Scene

MEMBERS_JOBS = {"mailchimp_sync", "webhook_retry", "member_deactivation"}
REREAD = '"type":"reconciliation.'
CROWD = 4
"""Members besides: a vendor that forgets all of them forgets more than may be put right without a person."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of a play: each DAG's run, and what it has changed in the world: lines gone, and lines new."""

    runs: dict[str, str]
    gone: Counter[str]
    new: Counter[str]


class LeftAlone:
    """Nobody interferes with a run."""

    def begin(self, scene: Scene) -> None:
        """Come before the run."""

    def may_begin(self, scene: Scene, under_way: set[str]) -> bool:
        """Tell whether the run may be started while those of these DAGs are not over."""
        return True

    def meddle(self, scene: Scene, board: Board) -> bool:
        """Interfere when it is time to; return whether that is done."""
        return True


@dataclass
class Failed(LeftAlone):
    """A run fails, the cause goes, and a person clears what has failed and what follows."""

    faults: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def begin(self, scene: Scene) -> None:
        """Order the fault."""
        if scene.mended and (wish := scene.fault()):
            self.faults[scene.dag] = scene.stage.sandbox.post("/faults", wish)["id"]

    def may_begin(self, scene: Scene, under_way: set[str]) -> bool:
        """Tell whether nobody is left whom it would find in the middle of her failure, and have tried again."""
        return scene.dag != "reconciliation" or not under_way & MEMBERS_JOBS

    def meddle(self, scene: Scene, board: Board) -> bool:
        """Wait for the failure; then mend and clear."""
        if scene.not_failed or scene.dag in self.done:
            return True
        if board.runs.get(scene.run_id) != "failed":
            return False
        if fault := self.faults.get(scene.dag):
            assert fired(scene, fault), scene.dag
            scene.stage.sandbox.http.delete(f"/faults/{fault}").raise_for_status()
        scene.mend()
        scene.live.clear(scene.dag, scene.run_id, [scene.mended], following=True)
        self.done.add(scene.dag)
        return False


@dataclass
class Interrupted(LeftAlone):
    """A task is cleared while it is held in the middle: by a vendor that does not answer, a lock, a person."""

    holds: ExitStack
    faults: dict[str, str] = field(default_factory=dict)
    cleared: dict[str, int] = field(default_factory=dict)  # DAG → the try that was interrupted
    let_go: dict[str, ExitStack] = field(default_factory=dict)

    def begin(self, scene: Scene) -> None:
        """Hold it."""
        if wish := scene.stall():
            stall = {"kind": "stall", "seconds": HELD_SECONDS, "times": 1, **wish}
            self.faults[scene.dag] = scene.stage.sandbox.post("/faults", stall)["id"]
        self.let_go[scene.dag] = self.holds.enter_context(ExitStack())
        self.let_go[scene.dag].enter_context(scene.hold())

    def meddle(self, scene: Scene, board: Board) -> bool:
        """Clear the task when it is held; let it go when its next try has begun."""
        state = board.state(scene.run_id, scene.held)
        tries = board.tries(scene.run_id, scene.held)
        if scene.dag not in self.cleared:
            fault = self.faults.get(scene.dag)
            held = fired(scene, fault) if fault else scene.is_held()
            if state == scene.held_state and held:
                scene.live.clear(scene.dag, scene.run_id, [scene.held])
                self.cleared[scene.dag] = tries
            return False
        if state != "restarting":
            self.let_go[scene.dag].close()
        return tries > self.cleared[scene.dag]


def fired(scene: Scene, fault_id: str) -> bool:
    """Tell whether a fault was met."""
    faults = scene.stage.sandbox.get("/faults")["faults"]
    return any(fault["fired"] for fault in faults if fault["id"] == fault_id)


def play(live: Live, meddler: LeftAlone) -> Played:
    """Play all scenes at the same time, to their ends."""
    before = live.world()
    scenes = [scene(live) for scene in SCENES.values()]
    live.stage.deliver("they join", [told for one in scenes for told in one.joins()], at_once=4)
    for scene in scenes:
        scene.prepare()
    for scene in scenes:
        meddler.begin(scene)
    left, waiting = list(scenes), list(scenes)

    def all_over() -> bool:
        for scene in list(waiting):
            if meddler.may_begin(scene, {one.dag for one in left}):
                scene.begin()
                waiting.remove(scene)
        board = live.look(run for scene in scenes if (run := scene.run()))
        left[:] = [scene for scene in left if not _is_over(scene, meddler, board)]
        return not left

    try:
        live.wait("all scenes to be over", all_over)
    except Exception as error:
        board = live.look(run for one in left if (run := one.run()))
        error.add_note(f"left: {[one.dag for one in left]}; {board}; by then: {meddler}")
        raise
    live.wait_for_rest()
    after = live.world()
    runs = {scene.dag: scene.run() for scene in scenes}
    return Played(runs=runs, gone=_compared(before - after), new=_compared(after - before))


def _compared(lines: Counter[str]) -> Counter[str]:
    """Leave out whom `reconciliation` has found in the middle of something, and has had read again."""
    return Counter({line: count for line, count in lines.items() if REREAD not in line})


def _is_over(scene: Scene, meddler: LeftAlone, board: Board) -> bool:
    is_meddled = meddler.meddle(scene, board)
    scene.drive(board)
    if not is_meddled:
        return False
    state = board.runs.get(scene.run_id)
    assert state != "failed", scene.live.why_failed(scene.dag, scene.run_id)
    return state == "success" and scene.is_over()
