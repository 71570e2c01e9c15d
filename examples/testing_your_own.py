"""How to test a step of your own without any database: a file for pytest, which also runs by itself.

The step under test sends a reminder for an invoice. It takes the tracked class as an argument, so that the application
gives it one that derives from `BaseTask`, and these tests give it one in memory, which obeys the same rules.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import Clock, Fault, MemoryStorage, MemoryTask

LEASE = 60


class NoAddressError(st.NonRetryableError):
    """The customer has no address: no retry can help."""


def remind(reminders: Any, invoice: str, send: Callable[[str, int], str]) -> None:
    """The code under test: send one reminder, and keep the receipt."""
    with reminders.start(invoice, create=True) as ctx:
        receipt = send(invoice, ctx.fence)
        ctx.set_data({"receipt": receipt})


def sent(invoice: str, fence: int) -> str:
    return f"{invoice}/{fence}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reminders(clock: Clock) -> type[MemoryTask]:
    """The step, with a storage of the test's own."""

    class Reminder(MemoryTask):
        storage = MemoryStorage()
        config = st.TrackerConfig.make("reminders", 10, 20, 30, 40, 50, lock_expire_seconds=LEASE, clock=clock)

    return Reminder


def stored(reminders: type[MemoryTask]) -> MemoryTask:
    task = reminders.get_one_or_none("i-1")
    assert task is not None
    return task


def test_the_receipt_is_stored_with_the_success(reminders: type[MemoryTask]) -> None:
    remind(reminders, "i-1", sent)
    assert (stored(reminders).status_name, stored(reminders).data) == ("succeeded", {"receipt": "i-1/1"})


def test_a_reminder_is_not_sent_twice(reminders: type[MemoryTask]) -> None:
    remind(reminders, "i-1", sent)
    with pytest.raises(st.TaskAlreadySucceedError):
        remind(reminders, "i-1", lambda *_: pytest.fail("sent twice"))


def test_a_failure_is_on_record_and_tried_again(reminders: type[MemoryTask]) -> None:
    with pytest.raises(ZeroDivisionError):
        remind(reminders, "i-1", lambda *_: str(1 / 0))
    assert (stored(reminders).status_name, stored(reminders).retry) == ("failed", 1)
    remind(reminders, "i-1", sent)
    assert stored(reminders).status_name == "succeeded"


def test_a_customer_without_address_is_set_aside_at_once(reminders: type[MemoryTask]) -> None:
    def send(*_: Any) -> str:
        raise NoAddressError("i-1 has none")

    with pytest.raises(NoAddressError):
        remind(reminders, "i-1", send)
    assert stored(reminders).status_name == "ignored"


def test_a_killed_worker_is_taken_over_when_its_lease_ends(reminders: type[MemoryTask], clock: Clock) -> None:
    killed = reminders.start("i-1", create=True)
    killed.__enter__()
    with pytest.raises(st.TaskLockedError):
        remind(reminders, "i-1", sent)
    clock.advance(LEASE)
    remind(reminders, "i-1", sent)
    assert stored(reminders).data == {"receipt": "i-1/2"}
    assert stored(reminders).errors["history"][0]["error"].startswith("LeaseExpired")


def test_a_lost_answer_makes_no_failure(reminders: type[MemoryTask]) -> None:
    def send(invoice: str, fence: int) -> str:
        reminders.storage.befall(Fault.ANSWER_LOST)  # of the write that comes next, which is the end of the block
        return sent(invoice, fence)

    remind(reminders, "i-1", send)
    assert (stored(reminders).status_name, stored(reminders).errors) == ("succeeded", {"history": []})


if __name__ == "__main__":
    by_itself = ["-c", os.devnull, "-p", "no:cacheprovider"]  # not with the settings of the project around it
    raise SystemExit(pytest.main([__file__, "-v", *by_itself]))
