"""The thresholds of the alarms, and where the alarms are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from status_tracker_cdk.props import Props, between

LONGEST_ALARM_MINUTES = 22 * 60
"""The longest window of an alarm: CloudWatch looks back one day at most, in periods of twice the sweep's interval."""


@dataclass(frozen=True, kw_only=True)
class AlarmProps(Props):
    """The thresholds of the alarms.

    Attributes:
        alarm_no_progress_minutes: how long a step may have work and finish none.
        alarm_oldest_unfinished_minutes: how long a task may stay unfinished after it was created or last rerun,
            however often it was tried; and how long it may wait for its first attempt at a step.
        alarm_stuck_minutes: how long there may be tasks whose worker has vanished.
        alarm_paused_minutes: how long a step may be paused.
        alarm_queue_age_minutes: how long a new object may wait for intake.
        alarm_events_age_minutes: how long a change of a task may wait to be told and counted.
        alarm_ignored_tasks: how many tasks a minute a step may set aside.
        alarm_duplicate_runs: how many executions in 15 minutes may find their task ended already.
        alarm_email: address that the alarms are sent to; None sends them to the topic only.
        alarm_runbook: the address of a runbook with the sections of ``docs/runbook.md``, which the alarms then name; by
            default they name none.
    """

    alarm_no_progress_minutes: int = between(1, LONGEST_ALARM_MINUTES, default=60)
    alarm_oldest_unfinished_minutes: int = between(1, 365 * 24 * 60, default=240)
    alarm_stuck_minutes: int = between(1, LONGEST_ALARM_MINUTES, default=30)
    alarm_paused_minutes: int = between(1, 365 * 24 * 60, default=24 * 60)
    alarm_queue_age_minutes: int = between(1, 4 * 24 * 60, default=30)
    alarm_events_age_minutes: int = between(1, 23 * 60, default=15)
    alarm_ignored_tasks: int = between(0, 1_000_000, default=0)
    alarm_duplicate_runs: int = between(0, 1_000_000, default=50)
    alarm_email: str | None = None
    alarm_runbook: str | None = None

    def conflicts(self) -> Iterator[str]:
        """A malformed address."""
        if self.alarm_email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", self.alarm_email):
            yield f"alarm_email {self.alarm_email!r} must be an e-mail address, or null"
