"""The errors of the SQL backend: each is of its own class, and also the matching error of the library.

Their names and their order among each other are those of sqlalchemy_mate, so that code which catches them goes on to
work: a locked job is no `JobIsNotReadyToStartError`, and a missing one is a `ValueError`.
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
    """The job has succeeded already; `rerun` is how it is deliberately run again."""


class JobIgnoredError(JobIsNotReadyToStartError, TaskIgnoredError):
    """The job was set aside: too many failures, or one that no retry can mend."""


class JobExhaustedError(JobIsNotReadyToStartError, TaskExhaustedError):
    """The job has used up its attempts, in a step that has a status of its own for that."""


class JobNotDueError(JobIsNotReadyToStartError, TaskNotDueError):
    """The last failure asked to wait (`retry_after`), and that time has not passed."""


class JobIsNotInitializedError(TaskIsNotInitializedError, ValueError):
    """There is no such job in the table."""


class JobAlreadyExistsError(TaskAlreadyExistsError):
    """A job of that id exists; creating never resets."""


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
    """The error as the `Job…` error that matches it, with all it tells; one that has none, as it is."""
    for kind, job_kind in _JOB_ERRORS:
        if isinstance(error, kind):
            translated = job_kind(*error.args)
            vars(translated).update(vars(error))
            return translated.with_traceback(error.__traceback__)
    return error
