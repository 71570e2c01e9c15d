"""The lines that `debug=True` shows (R17)."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

import status_tracker as st
from status_tracker.testing import Fault, MemoryStore, Record
from tests.unit.steps import IGNORED, LEASE, NOON, PENDING, SUCCEEDED, Clock, history, start, stored, take_over

LAYER = Path(st.__file__).parents[1]
STARTED = " ▶️ start Task(use_case_id='test', task_id='t-1'))"
ACQUIRED = "🔓 set status 'in_progress' and lock the task."
ENDED = " ⏹️ end Task(use_case_id='test', task_id='t-1'))"


def ended(status: int, name: str) -> str:
    return f" ⏹️ end Task(use_case_id='test', task_id='t-1'), status={status})) (aka '{name}')"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The lines so far, without the dashes of the rules."""
    caplog.set_level(logging.INFO, logger="status_tracker")

    def read() -> list[str]:
        return [record.getMessage().strip("-") for record in caplog.records if record.name == "status_tracker"]

    return read


Lines = Callable[[], list[str]]


def test_r17_each_line_comes_after_what_it_tells(store: MemoryStore, clock: Clock, lines: Lines) -> None:
    seen_at_write: list[list[str]] = []
    store.before_write = lambda: seen_at_write.append(lines())
    with start(store, clock, debug=True):
        pass
    assert seen_at_write == [[STARTED], [STARTED, ACQUIRED]]
    assert lines() == [
        STARTED,
        ACQUIRED,
        "✅ 🔐 task succeeded, set status 'success' and unlock the task.",
        ended(40, "succeeded"),
    ]


def test_r17_failures_end_with_the_status_that_was_stored(store: MemoryStore, clock: Clock, lines: Lines) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="mine"), start(store, clock, debug=True):
            raise ValueError("mine")
    failed = [STARTED, ACQUIRED, "❌ 🔐 task failed, set stats 'failed' and unlock the task.", ended(30, "failed")]
    ignored = [
        STARTED,
        ACQUIRED,
        "❌ 🔐 task failed 3 times already, set status 'ignore' and unlock the task.",
        ended(50, "ignored"),
    ]
    assert lines() == failed + failed + ignored


def test_r17_an_updated_attempt_that_fails_ends_with_failed(store: MemoryStore, clock: Clock, lines: Lines) -> None:
    with pytest.raises(ValueError, match="mine"), start(store, clock, debug=True) as ctx:
        ctx.set_data({"version": 1}).update()
        raise ValueError("mine")
    assert lines()[-1] == ended(30, "failed")


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (None, "it is not initialized yet"),
        (Record(PENDING, lock="x", lock_expire_time=NOON + LEASE), "it is already locked by another worker"),
        (Record(SUCCEEDED), "it is already succeeded"),
        (Record(IGNORED), "it is ignored"),
        (Record(PENDING, not_before=NOON + LEASE), "it is not due yet"),
        (Record(70), "its status belongs to another step"),
    ],
)
def test_r17_a_refusal_says_why_and_claims_no_lock(task: Record | None, why: str, clock: Clock, lines: Lines) -> None:
    with pytest.raises(st.TaskIsNotReadyToStartError), start(MemoryStore(task), clock, debug=True):
        pytest.fail("the block was entered")
    assert lines() == [STARTED, f"❌ task failed to get lock, because {why}.", ENDED]


def test_r17_a_lost_lease_claims_no_status(store: MemoryStore, clock: Clock, lines: Lines) -> None:
    with pytest.raises(st.TaskLockLostError), start(store, clock, debug=True):
        take_over(store, clock)
    assert lines()[2].startswith("❌ the lease was lost")
    assert lines()[3:] == [ENDED]


def test_r17_a_lost_lease_that_the_block_swallows_ends_once(store: MemoryStore, clock: Clock, lines: Lines) -> None:
    with pytest.raises(st.TaskLockLostError), start(store, clock, debug=True) as ctx:
        take_over(store, clock)
        with pytest.raises(st.TaskLockLostError):
            ctx.extend_lock()
    assert sum("⏹️" in line for line in lines()) == 1


def test_r17_an_end_that_was_not_stored_claims_no_status(store: MemoryStore, clock: Clock, lines: Lines) -> None:
    attempt = start(store, clock, debug=True)
    attempt.__enter__()
    store.befall(Fault.BROKEN)
    with pytest.raises(st.StatusNotSavedError):
        attempt.__exit__(None, None, None)
    assert lines()[2].startswith("❌ the end of the attempt could not be stored")
    assert lines()[3:] == [ENDED]


def test_r17_an_update_that_could_not_be_stored_is_not_the_end(store: MemoryStore, clock: Clock, lines: Lines) -> None:
    with start(store, clock, debug=True) as ctx:
        store.befall(Fault.BROKEN)
        with pytest.raises(st.StatusNotSavedError):
            ctx.set_data({"version": 1}).update()
        assert not any("⏹️" in line or "end of the attempt" in line for line in lines())
    assert lines()[-1] == ended(40, "succeeded")


def test_r17_without_debug_nothing_is_told(store: MemoryStore, clock: Clock, lines: Lines) -> None:
    with pytest.raises(ValueError, match="mine"), start(store, clock):
        raise ValueError("mine")
    with pytest.raises(st.TaskNotDueError), start(MemoryStore(Record(PENDING, not_before=NOON + LEASE)), clock):
        pytest.fail("the block was entered")
    assert lines() == []


def test_r17_where_the_application_has_handlers_none_is_added_or_changed(store: MemoryStore, clock: Clock) -> None:
    def handlers() -> list[tuple[logging.Handler, int, logging.Formatter | None]]:
        loggers = (logging.getLogger(), logging.getLogger("status_tracker"))
        return [(each, each.level, each.formatter) for logger in loggers for each in logger.handlers]

    before = handlers()
    with start(store, clock, debug=True):
        pass
    assert handlers() == before


# In a process of its own, where nothing has set logging up

PROGRAM = """
import logging, sys
sys.path.insert(0, {layer!r})
import status_tracker
from status_tracker.core.trace import Trace
{setup}
logger = logging.getLogger("status_tracker")
for _ in range(2):
    Trace(None, "task", debug={debug}).acquired()
handlers = [type(each).__name__ for each in logger.handlers]
print(handlers, logging.getLogger().handlers, logging.getLevelName(logger.level))
"""


def run(*, debug: bool, setup: str = "") -> tuple[str, list[str]]:
    """What the program says of its handlers, and the lines it shows on the console."""
    program = PROGRAM.format(layer=str(LAYER), debug=debug, setup=setup)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-X", "utf8", "-c", program], capture_output=True, text=True, encoding="utf-8", check=True
    )
    *shown, handlers = done.stdout.splitlines()
    return handlers, [*shown, *done.stderr.splitlines()]


def test_r17_debug_shows_the_lines_on_the_console_once() -> None:
    handlers, shown = run(debug=True)
    assert shown == [ACQUIRED, ACQUIRED]
    assert handlers == "['NullHandler', '_Console'] [] INFO"


def test_r17_without_debug_there_is_no_console_handler() -> None:
    handlers, shown = run(debug=False)
    assert shown == []
    assert handlers == "['NullHandler'] [] NOTSET"


def test_r17_an_application_that_logs_gets_the_lines_through_its_own_handler() -> None:
    handlers, shown = run(debug=True, setup="logging.basicConfig(level='WARNING', format='app %(message)s')")
    assert shown == [f"app {ACQUIRED}"] * 2
    assert handlers.startswith("['NullHandler'] [<StreamHandler")


class RaisingHandler(logging.Handler):
    """Raises at its nth line, or at each (None)."""

    def __init__(self, nth: int | None) -> None:
        super().__init__()
        self.left = nth

    def emit(self, record: logging.LogRecord) -> None:
        if self.left is not None:
            self.left -= 1
        if not self.left:
            raise OSError(f"no space left for {record.getMessage()}")


@pytest.fixture
def raising() -> Iterator[Callable[[int | None], None]]:
    """Has the library's log raise."""
    log, added = logging.getLogger("status_tracker"), []

    def add(nth: int | None) -> None:
        added.append(RaisingHandler(nth))
        log.addHandler(added[-1])

    yield add
    for handler in added:
        log.removeHandler(handler)


Raising = Callable[[int | None], None]
each_line = pytest.mark.parametrize("nth", [1, 2, 3, 4, None])


@each_line
def test_r17_a_log_that_raises_changes_nothing_of_a_success(
    store: MemoryStore, clock: Clock, raising: Raising, nth: int | None
) -> None:
    raising(nth)
    with start(store, clock, debug=True) as ctx:
        ctx.set_data({"version": 1})
    assert (stored(store).status, stored(store).lock, stored(store).data) == (SUCCEEDED, None, {"version": 1})
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@each_line
def test_r17_a_log_that_raises_changes_nothing_of_a_failure(
    store: MemoryStore, clock: Clock, raising: Raising, nth: int | None
) -> None:
    raising(nth)
    with pytest.raises(ValueError, match="mine"), start(store, clock, debug=True):
        raise ValueError("mine")
    assert [entry["error"] for entry in history(store)] == ["ValueError('mine')"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@each_line
def test_r17_a_log_that_raises_changes_nothing_of_a_refusal_or_a_lost_lock(
    store: MemoryStore, clock: Clock, raising: Raising, nth: int | None
) -> None:
    raising(nth)
    slow = start(store, clock, debug=True)
    slow.__enter__()
    with pytest.raises(st.TaskLockedError), start(store, clock, debug=True):
        pytest.fail("the block was entered")
    take_over(store, clock)
    with pytest.raises(st.TaskLockLostError):
        slow.__exit__(None, None, None)


def test_r17_what_could_not_be_logged_is_shown_with_the_reason(
    store: MemoryStore, clock: Clock, raising: Raising, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(2)
    with start(store, clock, debug=True):
        pass
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(ACQUIRED)
    assert "OSError: no space left" in line


def test_r17_a_standard_error_that_is_closed_is_no_reason_to_fail_either(
    store: MemoryStore, clock: Clock, raising: Raising, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(None)
    monkeypatch.setattr(sys, "stderr", None)
    with start(store, clock, debug=True):
        pass
    assert stored(store).status == SUCCEEDED


def test_r4_a_log_that_raises_does_not_replace_an_exception_that_takes_no_notes(
    store: MemoryStore, clock: Clock, raising: Raising
) -> None:
    class FrozenError(Exception):
        def add_note(self, _text: str) -> NoReturn:
            raise AttributeError("frozen")

    raising(None)
    slow = start(store, clock)
    slow.__enter__()
    take_over(store, clock)
    slow.__exit__(FrozenError, FrozenError(), None)
    assert stored(store).lock is not None


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_r17_a_log_that_ends_the_process_leaves_no_task_locked_and_no_handler(
    store: MemoryStore, clock: Clock, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = nth

    def log(*_: object, **__: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise SystemExit(1)

    monkeypatch.setattr(logging.getLogger("status_tracker"), "log", log)
    with pytest.raises(SystemExit), start(store, clock, debug=True):
        pass
    assert stored(store).lock is None
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
