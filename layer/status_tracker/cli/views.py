"""A task as the commands show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.config import TrackerConfig
from ..core.history import last_failure
from ..core.state import TaskState, is_live, is_stuck, lease_end
from ..operations.pipeline import Pipeline, StatusOfStep
from .text import iso


@dataclass(frozen=True)
class View:
    """A task's state, for display.

    Attributes:
        step: the step that `status` is of, where several are shown; else empty.
        meanings: what the status means to each step of the pipeline, where one is given.
        locked_until: when the lease of the worker that holds it ends; None when nobody does.
        stuck: whether the worker has vanished.
    """

    task_id: str
    status: str
    state: TaskState
    create_time: datetime | None
    data: Any
    locked_until: datetime | None
    stuck: bool
    meanings: Sequence[StatusOfStep] = ()
    step: str = ""

    @classmethod
    def of(cls, task: Any, config: TrackerConfig, pipeline: Pipeline | None = None, *, step: str = "") -> View:
        """The task, by the config of the step that its status is of; `step` is the step's name, where it is shown."""
        state, now = task.tracked_state(), config.now()
        return cls(
            task_id=task.task_id,
            status=config.status_name(state.status),
            state=state,
            create_time=task.create_time,
            data=task.data,
            locked_until=lease_end(state, config) if is_live(state, config, now) else None,
            stuck=is_stuck(state, config, now),
            meanings=() if pipeline is None else pipeline.meanings(state.status),
            step=step,
        )

    @property
    def status_of_steps(self) -> str:
        """The status by the steps that it is of, such as ``Invoice succeeded, Mail pending``, where they are known."""
        return ", ".join(f"{each.step} {each.status}" for each in self.meanings) or self.status

    @property
    def status_in_list(self) -> str:
        """The status with its step, where several are shown; else the step's own name of it, where it has one."""
        if self.step:
            return f"{self.step} {self.status}"
        return self.status_of_steps if self.status == str(self.state.status) else self.status

    @property
    def error(self) -> str:
        """The error of the last failure; empty where there was none."""
        return str(last_failure(self.state.errors).get("error", ""))

    def summary(self) -> dict[str, Any]:
        """As JSON: the fields of a list."""
        return {
            "task_id": self.task_id,
            **({"step": self.step} if self.step else {}),
            "status": self.status,
            "status_code": self.state.status,
            "stuck": self.stuck,
            "retry": self.state.retry,
            "run": self.state.run,
            "create_time": iso(self.create_time),
            "update_time": iso(self.state.update_time),
            "locked_until": iso(self.locked_until),
            "error": self.error or None,
        }

    def whole(self) -> dict[str, Any]:
        """As JSON: all fields."""
        steps = {each.step: each.status for each in self.meanings}
        return {
            **self.summary(),
            **({"steps": steps} if steps else {}),
            "fence": self.state.fence,
            "not_before": iso(self.state.not_before),
            "data": self.data,
            "errors": dict(self.state.errors),
        }
