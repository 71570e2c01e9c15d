"""The deliberate actions on one job; each is recorded in its `errors["actions"]`: what, why, by whom, when."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Self, Unpack

import sqlalchemy as sa

from ..core.errors import TaskIsNotReadyToStartError
from ..core.lifecycle import Lifecycle
from ..core.task import Rule, act
from .columns import JobColumns
from .errors import job_error
from .keys import JobId
from .settings import Statuses, StepSettings
from .store import SqlStore


class JobActions(JobColumns):
    """The deliberate actions. The statuses are those of `start`; `pending_status` must be among them.

    With a `request_id` that is among the job's last 20 records, nothing is done, and the job is returned unchanged;
    that of `restart` is made from its `run`.
    Each raises `ValueError` for an empty reason, and `JobIsNotInitializedError` if there is no such job.
    """

    @classmethod
    def rerun(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """Make a job pending again whatever its status; `run_number` grows by one.

        Raises:
            JobLockedError: a worker holds it; wait until its lease ends.
            JobIsNotReadyToStartError: it has not reached this step.
        """
        return cls._act(engine, id, lambda rules: rules.rerun, "rerun", reason, by, request_id, statuses)

    @classmethod
    def ignore(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """Set aside a job that is pending, failed or stuck in this step.

        Raises:
            JobLockedError: a worker holds it; wait until its lease ends.
            JobAlreadySucceededError, JobIgnoredError, JobIsNotReadyToStartError: it does not wait in this step.
        """
        return cls._act(engine, id, lambda rules: rules.ignore, "ignore", reason, by, request_id, statuses)

    @classmethod
    def cancel(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """Set aside a job of this step even while a worker holds it; see `TrackedTask.cancel`.

        Raises:
            JobAlreadySucceededError, JobIgnoredError, JobIsNotReadyToStartError: it does not wait in this step.
        """
        return cls._act(engine, id, lambda rules: rules.cancel, "cancel", reason, by, request_id, statuses)

    @classmethod
    def unignore(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """Make an ignored job pending again; `run_number` grows by one.

        Raises:
            JobIsNotReadyToStartError: it is not ignored in this step.
        """
        return cls._act(engine, id, lambda rules: rules.unignore, "unignore", reason, by, request_id, statuses)

    @classmethod
    def restart(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        run: int,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """Give a job that waits or is stuck a new run, after run `run`'s driver stopped without finishing it.

        `run_number` grows by one, only once for that run however often it is asked for; the status stays.

        Args:
            request_id: names this request, as with every action; by default all requests after that run are one.

        Raises:
            JobLockedError: a worker holds it.
            JobNotDueError: its last attempt asked to wait.
            JobAlreadySucceededError, JobIgnoredError, JobIsNotReadyToStartError: it neither waits in this step nor is
                stuck in it, or is in a later run already.
        """
        return cls._act(
            engine,
            id,
            lambda rules: partial(rules.restart, run=run),
            "restart",
            reason,
            by,
            request_id or f"after-run-{run}",
            statuses,
        )

    @classmethod
    def unlock(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """Release the lock of a worker that is known to be gone, so that the next start takes the job over at once.

        If the worker is still alive, it gets `TaskLockLostError` and stores nothing.

        Raises:
            JobIsNotReadyToStartError: nobody has locked it.
        """
        return cls._act(engine, id, lambda rules: rules.unlock, "unlock", reason, by, request_id, statuses)

    @classmethod
    def _act(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        rule: Callable[[Lifecycle], Rule],
        action: str,
        reason: str,
        by: str | None,
        request_id: str | None,
        statuses: Statuses,
    ) -> Self:
        rules = StepSettings.of(cls, statuses).named(cls, action).rules(id)
        try:
            return act(SqlStore(cls, engine, id), rules, rule(rules), action, reason, by, request_id)
        except TaskIsNotReadyToStartError as error:
            raise job_error(error) from error.__cause__
