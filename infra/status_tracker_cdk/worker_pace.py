"""How fast a worker goes through its queue, and how often a message is received before the queue gives it up."""

from __future__ import annotations

import math
from dataclasses import dataclass

from status_tracker_cdk.props import PropsError
from status_tracker_cdk.queues import DAYS_KEPT

MARGIN_SECONDS = 3
"""What `status_tracker.sqs.process_sqs_batch` keeps of the function's time for telling the queue."""
_BEGINNING_SECONDS = 1

_RANGES = {
    "seconds_per_record": (1, 900),
    "timeout_seconds": (1, 900),
    "batch_size": (1, 10),
    "max_concurrency": (2, 1000),
    "memory_mb": (128, 10240),
    "alarm_age_minutes": (1, 14 * 24 * 60 - 1),
}
_MOST_RECEIVES = 1000
SPARE_RECEIVES = 20
"""For outages and pauses: with the growing waits of `process_sqs_batch`, a day of postponements takes 17 receives, a
pause of a week the same.
"""
_DAYS_TO_MEND = 4
"""How many of these days a message must have left in the dead letter queue."""
_DELIVERED_AGAIN = 6  # times the timeout
_ALARM_AGE_MINUTES = 60
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class WorkerPace:
    """How fast a worker goes through its queue.

    Attributes:
        seconds_per_record: the longest that the work on one message takes.
        timeout_seconds: timeout of the function; a whole batch has to fit into it.
        batch_size: messages handed to one invocation; from 1 to 10.
        max_concurrency: functions that run at the same time, at most; from 2 to 1,000.
        memory_mb: memory of the function.
        alarm_age_minutes: how old a message may become; longer than the longest wait that the work asks for
            (`retry_after`). SQS leaves out those that it has delivered three times and more.

    Raises:
        PropsError: a batch does not fit into the function's time, or a value is out of its range.
    """

    seconds_per_record: int
    timeout_seconds: int
    batch_size: int = 10
    max_concurrency: int = 10
    memory_mb: int = 512
    alarm_age_minutes: int = _ALARM_AGE_MINUTES

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise PropsError([f"{name} is {getattr(self, name)}: give a number from {low} to {high}."])
        needed = self.batch_size * self.seconds_per_record + MARGIN_SECONDS + _BEGINNING_SECONDS
        if needed > self.timeout_seconds:
            problem = (
                f"{self.batch_size} records of up to {self.seconds_per_record} s, a second to begin and the margin of "
                f"{MARGIN_SECONDS} s need {needed} s, and timeout_seconds is {self.timeout_seconds}: raise it, or "
                "lower the batch_size."
            )
            raise PropsError([problem])
        redelivered = _redelivery_minutes(self.timeout_seconds)
        if self.alarm_age_minutes < redelivered:
            problem = (
                f"alarm_age_minutes is {self.alarm_age_minutes}: give at least {redelivered}, the age of a message "
                "whose function was killed once."
            )
            raise PropsError([problem])

    @classmethod
    def within(
        cls,
        timeout_seconds: int,
        *,
        batch_size: int = 1,
        max_concurrency: int = 10,
        memory_mb: int = 512,
        alarm_age_minutes: int | None = None,
    ) -> WorkerPace:
        """The pace whose messages share the time of the function evenly, but for a second in which it begins.

        Args:
            alarm_age_minutes: by default an hour, or what a redelivery takes if that is longer.

        Raises:
            PropsError: as for the class.
        """
        least = batch_size + MARGIN_SECONDS + _BEGINNING_SECONDS
        if timeout_seconds < least:
            problem = (
                f"timeout is {timeout_seconds} s: give at least {least} s, one for each of the {batch_size} messages "
                f"of a batch, one to begin, and a margin of {MARGIN_SECONDS} s"
            )
            raise PropsError([problem])
        return cls(
            seconds_per_record=(timeout_seconds - MARGIN_SECONDS - _BEGINNING_SECONDS) // max(batch_size, 1),
            timeout_seconds=timeout_seconds,
            batch_size=batch_size,
            max_concurrency=max_concurrency,
            memory_mb=memory_mb,
            alarm_age_minutes=alarm_age_minutes or max(_ALARM_AGE_MINUTES, _redelivery_minutes(timeout_seconds)),
        )

    @property
    def visibility_seconds(self) -> int:
        """When a message is delivered again unless the function sets another time.

        This is longer than every lease, and leaves Lambda time to retry when it is throttled.
        """
        return _DELIVERED_AGAIN * self.timeout_seconds


def _redelivery_minutes(timeout_seconds: int) -> int:
    """How old a message is when it is delivered again and worked on, after its function was killed."""
    return math.ceil((_DELIVERED_AGAIN + 1) * timeout_seconds / 60)


def receives_within_retention(max_attempts: int, pace: WorkerPace) -> int:
    """`receives_to_outlast` for a pace, if they fit into the time for which SQS keeps a message.

    Raises:
        PropsError: a queue cannot have so many, or a message whose function always crashes comes too late to the dead
            letter queue.
    """
    receives = receives_to_outlast(max_attempts, pace.batch_size)
    days, most = receives * pace.visibility_seconds / _DAY_SECONDS, DAYS_KEPT - _DAYS_TO_MEND
    if days > most:
        problem = (
            f"A message whose function always crashes is received {receives} times, every {pace.visibility_seconds} s: "
            f"{days:.1f} days, and it must be in the dead letter queue within {most} of the {DAYS_KEPT} days that SQS "
            "keeps it: lower the timeout, the batch_size or max_attempts."
        )
        raise PropsError([problem])
    return receives


def receives_to_outlast(max_attempts: int, batch_size: int) -> int:
    """How often a message may be received before the queue gives it up, so that the tracker always gives up first.

    A message is received, at most, for each attempt at its task, by itself or, while the task is locked, by another;
    for each that asked to wait; for each attempt at the tasks of the messages it shares its batches with, which may
    kill the function; while its task is postponed or its step is paused, `SPARE_RECEIVES` times; and once more, to hear
    how it ended.

    Raises:
        PropsError: a queue cannot have so many.
    """
    receives = max_attempts * (2 + batch_size - 1) + SPARE_RECEIVES + 1
    if receives > _MOST_RECEIVES:
        problem = (
            f"{max_attempts} attempts in batches of {batch_size} may take {receives} receives of a message, and SQS "
            f"allows {_MOST_RECEIVES}: lower the batch_size or max_attempts."
        )
        raise PropsError([problem])
    return receives
