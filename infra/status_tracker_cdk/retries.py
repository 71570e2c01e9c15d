"""When a step is tried again, and how soon: the retry table of a step.

Step Functions matches an error by the exact class name of the exception, never by its bases, and takes the first
entry that has it. Each entry counts its own attempts.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn

from infra.documents.settings import Settings, attempts_to_outlast

ALREADY_SUCCEEDED = "TaskAlreadySucceedError"
NOT_READY = "TaskIsNotReadyToStartError"
HOPELESS = ("TaskIgnoredError", "TaskExhaustedError", "NonRetryableError")
MISSING = "TaskIsNotInitializedError"
LOCKED = "TaskLockedError"
# A task that asked to wait, and a burst that the account's concurrency cannot take at once, are no failures.
PATIENT = ("TaskNotDueError", "Lambda.TooManyRequestsException")
KILLED = ("Sandbox.Timedout", "Lambda.Unknown", "Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout")
SERVICE_FAULTS = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
)

# Far beyond every wait for a lease; an execution older than this waits for nothing that will come.
EXECUTION_TIMEOUT_SECONDS = 24 * 3600

# Faults that the tracker does not count (an answer lost, a throttled write) take from these, and the tracker is
# still the one that says when a task is given up.
_SPARE_ATTEMPTS = 3
_SERVICE_FAULT_ATTEMPTS = 30
# An execution's history has room for 25,000 events, and a retry writes three: three steps could come to all of both.
# Beyond, the execution fails, and the sweep gives its task another.
_MOST_PATIENT_ATTEMPTS = 1500
_MOST_LOCKED_ATTEMPTS = 700
# An answer that has not come so long after the function's own timeout is lost.
ANSWER_GRACE_SECONDS = 60


def add_step_retries(state: sfn.TaskStateBase, settings: Settings, elsewhere: Sequence[str] = ()) -> None:
    """Give `state`, which invokes a step's function, its retries in their order.

    Args:
        elsewhere: errors after which trying again begins in another state.
    """
    interval = Duration.seconds(settings.retry_interval_seconds)
    longest = Duration.seconds(settings.retry_max_interval_seconds)
    backoff = settings.retry_backoff_rate
    counted = settings.max_attempts + _SPARE_ATTEMPTS

    state.add_retry(errors=[*HOPELESS, ALREADY_SUCCEEDED, NOT_READY, MISSING, *elsewhere], max_attempts=0)
    state.add_retry(
        errors=[LOCKED],
        interval=interval,
        max_delay=longest,
        backoff_rate=backoff,
        max_attempts=min(_attempts_to_outlast_every_lease(settings), _MOST_LOCKED_ATTEMPTS),
    )
    # A lease ends with the function's time: after a timeout it is over, after a crash the entry above waits.
    state.add_retry(errors=list(KILLED), interval=interval, backoff_rate=1, max_attempts=counted)
    _add_burst_retries(state, settings)
    state.add_retry(
        errors=["States.ALL"], interval=interval, max_delay=longest, backoff_rate=backoff, max_attempts=counted
    )


def add_repeatable_retries(state: sfn.TaskStateBase, settings: Settings, *, final: Sequence[str] = ()) -> None:
    """Give `state`, whose function may be repeated at any time, its retries; the `final` errors have none."""
    if final:
        state.add_retry(errors=list(final), max_attempts=0)
    _add_burst_retries(state, settings)
    state.add_retry(
        errors=["States.ALL"],
        interval=Duration.seconds(settings.retry_interval_seconds),
        max_delay=Duration.seconds(settings.retry_max_interval_seconds),
        backoff_rate=2,
        max_attempts=_SPARE_ATTEMPTS,
        jitter_strategy=sfn.JitterType.FULL,
    )


def _add_burst_retries(state: sfn.TaskStateBase, settings: Settings) -> None:
    interval = Duration.seconds(settings.retry_interval_seconds)
    longest = Duration.seconds(settings.retry_max_interval_seconds)
    state.add_retry(
        errors=list(PATIENT),
        interval=interval,
        max_delay=longest,
        backoff_rate=2,
        max_attempts=min(_attempts_to_outlast_the_execution(settings), _MOST_PATIENT_ATTEMPTS),
        jitter_strategy=sfn.JitterType.FULL,
    )
    state.add_retry(
        errors=list(SERVICE_FAULTS),
        interval=interval,
        max_delay=longest,
        backoff_rate=2,
        max_attempts=_SERVICE_FAULT_ATTEMPTS,
        jitter_strategy=sfn.JitterType.FULL,
    )


def _attempts_to_outlast_every_lease(settings: Settings) -> int:
    # Every attempt may die with its lease unexpired, and the waits for all those leases are of one entry. The last
    # wait for a lease goes beyond its end, by less than the longest wait.
    return attempts_to_outlast(
        (settings.lease_seconds + settings.retry_max_interval_seconds) * settings.max_attempts,
        interval=settings.retry_interval_seconds,
        max_interval=settings.retry_max_interval_seconds,
        backoff=settings.retry_backoff_rate,
    )


def _attempts_to_outlast_the_execution(settings: Settings) -> int:
    # Full jitter draws each wait from none to all of it, so that it halves the waits of so many attempts.
    return attempts_to_outlast(
        EXECUTION_TIMEOUT_SECONDS * 2,
        interval=settings.retry_interval_seconds,
        max_interval=settings.retry_max_interval_seconds,
        backoff=2,
    )
