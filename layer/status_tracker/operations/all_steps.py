"""`AllSteps`: the tasks of a pipeline, each acted on in the step where it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core.errors import TaskIsNotInitializedError

if TYPE_CHECKING:
    from ..core.config import TrackerConfig
    from ..core.state import TaskState
    from ..core.task import Acted
    from .filters import Query
    from .pipeline import Pipeline, PipelineStep


def configs_of(tasks: Any) -> tuple[TrackerConfig, ...]:
    """The settings of each step whose tasks these are."""
    return tasks.configs if isinstance(tasks, AllSteps) else (tasks.config,)


def step_of(tasks: Any, state: TaskState) -> Any:
    """What has the rules for a task in that state: the task class of its step, or the tasks themselves."""
    return tasks.step_at(state.status).task_class if isinstance(tasks, AllSteps) else tasks


class AllSteps:
    """What can be acted on (`Operable`): a filter finds tasks of every step, and an action is done by the step's rules.

    A rerun begins with the step where the task is; of a task that has been through all of them, with the first.

    Args:
        pipeline: whose tasks.
        names: the steps that are meant, if not all. A task that is in none of them is acted on by the first of them.

    Attributes:
        config: that of the first step, which names its statuses only.
        configs: those of all steps.

    Example::

        act_on_all(AllSteps(PIPELINE), "cancel", TaskFilter((10, 20, 70)), reason="wrong delivery")
    """

    def __init__(self, pipeline: Pipeline, names: Collection[str] = ()) -> None:
        self._pipeline = pipeline
        self._steps = tuple(step for step in pipeline if not names or step.name in names)
        self._first: Any = pipeline.first.task_class
        self.configs: tuple[TrackerConfig, ...] = tuple(step.task_class.config for step in self._steps)
        self.config = self.configs[0]

    def step_at(self, code: int) -> PipelineStep:
        """The step that works next on a task of that status."""
        return next((step for step in reversed(self._steps) if code in step.statuses.values()), self._steps[0])

    def step_of_rerun(self, code: int) -> PipelineStep:
        """The step with which a rerun of a task of that status begins."""
        is_through = code == self.configs[-1].succeeded_status
        return self._steps[0] if is_through else self.step_at(code)

    def query_by_status(
        self,
        status: Sequence[int],
        limit: int | None = 10,
        older_task_first: bool = True,
        auto_refresh: bool = False,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        error_class: str | None = None,
    ) -> Query[Any]:
        """As `BaseTask.query_by_status`, with the codes of any step."""
        query: Query[Any] = self._first.query_by_status(
            status,
            limit,
            older_task_first,
            auto_refresh,
            since=since,
            until=until,
            cursor=cursor,
            error_class=error_class,
        )
        return query

    def get_one_or_none(self, task_id: str, consistent_read: bool = False) -> Any:
        """The task of that id, or None."""
        return self._first.get_one_or_none(task_id, consistent_read=consistent_read)

    def act_if(
        self,
        task_id: str,
        action: str,
        check: Callable[[TaskState], None],
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        known: Any = None,
    ) -> Acted[Any]:
        """As `TrackedTask.act_if`, in the step where the task is when it is written."""
        step_for = self.step_of_rerun if action == "rerun" else self.step_at
        while True:
            found = known if known is not None else self.get_one_or_none(task_id, consistent_read=True)
            if found is None:
                raise TaskIsNotInitializedError(
                    f"There is no task {task_id!r} in the use case {self.config.use_case_id!r}.",
                    use_case_id=self.config.use_case_id,
                    task_id=task_id,
                )
            step, known = step_for(found.tracked_state().status), None

            def still_there(state: TaskState, step: PipelineStep = step) -> None:
                check(state)
                if step_for(state.status) is not step:
                    raise _WentOnError

            try:
                acted: Acted[Any] = step.task_class.act_if(
                    task_id, action, still_there, reason=reason, by=by, request_id=request_id, known=found
                )
            except _WentOnError:
                continue
            return acted

    def dispatch(self, task: Any) -> bool | None:
        """As `TrackedTask.dispatch`, of the step where the task is."""
        started: bool | None = step_of(self, task.tracked_state()).dispatch(task)
        return started

    def recall(self, task: Any) -> None:
        """As `TrackedTask.recall`, of the step where the task is."""
        step_of(self, task.tracked_state()).recall(task)

    def discard(self, task: Any) -> None:
        """Delete the results, and then as `TrackedTask.discard` of the first step what they can be made from again."""
        if self._pipeline.delete_results is not None:
            self._pipeline.delete_results(task.task_id)
        self._first.discard(task)

    def delete_if(self, task_id: str, state: TaskState) -> bool:
        """As `TrackedTask.delete_if`."""
        gone: bool = self._first.delete_if(task_id, state)
        return gone


class _WentOnError(Exception):
    """The task has come to another step since it was read."""
