"""When an event that was taken is tried again, and when it is given up."""

from __future__ import annotations

from typing import Any

import pytest
from moto.awslambda.models import EventInvokeConfig

from status_tracker_local.asynchronous import AsynchronousInvocations
from status_tracker_local.runtime_api import Outcome

DONE, FAILED = Outcome(b"null", is_error=False), Outcome(b"{}", is_error=True)


class Function:
    """What moto holds of a function, as far as asynchronous invocations go; and a clock that only waiting moves."""

    function_name = "sweep"

    def __init__(self, *outcomes: Outcome, **config: Any) -> None:
        self.event_invoke_config = [EventInvokeConfig("an ARN", "today", config)] if config else []
        self._outcomes = list(outcomes)
        self.times: list[float] = []
        self._now = 1_000.0

    def tried(self, event: bytes = b"{}") -> list[float]:
        """When it was tried, in seconds after the event was taken."""
        invocations = AsynchronousInvocations(self._invoke, wait=self._wait, now=lambda: self._now)
        invocations.accept(self, event).join(30)
        return [time - 1_000 for time in self.times]

    def _invoke(self, _: object, event: bytes) -> Outcome:
        assert event == b"{}"
        self.times.append(self._now)
        return self._outcomes.pop(0)

    def _wait(self, seconds: float) -> None:
        self._now += seconds


def test_what_goes_well_is_done_once() -> None:
    assert Function(DONE).tried() == [0]


def test_what_fails_is_tried_twice_more_after_one_minute_and_two() -> None:
    assert Function(FAILED, FAILED, FAILED).tried() == [0, 60, 180]


def test_it_ends_with_the_first_success() -> None:
    assert Function(FAILED, DONE).tried() == [0, 60]


@pytest.mark.parametrize(("retries", "times"), [(0, [0]), (1, [0, 60]), (2, [0, 60, 180])])
def test_the_function_says_how_often(retries: int, times: list[float]) -> None:
    assert Function(*[FAILED] * 3, MaximumRetryAttempts=retries).tried() == times


@pytest.mark.parametrize(("age", "times"), [(60, [0, 60]), (179, [0, 60]), (180, [0, 60, 180])])
def test_an_event_that_would_be_too_old_is_not_tried_again(age: int, times: list[float]) -> None:
    assert Function(*[FAILED] * 3, MaximumEventAgeInSeconds=age).tried() == times


def test_what_is_given_up_is_told(caplog: pytest.LogCaptureFixture) -> None:
    Function(FAILED, MaximumRetryAttempts=0).tried()
    [record] = caplog.records
    assert record.getMessage() == "An event of sweep is given up after 1 failed tries."
