"""`AllSteps`: the tasks of a pipeline, each acted on in the step where it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core.errors import TaskIsNotInitializedError

if TYPE_CHECKING:
    from ..core.config import TrackerConfig
    from ..core.state import TaskState
    from ..core.task import Acted
    from .filters import Query
    from .pipeline import Pipeline


class AllSteps:
    """What can be acted on (`Operable`): a filter finds tasks of every step, and an action is done by the step's rules.

    Args:
        pipeline: whose tasks.

    Attributes:
        config: that of the first step, which names its statuses only.

    Example::

        act_on_all(AllSteps(PIPELINE), "cancel", TaskFilter((10, 20, 70)), reason="wrong delivery")
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._first: Any = pipeline.first.task_class
        self.config: TrackerConfig = self._first.config

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
        """As `TrackedTask.act_if`, in the step where the task is."""
        found = known if known is not None else self.get_one_or_none(task_id, consistent_read=True)
        if found is None:
            raise TaskIsNotInitializedError(
                f"There is no task {task_id!r} in the use case {self.config.use_case_id!r}.",
                use_case_id=self.config.use_case_id,
                task_id=task_id,
            )
        step = self._step_of(found)
        acted: Acted[Any] = step.act_if(
            task_id, action, check, reason=reason, by=by, request_id=request_id, known=found
        )
        return acted

    def dispatch(self, task: Any) -> bool | None:
        """As `TrackedTask.dispatch`, of the step where the task is."""
        started: bool | None = self._step_of(task).dispatch(task)
        return started

    def recall(self, task: Any) -> None:
        """As `TrackedTask.recall`, of the step where the task is."""
        self._step_of(task).recall(task)

    def discard(self, task: Any) -> None:
        """As `TrackedTask.discard`, of the first step; then the results are deleted."""
        self._first.discard(task)
        if self._pipeline.delete_results is not None:
            self._pipeline.delete_results(task.task_id)

    def delete_if(self, task_id: str, state: TaskState) -> bool:
        """As `TrackedTask.delete_if`."""
        gone: bool = self._first.delete_if(task_id, state)
        return gone

    def _step_of(self, task: Any) -> Any:
        return self._pipeline.step_at(task.tracked_state().status).task_class
