"""The task of `dead_letter_review` that waits for people: Airflow's human-in-the-loop with a form made when it runs.

Airflow takes options and fields from the operator when the task executes, not from the parsed DAG (3.3.2), so one form
shows the groups there are at that moment. The answer goes to `ops.reviews`, and nothing of it through XCom; what a
person has typed is taken out of Airflow's tables, which every viewer may read. A waiting task holds no worker and no
triggerer.
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
    from include.jobs.dead_letter_review.report import Field, Question


class ReviewOperator(HITLOperator):
    """Ask people about the open dead letters, and write their answer down."""

    template_fields = ()
    custom_operator_name = "review"

    def __init__(self, *, next_task: str, options: list[str], **arguments: Any) -> None:
        """Ask with these options; where there is nothing to carry out, `next_task` is skipped."""
        self._next_task = next_task
        super().__init__(subject="Dead letters", options=options, **arguments)

    def execute(self, context: Any) -> Any:
        """Ask, and wait. With nothing open there is nothing to ask.

        A run that was cleared has another one ask, unless its answer is still to be carried out.
        """
        from include.jobs.dead_letter_review import steps as job

        run, question = context["run_id"], None
        with ExitStack() as exit_stack:
            kit = Collaborators(exit_stack)
            if job.stands(run, store=kit.store):
                return None
            if job.has_asked(run, store=kit.store):
                self._ask_in_another_run(run, kit)
                self._note(run, job.ASKED_ANEW, kit)
                kit.tidy_airflow(lambda tables: tables.drop_form(str(context["ti"].id)))
            else:
                question = job.ask(run, store=kit.store, links=kit.links, clock=kit.clock)
                if question is None:
                    self._note(run, job.NOTHING_OPEN, kit)
        if question is None:
            raise DownstreamTasksSkipped(tasks=[self._next_task])  # type: ignore[no-untyped-call]
        self._show(question)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Write the answer down. One that cannot be taken is asked for again; without one, all stay open."""
        from include.jobs.dead_letter_review import steps as job
        from include.jobs.dead_letter_review.decide import WHY

        run = context["run_id"]
        with ExitStack() as exit_stack:
            kit = Collaborators(exit_stack)
            if "error" not in event:
                refusal = job.note_answer(
                    run,
                    options=event["chosen_options"] or [],
                    values=event["params_input"] or {},
                    user=event["responded_by_user"],
                    store=kit.store,
                    clock=kit.clock,
                )
                kit.tidy_airflow(lambda tables: tables.redact_answers(self.dag_id, run, field=WHY))
                if refusal is None:
                    return
                self._ask_in_another_run(run, kit)
                self._note(run, f"{refusal}; {job.ASKED_ANEW}", kit)
            elif event["error_type"] == "timeout":
                job.note_silence(run, store=kit.store, clock=kit.clock)
                self._note(run, job.UNANSWERED, kit)
            else:
                self.process_trigger_event_error(event)
        raise DownstreamTasksSkipped(tasks=[self._next_task])  # type: ignore[no-untyped-call]

    def _note(self, run: str, words: str, kit: Collaborators) -> None:
        kit.tidy_airflow(lambda tables: tables.note_run(self.dag_id, run, words))

    @staticmethod
    def _ask_in_another_run(run: str, kit: Collaborators) -> None:
        from include.jobs.dead_letter_review import steps as job

        job.ask_in_another_run(run, store=kit.store, airflow=kit.airflow, clock=kit.clock)

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
