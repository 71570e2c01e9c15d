"""R17: what `verbose=True` tells, in the words of seed 004, and where it is told."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

import status_tracker as st
from status_tracker import abstract
from tests.abstract.jobs import FileJob


def fail(job: FileJob, **how: bool) -> None:
    with pytest.raises(ValueError, match="mine"), job.start(**how):
        raise ValueError("mine")


def test_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="status_tracker")
    abstract.logger.info("page %d", 7)
    abstract.logger.ruler("the end")
    with abstract.logger.disabled():
        abstract.logger.warning("not shown")
    with abstract.logger.disabled(disable=False):
        abstract.logger.warning("shown")
    assert [line.strip("- ") for line in caplog.messages] == ["page 7", "the end", "shown"]


def test_r17_verbose_tells_and_otherwise_nothing_is_told(jobs: type[FileJob], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="status_tracker")
    job = jobs.new("1")
    fail(job)
    assert caplog.messages == []
    with job.start(verbose=True):
        pass
    assert [line.strip("- ") for line in caplog.messages] == [
        "⏱ ⏩ start task(id='1', status=20 (failed), attempts=2)",
        "set status = 10 (⏳ in_progress) and 🔓 lock the task.",
        "✅ task succeeded, set status = 40 (✅ succeeded) and 🔐 unlock the task.",
        "⏰ ⏹️ end task(id='1' status=40)",
    ]


@pytest.mark.parametrize(
    ("max_attempts", "told"),
    [
        (3, "❌ task failed, set status = 20 (❌ failed) and 🔐 unlock the task."),
        (1, "❌ task failed 1 times already, set status = 30 (🚫 exhausted) and 🔐 unlock the task."),
    ],
)
def test_r17_a_failure_is_told_in_the_seeds_words(
    jobs: type[FileJob],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    max_attempts: int,
    told: str,
) -> None:
    monkeypatch.setattr(jobs, "get_max_attempts", lambda: max_attempts)
    job = jobs.new("1")
    fail(job, verbose=True)
    assert caplog.messages[-2] == told


@pytest.mark.parametrize(
    ("reach", "told"),
    [
        (lambda job: job.mark_as_in_progress(), "🔓 the task is locked, do nothing!"),
        (lambda job: type(job).ignore("1", reason="a duplicate"), "the task is 🙅 ignored, do nothing!"),
        (lambda job: [fail(job) for _ in range(3)], "the task is 🚫 exhausted, do nothing!"),
    ],
    ids=["locked", "ignored", "exhausted"],
)
def test_r17_a_refusal_is_told_in_the_seeds_words(
    jobs: type[FileJob], caplog: pytest.LogCaptureFixture, reach: Callable[[FileJob], object], told: str
) -> None:
    job = jobs.new("1")
    reach(job)
    with pytest.raises(st.TaskIsNotReadyToStartError), job.start(verbose=True):
        pass
    assert caplog.messages[-2] == told
    assert caplog.messages[-1].strip("- ") == "⏰ ⏹️ end task(id='1')"


@pytest.mark.parametrize("verbose", [False, True])
def test_r17_the_applications_handlers_are_left_alone(jobs: type[FileJob], verbose: bool) -> None:
    """The seed takes all handlers away while a block runs, so that what the block logs is lost."""
    heard: list[str] = []
    mine = logging.Handler()
    mine.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("status_tracker")
    logger.addHandler(mine)
    try:
        before = list(logger.handlers), list(logging.getLogger().handlers)
        job = jobs.new("1")
        with pytest.raises(ValueError, match="mine"), job.start(verbose=verbose):
            assert (list(logger.handlers), list(logging.getLogger().handlers)) == before
            logger.warning("from the block")
            raise ValueError("mine")
        assert (list(logger.handlers), list(logging.getLogger().handlers)) == before
        assert "from the block" in heard
    finally:
        logger.removeHandler(mine)
