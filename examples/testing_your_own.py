"""How to test a step of your own without a table or a network: a file for pytest, which also runs by itself.

The step under test sends a reminder for an invoice. Its class derives from `BaseTask` as in production; the fixture
`tracker_memory`, of the plugin that comes with the library, keeps its tasks in memory for the test.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import Fault
from status_tracker.testing.in_memory import TrackerMemory

LEASE = 60


class NoAddressError(st.NonRetryableError):
    """The customer has no address: no retry can help."""


class Reminder(st.BaseTask):
    class Meta:
        table_name, region = "reminders", "us-east-1"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make("reminders", 10, 20, 30, 40, 50, lock_expire_seconds=LEASE)


def remind(invoice: str, send: Callable[[str, int], str]) -> None:
    """The code under test: send one reminder, and keep the receipt."""
    with Reminder.start(invoice, create=True) as ctx:
        receipt = send(invoice, ctx.fence)
        ctx.set_data({"receipt": receipt})


def sent(invoice: str, fence: int) -> str:
    return f"{invoice}/{fence}"


def stored() -> Reminder:
    task = Reminder.get_one_or_none("i-1")
    assert task is not None
    return task


pytestmark = pytest.mark.usefixtures("tracker_memory")


def test_the_receipt_is_stored_with_the_success() -> None:
    remind("i-1", sent)
    assert (stored().status_name, stored().data) == ("succeeded", {"receipt": "i-1/1"})


def test_a_reminder_is_not_sent_twice() -> None:
    remind("i-1", sent)
    with pytest.raises(st.TaskAlreadySucceedError):
        remind("i-1", lambda *_: pytest.fail("sent twice"))


def test_a_failure_is_on_record_and_tried_again() -> None:
    with pytest.raises(ZeroDivisionError):
        remind("i-1", lambda *_: str(1 / 0))
    assert (stored().status_name, stored().retry) == ("failed", 1)
    remind("i-1", sent)
    assert stored().status_name == "succeeded"


def test_a_customer_without_address_is_set_aside_at_once() -> None:
    def send(*_: Any) -> str:
        raise NoAddressError("i-1 has none")

    with pytest.raises(NoAddressError):
        remind("i-1", send)
    assert stored().status_name == "ignored"


def test_a_killed_worker_is_taken_over_when_its_lease_ends(tracker_memory: TrackerMemory) -> None:
    killed = Reminder.start("i-1", create=True)
    killed.__enter__()
    with pytest.raises(st.TaskLockedError):
        remind("i-1", sent)
    tracker_memory.clock.advance(LEASE)
    remind("i-1", sent)
    assert stored().data == {"receipt": "i-1/2"}
    assert stored().errors["history"][0]["error"].startswith("LeaseExpired")


def test_a_lost_answer_makes_no_failure(tracker_memory: TrackerMemory) -> None:
    def send(invoice: str, fence: int) -> str:
        tracker_memory.befall(Fault.ANSWER_LOST)  # of the write that comes next, which is the end of the block
        return sent(invoice, fence)

    remind("i-1", send)
    assert (stored().status_name, stored().errors) == ("succeeded", {"history": []})


if __name__ == "__main__":
    by_itself = ["-c", os.devnull, "-p", "no:cacheprovider"]  # not with the settings of the project around it
    plugin = ["-p", "status_tracker_pytest"]  # an installed library brings it by itself
    raise SystemExit(pytest.main([__file__, "-v", *by_itself, *plugin]))
