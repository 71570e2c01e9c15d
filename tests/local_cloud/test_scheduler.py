"""When a schedule invokes its target."""

from __future__ import annotations

import logging
import queue
from dataclasses import dataclass, field
from typing import Any

import pytest

from status_tracker_local.scheduler import Scheduler, interval_of


@dataclass
class Schedule:
    schedule_expression: str = "rate(1 minute)"
    name: str = "often"
    target: dict[str, Any] = field(default_factory=lambda: {"Arn": "the function", "RoleArn": "the role"})

    @property
    def arn(self) -> str:
        return f"arn:{self.name}"


def allowing(*_: str) -> bool:
    return True


class Invoked:
    """The invocations, which come from threads."""

    def __init__(self) -> None:
        self._calls: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def __call__(self, arn: str, event: bytes) -> None:
        self._calls.put((arn, event))

    def next(self) -> tuple[str, bytes]:
        return self._calls.get(timeout=30)

    def none(self) -> bool:
        return self._calls.empty()


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(1 minute)", 60),
        ("rate(5 minutes)", 300),
        ("rate(2 hours)", 7200),
        ("rate(1 day)", 86400),
        ("cron(0 12 * * ? *)", None),
        ("at(2026-11-20T13:00:00)", None),
        ("rate(minutes)", None),
    ],
)
def test_rates(expression: str, seconds: float | None) -> None:
    assert interval_of(expression) == seconds


def test_it_is_invoked_at_once_and_then_after_each_interval() -> None:
    invoked = Invoked()
    scheduler, schedules = Scheduler(invoked, allowing), [Schedule()]
    scheduler.look(schedules, 0)
    assert invoked.next() == ("the function", b"{}")
    scheduler.look(schedules, 59.9)
    assert invoked.none()
    scheduler.look(schedules, 60)
    invoked.next()
    scheduler.look(schedules, 119)
    assert invoked.none()
    scheduler.look(schedules, 120)
    invoked.next()


def test_what_was_missed_is_not_made_up_for() -> None:
    invoked = Invoked()
    scheduler, schedules = Scheduler(invoked, allowing), [Schedule()]
    for now in (0, 600, 600):
        scheduler.look(schedules, now)
        invoked.next()
    scheduler.look(schedules, 600.5)
    assert invoked.none()


def test_a_changed_or_new_schedule_begins_anew_and_a_gone_one_is_forgotten() -> None:
    invoked = Invoked()
    scheduler = Scheduler(invoked, allowing)
    scheduler.look([Schedule()], 0)
    invoked.next()
    scheduler.look([Schedule("rate(2 minutes)")], 30)
    invoked.next()
    scheduler.look([Schedule("rate(2 minutes)")], 149)
    assert invoked.none()
    scheduler.look([], 149.5)
    scheduler.look([Schedule("rate(2 minutes)")], 149.6)
    invoked.next()


def test_the_input_is_passed_on() -> None:
    invoked = Invoked()
    target = {"Arn": "a", "RoleArn": "r", "Input": '{"key": 1}'}
    Scheduler(invoked, allowing).look([Schedule(target=target)], 0)
    assert invoked.next() == ("a", b'{"key": 1}')


def test_what_is_no_rate_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    scheduler = Scheduler(Invoked(), allowing)
    with caplog.at_level(logging.WARNING):
        for now in (0, 60, 120):
            scheduler.look([Schedule("cron(0 12 * * ? *)")], now)
    [record] = caplog.records
    assert "cron(0 12 * * ? *) is no rate" in record.getMessage()


def test_what_its_role_may_not_invoke_is_not_invoked() -> None:
    invoked, asked = Invoked(), list[tuple[str, ...]]()

    def refusing(*arns: str) -> bool:
        asked.append(arns)
        return False

    Scheduler(invoked, refusing).look([Schedule()], 0)
    assert asked == [("arn:often", "the role", "the function")]
    assert invoked.none()
