"""The retry table of a step: which errors are retried, and how soon.

Step Functions matches an error by the exact class name of the exception, never by its bases, and takes the first
entry that has it. Each entry counts its own attempts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn

from status_tracker_cdk.props import Props, between

ALREADY_SUCCEEDED = "TaskAlreadySucceedError"
NOT_READY = "TaskIsNotReadyToStartError"
HOPELESS = ("TaskIgnoredError", "TaskExhaustedError", "NonRetryableError")
MISSING = "TaskIsNotInitializedError"
LOCKED = "TaskLockedError"
PAUSED = "TaskPausedError"
# A task that asked to wait or was postponed, a step that is paused, and a burst that the account's concurrency cannot
# take at once, are no failures.
PATIENT = ("TaskNotDueError", "Postponed", PAUSED, "Lambda.TooManyRequestsException")
KILLED = ("Sandbox.Timedout", "Lambda.Unknown", "Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout")
SERVICE_FAULTS = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
)

# Far longer than every wait for a lease.
EXECUTION_TIMEOUT_SECONDS = 24 * 3600

# For faults that the tracker does not count (a lost answer, a throttled write), so that the tracker still decides when
# a task is ignored.
_SPARE_ATTEMPTS = 3
_SERVICE_FAULT_ATTEMPTS = 30
# An execution's history has room for 25,000 events, and a retry writes three: three steps may use up both limits.
# Beyond, the execution fails, and the sweep starts another for its task.
_MOST_PATIENT_ATTEMPTS = 1500
_MOST_LOCKED_ATTEMPTS = 700
# An answer that is later than this after the function's own timeout is lost.
ANSWER_GRACE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class RetryProps(Props):
    """How often a task is tried, and how soon again.

    Attributes:
        max_attempts: attempts of a task before the tracker ignores it.
        retry_interval_seconds: wait before the first retry of a step.
        retry_max_interval_seconds: the longest wait between two retries; more than the first.
        retry_backoff_rate: what each wait is multiplied by to give the next.
    """

    max_attempts: int = between(1, 50, default=5)
    retry_interval_seconds: int = between(1, 3600, default=10)
    retry_max_interval_seconds: int = between(1, 3600, default=120)
    retry_backoff_rate: float = between(1.0, 10.0, default=2.0)

    def conflicts(self) -> Iterator[str]:
        """A longest wait that is not longer than the first."""
        if self.retry_max_interval_seconds <= self.retry_interval_seconds:
            yield (
                f"retry_max_interval_seconds ({self.retry_max_interval_seconds}) must be more than "
                f"retry_interval_seconds ({self.retry_interval_seconds})"
            )

    @property
    def interval(self) -> Duration:
        """The wait before the first retry."""
        return Duration.seconds(self.retry_interval_seconds)

    @property
    def longest(self) -> Duration:
        """The longest wait between two retries."""
        return Duration.seconds(self.retry_max_interval_seconds)

    def seconds_of_every_lease(self, lease_seconds: int) -> int:
        """The longest time that all attempts of a task take, when each dies at once and its lease has to expire.

        Each wait for a lease may end later than the lease, by less than the longest wait.
        """
        return (lease_seconds + self.retry_max_interval_seconds) * self.max_attempts


def add_step_retries(
    state: sfn.TaskStateBase, retries: RetryProps, *, lease_seconds: int, elsewhere: Sequence[str] = ()
) -> None:
    """Give `state`, which invokes a step's function, its retries in their order.

    Args:
        lease_seconds: the longest lease of an attempt.
        elsewhere: errors after which trying again begins in another state.
    """
    interval, longest, backoff = retries.interval, retries.longest, retries.retry_backoff_rate
    counted = retries.max_attempts + _SPARE_ATTEMPTS

    state.add_retry(errors=[*HOPELESS, ALREADY_SUCCEEDED, NOT_READY, MISSING, *elsewhere], max_attempts=0)
    state.add_retry(
        errors=[LOCKED],
        interval=interval,
        max_delay=longest,
        backoff_rate=backoff,
        max_attempts=min(_attempts_to_outlast_every_lease(retries, lease_seconds), _MOST_LOCKED_ATTEMPTS),
    )
    # A lease ends with the function's time: after a timeout it is over, after a crash the entry above waits.
    state.add_retry(errors=list(KILLED), interval=interval, backoff_rate=1, max_attempts=counted)
    _add_burst_retries(state, retries)
    state.add_retry(
        errors=["States.ALL"], interval=interval, max_delay=longest, backoff_rate=backoff, max_attempts=counted
    )


def add_repeatable_retries(state: sfn.TaskStateBase, retries: RetryProps, *, final: Sequence[str] = ()) -> None:
    """Give `state`, whose function may be repeated at any time, its retries; the `final` errors have none."""
    if final:
        state.add_retry(errors=list(final), max_attempts=0)
    _add_burst_retries(state, retries)
    state.add_retry(
        errors=["States.ALL"],
        interval=retries.interval,
        max_delay=retries.longest,
        backoff_rate=2,
        max_attempts=_SPARE_ATTEMPTS,
        jitter_strategy=sfn.JitterType.FULL,
    )


def attempts_to_outlast(seconds: float, *, interval: float, max_interval: float, backoff: float) -> int:
    """How many retries it takes until the waits between them have added up to more than `seconds`.

    The waits are those of Step Functions: `interval` first, each following one `backoff` times as long, never
    longer than `max_interval`. Units are seconds.
    """
    attempts, waited, wait = 0, 0.0, interval
    while waited <= seconds:
        waited += min(wait, max_interval)
        wait = min(wait * backoff, max_interval)
        attempts += 1
    return attempts


def _add_burst_retries(state: sfn.TaskStateBase, retries: RetryProps) -> None:
    interval, longest = retries.interval, retries.longest
    state.add_retry(
        errors=list(PATIENT),
        interval=interval,
        max_delay=longest,
        backoff_rate=2,
        max_attempts=min(_attempts_to_outlast_the_execution(retries), _MOST_PATIENT_ATTEMPTS),
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


def _attempts_to_outlast_every_lease(retries: RetryProps, lease_seconds: int) -> int:
    # Every attempt may die with its lease unexpired, and the waits for all those leases are of one entry.
    return attempts_to_outlast(
        retries.seconds_of_every_lease(lease_seconds),
        interval=retries.retry_interval_seconds,
        max_interval=retries.retry_max_interval_seconds,
        backoff=retries.retry_backoff_rate,
    )


def _attempts_to_outlast_the_execution(retries: RetryProps) -> int:
    # Full jitter draws each wait from none to all of it, so that it halves the waits of so many attempts.
    return attempts_to_outlast(
        EXECUTION_TIMEOUT_SECONDS * 2,
        interval=retries.retry_interval_seconds,
        max_interval=retries.retry_max_interval_seconds,
        backoff=2,
    )
