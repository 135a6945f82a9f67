"""The task of `dead_letter_review` that waits for people: Airflow's human-in-the-loop with a form made when it runs.

Airflow takes options and fields from the operator when the task executes, not from the parsed DAG (3.3.2), so one form
shows the groups there are at that moment. The answer goes to `ops.reviews`, and nothing of it through XCom. A waiting
task holds no worker and no triggerer.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import DownstreamTasksSkipped

from include.dagkit.collaborators import Collaborators

if TYPE_CHECKING:
    from include.jobs.dead_letter_review import Field, Question


class ReviewOperator(HITLOperator):
    """Ask people about the open dead letters, and write their answer down."""

    template_fields = ()
    custom_operator_name = "review"

    def __init__(self, *, next_task: str, options: list[str], **arguments: Any) -> None:
        """Ask with these options; where there is nothing to carry out, `next_task` is skipped."""
        self._next_task = next_task
        super().__init__(subject="Dead letters", options=options, **arguments)

    def execute(self, context: Any) -> Any:
        """Ask, and wait; with nothing open there is nothing to ask."""
        from include.jobs import dead_letter_review as job

        with ExitStack() as leftovers:
            kit = Collaborators(leftovers)
            question = job.ask(context["run_id"], store=kit.store, links=kit.links, clock=kit.clock)
        if question is None:
            raise DownstreamTasksSkipped(tasks=[self._next_task])  # type: ignore[no-untyped-call]
        self._show(question)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Write the answer down; without one in time, the letters stay open."""
        from include.jobs import dead_letter_review as job

        with ExitStack() as leftovers:
            kit = Collaborators(leftovers)
            if "error" not in event:
                job.note_answer(
                    context["run_id"],
                    options=event["chosen_options"] or [],
                    values=event["params_input"] or {},
                    user=event["responded_by_user"],
                    store=kit.store,
                    clock=kit.clock,
                )
                return
            if event["error_type"] != "timeout":
                self.process_trigger_event_error(event)
            job.note_silence(context["run_id"], store=kit.store, clock=kit.clock)
        raise DownstreamTasksSkipped(tasks=[self._next_task])  # type: ignore[no-untyped-call]

    def _show(self, question: Question) -> None:
        self.subject, self.body = question.subject, question.body
        self.params = ParamsDict({field.name: _param(field) for field in question.fields})


def _param(field: Field) -> Param:
    """Return a field of the form as Airflow's UI shows it."""
    told: dict[str, Any] = {"title": field.title, "description": field.description}
    if field.choices:
        return Param(field.default, type="string", enum=list(field.choices), **told)
    return Param(
        None, type=["null", "string"], **told
    )  # else no button can be pressed before it is filled
