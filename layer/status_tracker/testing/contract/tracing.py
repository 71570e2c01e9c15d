"""R16 and R17: by which ids tasks are known, what `debug=True` tells; and how tasks are listed."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from ...core import errors as st
from ..clock import Clock
from .driver import Promise, Step
from .steps import FAILED, PENDING, SUCCEEDED, Scenes, WorkError, enter, fail, seen, succeed

Promised = Callable[[Promise], bool]
ALIKE = ["a", "A", "a/b", "a%2Fb", "a____b", "a b", "a..b", "ä", "a\N{COMBINING DIAERESIS}", "a.json", "t+%&#?=é你"]


class TellingRules(Scenes):
    """R16, R17, and listing."""

    # R16: ids

    @pytest.mark.parametrize(
        "task_id", ["", None, "x" * 3_000, "\ud800"], ids=["empty", "None", "too long", "no Unicode"]
    )
    def test_r16_ids_that_cannot_be_stored_are_refused(self, step1: Step, task_id: Any) -> None:
        uses: list[Callable[[], object]] = [lambda: step1.create(task_id), lambda: step1.start(task_id).__enter__()]
        for use in uses:
            with pytest.raises(ValueError, match="id"):
                use()

    def test_r16_every_other_id_is_a_task_of_its_own(self, step1: Step) -> None:
        for task_id in ALIKE:
            step1.create(task_id, {"id": task_id})
        succeed(step1, "a/b")
        assert [seen(step1, task_id).data for task_id in ALIKE] == [{"id": task_id} for task_id in ALIKE]
        assert [each for each in ALIKE if seen(step1, each).status == SUCCEEDED] == ["a/b"]

    def test_r16_a_long_id(self, step1: Step, promised: Callable[[Promise], bool]) -> None:
        if not promised(Promise.LONG_IDS):
            for use in (step1.create, lambda id: step1.start(id).__enter__()):  # noqa: A006
                with pytest.raises(ValueError, match="1,000 characters"):
                    use("x" * 1_000)
            step1.create("x" * 700)
            return
        step1.create("x" * 1_000)
        succeed(step1, "x" * 1_000)
        assert seen(step1, "x" * 1_000).status == SUCCEEDED

    # R17: what `debug` tells

    @pytest.fixture
    def told(self, caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
        """The lines since it was asked last."""
        caplog.set_level(logging.INFO, logger="status_tracker")

        def ask() -> list[str]:
            lines = [record.getMessage() for record in caplog.records if record.name == "status_tracker"]
            caplog.clear()
            return lines

        return ask

    def test_r17_success_is_told_line_by_line(self, step1: Step, told: Callable[[], list[str]]) -> None:
        step1.create("t-1")
        told()
        with step1.start("t-1", debug=True):
            start, *_, locked = told()
        succeeded, end = told()
        assert "start" in start
        assert "'t-1'" in start
        assert re.search(r"lock the (task|job)", locked)
        assert re.search(r"(task|job) succeeded", succeeded)
        assert re.search(rf"status ?= ?{SUCCEEDED}\b", end)

    def test_r17_failure_is_told_with_the_status_that_was_stored(
        self, new_step: Callable[..., Step], told: Callable[[], list[str]]
    ) -> None:
        step1 = new_step(max_retry=2)
        step1.create("t-1")
        for words in (r"(task|job) failed,", r"(task|job) failed 2 times"):
            with pytest.raises(WorkError), step1.start("t-1", debug=True):
                told()
                raise WorkError
            failed, end = told()
            assert re.search(words, failed)
            assert re.search(rf"status ?= ?{seen(step1, 't-1').status}\b", end)

    def test_r17_a_refused_start_tells_why_and_of_no_lock(self, step1: Step, told: Callable[[], list[str]]) -> None:
        step1.create("t-1")
        enter(step1, "t-1")
        told()
        with pytest.raises(st.TaskLockedError):
            step1.start("t-1", debug=True).__enter__()
        start, why, *end = told()
        assert "start" in start
        assert re.search(r"locked by another worker|is locked", why)
        assert not re.search(r"status ?=", "".join(end))

    def test_r17_a_lost_lock_is_not_told_as_an_end_that_was_stored(
        self, step1: Step, clock: Clock, told: Callable[[], list[str]]
    ) -> None:
        step1.create("t-1")
        with pytest.raises(st.TaskLockLostError), step1.start("t-1", debug=True):
            clock.advance(60)
            enter(step1, "t-1")
            told()
        lost, end = told()
        assert "lease was lost" in lost
        assert not re.search(r"status ?=", end)

    def test_r17_nothing_is_told_without_debug(self, step1: Step, told: Callable[[], list[str]]) -> None:
        step1.create("t-1")
        fail(step1, task_id="t-1")
        succeed(step1, "t-1")
        with pytest.raises(st.TaskAlreadySucceedError):
            step1.start("t-1").__enter__()
        assert told() == []

    # Listing

    def test_tasks_are_listed_by_status_in_the_order_of_their_changes(
        self, step1: Step, clock: Clock, promised: Promised
    ) -> None:
        for task_id in ("c", "a", "b"):
            clock.advance(1)
            step1.create(task_id)
        if not promised(Promise.LISTING):
            with pytest.raises((AttributeError, NotImplementedError)):
                step1.listed(PENDING)
            return
        assert step1.listed(PENDING) == ["c", "a", "b"]
        clock.advance(1)
        fail(step1, task_id="c")
        clock.advance(1)
        succeed(step1, "b")
        assert [step1.listed(status) for status in (PENDING, FAILED, SUCCEEDED)] == [["a"], ["c"], ["b"]]
