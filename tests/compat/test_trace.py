"""R17: the lines of `debug=True`, in the words and with the names of pynamodb_mate 5."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from status_tracker import compat
from tests.support.clock import Clock

ACQUIRED = "🔓 set status 's03_in_progress' and lock the task."
SUCCEEDED = "✅ 🔐 task succeeded, set status 's09_success' and unlock the task."
FAILED = "❌ 🔐 task failed, set stats 's06_failed' and unlock the task."


def rule(what: str, status: str) -> str:
    line = f" {what} task(job_id='job', task_id='t', status={status!r}) "
    return f"{line:-^80}"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The lines since the last call."""
    caplog.set_level(logging.INFO, logger="status_tracker")

    def read() -> list[str]:
        found = [record.getMessage() for record in caplog.records if record.name == "status_tracker"]
        caplog.clear()
        return found

    return read


def test_r17_a_life(tracker: Any, lines: Callable[[], list[str]]) -> None:
    task = tracker.new("t")
    statuses = ["s00_todo", "s06_failed", "s06_failed"]
    for nth, status in enumerate(statuses, start=1):
        with pytest.raises(OSError, match="no page"), task.start_job(debug=True):
            raise OSError("no page")
        given_up = "❌ 🔐 task failed 3 times already, set status 's10_ignore' and unlock the task."
        ended = (given_up, "s10_ignore") if nth == 3 else (FAILED, "s06_failed")
        assert lines() == [rule("▶️ start", status), ACQUIRED, ended[0], rule("⏹️ end", ended[1])]
    with pytest.raises(compat.TaskIgnoredError):
        task.start_job(debug=True).__enter__()
    assert lines() == [rule("▶️ start", "s10_ignore"), "↪️ the task is ignored, do nothing!"]
    with tracker.new("t").start_job(debug=True):
        pass
    assert lines() == [rule("▶️ start", "s00_todo"), ACQUIRED, SUCCEEDED, rule("⏹️ end", "s09_success")]


def test_r17_what_did_not_begin_or_was_lost(tracker: Any, clock: Clock, lines: Callable[[], list[str]]) -> None:
    task, other = tracker.new("t"), tracker.get_one_or_none("t")
    block = task.start_job(debug=True)
    block.__enter__()
    lines()
    with pytest.raises(compat.TaskLockedError):
        other.start_job(debug=True).__enter__()
    assert lines()[1] == "❌ task failed to get lock, because it is already locked by another worker."
    clock.advance(tracker.LOCK_EXPIRE_SECONDS)
    with other.start_job():
        pass
    with pytest.raises(Exception, match="not held by this worker"):
        block.__exit__(None, None, None)
    assert lines()[0].startswith("❌ the lease was lost")


def test_r17_codes_without_names_and_silence(tracker: Any, lines: Callable[[], list[str]]) -> None:
    task = tracker.new("t")
    with task.start_job():
        pass
    assert lines() == []
    tracker.STATUS_ENUM = None
    with tracker.new("t").start_job(debug=True):
        pass
    found = [line.replace("'s03_in_progress'", "3").replace("'s09_success'", "9") for line in (ACQUIRED, SUCCEEDED)]
    assert lines()[1:3] == found
