"""EventBridge Scheduler: invokes the functions that are the targets of schedules, each at once and then at its rate.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html. What looks after the invocations, such as an
alarm, then has the first before it asks.
"""

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from moto.scheduler.models import scheduler_backends

# How soon a schedule that is due is found.
LOOK_EVERY_SECONDS = 0.5
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")

_log = logging.getLogger(__name__)

Invoke = Callable[[str, bytes], object]
May = Callable[[str, str, str], bool]


def run_schedules(invoke: Invoke, may: May) -> None:
    """Run what moto holds, until this process ends; the arguments are those of `Scheduler`."""
    scheduler = Scheduler(invoke, may)
    while True:
        scheduler.look(_enabled_schedules(), time.monotonic())
        time.sleep(LOOK_EVERY_SECONDS)


def interval_of(expression: str) -> float | None:
    """The seconds from one invocation to the next; None for an expression that is no rate."""
    match = _RATE.fullmatch(expression)
    return timedelta(**{f"{match[2]}s": int(match[1])}).total_seconds() if match else None


class Scheduler:
    """Knows when each schedule is due.

    Args:
        invoke: runs a function, given by ARN, on an event; in a thread of its own.
        may: whether a schedule may, by its role, invoke a function; each is given by its ARN.
    """

    def __init__(self, invoke: Invoke, may: May) -> None:
        self._invoke = invoke
        self._may = may
        self._due: dict[tuple[str, str], float] = {}

    def look(self, schedules: Iterable[Any], now: float) -> None:
        """Invoke what is due at `now`, in seconds; forget the schedules that are gone, or have another rate."""
        found = {(schedule.arn, schedule.schedule_expression): schedule for schedule in schedules}
        self._due = {key: due for key, due in self._due.items() if key in found}
        for key, schedule in found.items():
            interval = interval_of(schedule.schedule_expression)
            if interval is None:
                if key not in self._due:
                    _log.warning("The schedule %s is not run: %s is no rate, like rate(5 minutes).", *key)
                self._due[key] = math.inf
            elif now >= self._due.setdefault(key, now):
                # What was missed meanwhile is not made up for.
                self._due[key] = max(self._due[key] + interval, now)
                if self._may(schedule.arn, schedule.target["RoleArn"], schedule.target["Arn"]):
                    self._fire(schedule.target)

    def _fire(self, target: dict[str, Any]) -> None:
        event = (target.get("Input") or "{}").encode()
        threading.Thread(target=self._run, args=(target["Arn"], event), name="schedule", daemon=True).start()

    def _run(self, arn: str, event: bytes) -> None:
        try:
            self._invoke(arn, event)
        except Exception:  # noqa: BLE001 - the function may be gone, while its stack is deleted
            _log.exception("The target %s of a schedule was not invoked.", arn)


def _enabled_schedules() -> list[Any]:
    return [
        schedule
        for regions in list(scheduler_backends.values())
        for backend in list(regions.values())
        for group in list(backend.schedule_groups.values())
        for schedule in list(group.schedules.values())
        if schedule.state == "ENABLED"
    ]
