"""The errors of the SQL backend: each is of its own class, and also the matching error of the library.

Their names and hierarchy are those of sqlalchemy_mate, so that code which catches them keeps
working: a locked job is no `JobIsNotReadyToStartError`, and a missing one is a `ValueError`.
"""

from __future__ import annotations

from ..core.errors import (
    TaskAlreadyExistsError,
    TaskAlreadySucceedError,
    TaskExecutionError,
    TaskExhaustedError,
    TaskIgnoredError,
    TaskIsNotInitializedError,
    TaskIsNotReadyToStartError,
    TaskLockedError,
    TaskNotDueError,
)

JobExecutionError = TaskExecutionError
"""The root of all the library's errors."""


class JobLockedError(TaskLockedError):
    """Another worker holds the job."""


class JobIsNotReadyToStartError(TaskIsNotReadyToStartError):
    """The job cannot be started now, for a reason other than a lock. Itself: it has a status of another step."""


class JobAlreadySucceededError(JobIsNotReadyToStartError, TaskAlreadySucceedError):
    """The job has succeeded already; use `rerun` to run it again deliberately."""


class JobIgnoredError(JobIsNotReadyToStartError, TaskIgnoredError):
    """The job was set aside: too many failures, or one that no retry can fix."""


class JobExhaustedError(JobIsNotReadyToStartError, TaskExhaustedError):
    """The job has used up its attempts, in a step with a separate status for that."""


class JobNotDueError(JobIsNotReadyToStartError, TaskNotDueError):
    """The last failure asked to wait (`retry_after`), and that time has not passed."""


class JobIsNotInitializedError(TaskIsNotInitializedError, ValueError):
    """The job does not exist."""


class JobAlreadyExistsError(TaskAlreadyExistsError):
    """A job with that id exists; creating never resets it."""


class MissingColumnsError(TaskExecutionError):
    """The table lacks columns that the library needs; `add_missing_columns` adds them."""


_JOB_ERRORS: tuple[tuple[type[TaskExecutionError], type[TaskExecutionError]], ...] = (
    (TaskLockedError, JobLockedError),
    (TaskAlreadySucceedError, JobAlreadySucceededError),
    (TaskIgnoredError, JobIgnoredError),
    (TaskExhaustedError, JobExhaustedError),
    (TaskNotDueError, JobNotDueError),
    (TaskIsNotInitializedError, JobIsNotInitializedError),
    (TaskIsNotReadyToStartError, JobIsNotReadyToStartError),
    (TaskAlreadyExistsError, JobAlreadyExistsError),
)


def job_error(error: TaskExecutionError) -> TaskExecutionError:
    """The matching `Job…` error with the same details; an error without a match is returned unchanged."""
    for kind, job_kind in _JOB_ERRORS:
        if isinstance(error, kind):
            translated = job_kind(*error.args)
            vars(translated).update(vars(error))
            return translated.with_traceback(error.__traceback__)
    return error
