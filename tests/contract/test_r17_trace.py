"""R17: what `debug=True` shows, line by line; and that without it nothing is shown."""


# ruff: noqa: E501  (the lines stand as they are shown)

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.engines import Engine
from tests.support.items import stored
from tests.support.wire import ALWAYS, Wire, access_denied

ROOT = Path(__file__).parents[2]
START = "----------------------------------- ▶️ start Task(use_case_id='test', task_id='t-1'))-----------------------------------"
LOCKED = "🔓 set status 'in_progress' and lock the task."
SUCCEEDED = "✅ 🔐 task succeeded, set status 'success' and unlock the task."
FAILED = "❌ 🔐 task failed, set stats 'failed' and unlock the task."
IGNORED = "❌ 🔐 task failed 3 times already, set status 'ignore' and unlock the task."
END_40 = "--------------------- ⏹️ end Task(use_case_id='test', task_id='t-1'), status=40)) (aka 'succeeded')---------------------"
END_30 = "---------------------- ⏹️ end Task(use_case_id='test', task_id='t-1'), status=30)) (aka 'failed')-----------------------"
END_50 = "---------------------- ⏹️ end Task(use_case_id='test', task_id='t-1'), status=50)) (aka 'ignored')----------------------"
END_REFUSED = "------------------------------------ ⏹️ end Task(use_case_id='test', task_id='t-1'))------------------------------------"


class DocumentError(Exception):
    """The worker's own failure."""


class Shown(logging.Handler):
    """Keeps the lines, and what was stored when each was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.statuses: list[int | None] = []
        self.look: Callable[[], int | None] = lambda: None

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self.statuses.append(self.look())


@pytest.fixture
def shown() -> Iterator[Shown]:
    logger, handler = logging.getLogger("status_tracker"), Shown()
    level = logger.level
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_r17_success_is_told_after_it_happened(step1: Any, shown: Shown) -> None:
    step1.make_and_save("t-1")
    shown.look = lambda: stored(step1, "t-1").status
    with step1.start("t-1", debug=True):
        shown.lines.append("do some work ...")
    assert shown.lines == [START, LOCKED, "do some work ...", SUCCEEDED, END_40]
    assert shown.statuses == [10, 20, 40, 40]


def test_r17_failures_are_told_with_the_status_that_was_stored(step1: Any, shown: Shown) -> None:
    step1.make_and_save("t-1")
    shown.look = lambda: stored(step1, "t-1").status
    for status, told, end in ((30, FAILED, END_30), (30, FAILED, END_30), (50, IGNORED, END_50)):
        shown.lines, shown.statuses = [], []
        before = shown.look()
        with pytest.raises(DocumentError), step1.start("t-1", debug=True) as ctx:
            ctx.set_data({"version": 2}).update()
            raise DocumentError
        assert shown.lines == [START, LOCKED, told, end]
        assert shown.statuses == [before, 20, status, status]


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (None, "because it is not initialized yet"),
        (
            {"_status": 20, "lock": "another", "lock_expire_time": Clock().now.replace(hour=1)},
            "because it is already locked by another worker",
        ),
        ({"_status": 40}, "because it is already succeeded"),
        ({"_status": 50}, "because it is ignored"),
    ],
)
def test_r17_a_refused_start_never_tells_of_a_lock(
    step1: Any, shown: Shown, item: dict[str, Any] | None, why: str
) -> None:
    if item:
        step1.make_and_save("t-1", **item)
    with pytest.raises(st.TaskIsNotReadyToStartError):
        step1.start("t-1", debug=True).__enter__()
    assert shown.lines == [START, f"❌ task failed to get lock, {why}.", END_REFUSED]


def test_r17_a_finish_that_was_not_stored_is_not_told_as_one(
    step1: Any, shown: Shown, clock: Clock, wire: Wire
) -> None:
    step1.make_and_save("t-1")
    with pytest.raises(st.StatusNotSavedError), step1.start("t-1", debug=True):
        wire.inject("UpdateItem", access_denied, times=ALWAYS)
    wire.heal()
    clock.advance(60)
    with pytest.raises(st.TaskLockLostError), step1.start("t-1", debug=True):
        clock.advance(60)
        step1.start("t-1").__enter__()
    assert not any("unlock" in line or "status=" in line for line in shown.lines)
    assert shown.lines.count(LOCKED) == 2
    assert [line for line in shown.lines if "end Task" in line] == [END_REFUSED] * 2


def test_r17_an_update_that_was_not_stored_is_not_told_as_the_end(step1: Any, shown: Shown, wire: Wire) -> None:
    step1.make_and_save("t-1")
    with step1.start("t-1", debug=True) as ctx:
        wire.inject("UpdateItem", access_denied)
        with pytest.raises(st.StatusNotSavedError):
            ctx.set_data({"version": 1}).update()
    assert [line for line in shown.lines if "end Task" in line] == [END_40]


def test_r17_nothing_is_told_without_debug_not_even_after_a_start_with_it(step1: Any, shown: Shown) -> None:
    step1.make_and_save("t-1")
    logging.getLogger("status_tracker").setLevel(logging.DEBUG)
    with pytest.raises(DocumentError), step1.start("t-1", debug=True):
        raise DocumentError
    shown.lines = []
    with step1.start("t-1"):
        pass
    with pytest.raises(st.TaskAlreadySucceedError):
        step1.start("t-1").__enter__()
    assert shown.lines == []


PROGRAM = """
import logging, sys
from tests.support.steps import STEP1_CODES, make_base, make_step
{setup}
step = make_step(make_base(sys.argv[1], sys.argv[2]), STEP1_CODES)
root, before = logging.getLogger(), list(logging.getLogger().handlers)
with step.start("t-1", create=True, debug={debug}):
    pass
assert (root.handlers, root.level) == (before, logging.WARNING)
"""


def _run(engine: Engine, table_name: str, *, debug: bool, setup: str = "") -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT / "layer"), str(ROOT), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", PROGRAM.format(debug=debug, setup=setup), engine.host, table_name]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603


@pytest.mark.usefixtures("base")
def test_r17_console_shows_the_lines_of_an_application_without_logging(engine: Engine, table_name: str) -> None:
    ended = _run(engine, table_name, debug=True)
    assert (ended.stdout + ended.stderr).splitlines() == [START, LOCKED, SUCCEEDED, END_40]


@pytest.mark.usefixtures("base")
def test_r17_console_is_silent_without_debug(engine: Engine, table_name: str) -> None:
    ended = _run(engine, table_name, debug=False)
    assert (ended.stdout, ended.stderr) == ("", "")


@pytest.mark.usefixtures("base")
def test_r17_applications_own_handlers_show_each_line_once(engine: Engine, table_name: str) -> None:
    ended = _run(engine, table_name, debug=True, setup="logging.basicConfig(format='app: %(message)s')")
    assert ended.stderr.splitlines() == [f"app: {line}" for line in (START, LOCKED, SUCCEEDED, END_40)]
    assert ended.stdout == ""
