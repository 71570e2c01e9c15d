"""`start_in_lambda`: lease, metrics and log keys, on moto in this process."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics
from moto import mock_aws

import status_tracker as st
from status_tracker.powertools import start_in_lambda
from tests.unit.steps import NOON, SUCCEEDED, Clock, make_config

USE_CASE, STEP, TASK_ID = "pdf_processing", "Extract", "inbox/report.pdf#e1"
OUTCOMES = {"TaskSucceeded", "TaskFailed", "TaskIgnored", "TaskRefused"}

clock = Clock()
log = io.StringIO()  # Powertools makes but one logger of a name
logger = Logger(service=USE_CASE, stream=log)


class ExtractTask(st.BaseTask):
    class Meta:
        table_name = "tests-unit-powertools"
        region = "us-east-1"
        billing_mode = "PAY_PER_REQUEST"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = make_config(use_case_id=USE_CASE, max_retry=2, clock=clock)


class FakeContext:
    """A Lambda context, as far as the library and Powertools ask it."""

    function_name = "extract"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:extract"
    aws_request_id = "request-1"

    def __init__(self, remaining: int = 30_000) -> None:
        self.remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


class Function:
    """A Lambda function with one tracked step; keeps what it logged and emitted."""

    def __init__(self) -> None:
        self.metrics = Metrics(namespace="StatusTracker", service=USE_CASE)

    def run(
        self, block: Callable[[st.ExecutionContext[ExtractTask]], Any], task_id: str = TASK_ID, **context: int
    ) -> None:
        with start_in_lambda(
            ExtractTask, task_id, FakeContext(**context), step=STEP, metrics=self.metrics, logger=logger
        ) as ctx:
            logger.info("in the block")
            block(ctx)

    def emitted(self) -> dict[str, Any] | None:
        """The EMF object of what was counted since last time; None if nothing was."""
        if not self.metrics.metric_set:
            return None
        emf: dict[str, Any] = json.loads(json.dumps(self.metrics.serialize_metric_set()))
        self.metrics.clear_metrics()
        return emf

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Function]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    clock.now = NOON
    with mock_aws():
        ExtractTask.create_table(wait=True)
        ExtractTask.make_and_save(TASK_ID, data={"version": 0})
        function = Function()
        logger.clear_state()
        log.truncate(0)
        log.seek(0)
        function.metrics.clear_metrics()
        yield function
        function.metrics.clear_metrics()


def stored() -> ExtractTask:
    task = ExtractTask.get_one_or_none(TASK_ID, consistent_read=True)
    assert task is not None
    return task


def fail_with(error: BaseException) -> Callable[[Any], None]:
    def block(_ctx: Any) -> None:
        raise error

    return block


def nothing(_ctx: Any) -> None:
    """A block that succeeds."""


def assert_counted(emf: dict[str, Any] | None, outcome: str) -> None:
    """One count of that outcome, none of another, with the step and the service as the only dimensions."""
    assert emf is not None
    (directive,) = emf["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "StatusTracker"
    assert [sorted(each) for each in directive["Dimensions"]] == [["service", "step"]]
    assert (emf["service"], emf["step"]) == (USE_CASE, STEP)
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units.keys() & OUTCOMES == {outcome}
    assert units[outcome] == "Count"
    assert emf[outcome] == [1.0]
    assert TASK_ID not in json.dumps(emf)


def assert_duration(emf: dict[str, Any] | None) -> None:
    assert emf is not None
    (directive,) = emf["_aws"]["CloudWatchMetrics"]
    assert {"Name": "TaskDuration", "Unit": "Milliseconds"} in directive["Metrics"]
    (duration,) = emf["TaskDuration"]
    assert duration > 0


def test_a_success_is_counted(function: Function) -> None:
    function.run(lambda ctx: ctx.set_data({"version": 1}))
    emf = function.emitted()
    assert_counted(emf, "TaskSucceeded")
    assert_duration(emf)
    assert (stored().status_name, stored().data) == ("succeeded", {"version": 1})


def test_a_failure_is_counted_and_goes_on_untouched(function: Function) -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        function.run(fail_with(error))
    assert caught.value is error
    assert (error.__cause__, error.__context__) == (None, None)
    assert not hasattr(error, "__notes__")
    emf = function.emitted()
    assert_counted(emf, "TaskFailed")
    assert_duration(emf)
    assert stored().status_name == "failed"


@pytest.mark.parametrize("error", [st.NonRetryableError("no text"), KeyboardInterrupt(), StopIteration()], ids=repr)
def test_what_was_stored_is_what_is_counted(function: Function, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        function.run(fail_with(error))
    assert caught.value is error
    assert_counted(function.emitted(), "TaskIgnored" if stored().is_ignored() else "TaskFailed")
    assert stored().is_ignored() is isinstance(error, st.NonRetryableError)


def test_the_last_allowed_failure_is_counted_as_ignored(function: Function) -> None:
    for outcome in ("TaskFailed", "TaskIgnored"):
        with pytest.raises(ValueError, match="mine"):
            function.run(fail_with(ValueError("mine")))
        assert_counted(function.emitted(), outcome)
    assert stored().is_ignored()


def test_giving_up_at_takeover_is_counted_as_ignored_once(function: Function) -> None:
    for _ in range(2):
        ExtractTask.start(TASK_ID, lock_expire_seconds=1).__enter__()
        clock.move(1)
    with pytest.raises(st.TaskIgnoredError):
        function.run(nothing)
    assert_counted(function.emitted(), "TaskIgnored")
    with pytest.raises(st.TaskIgnoredError):
        function.run(nothing)
    assert_counted(function.emitted(), "TaskRefused")


def test_a_refused_start_is_counted_as_such_and_goes_on_untouched(function: Function) -> None:
    with ExtractTask.start(TASK_ID), pytest.raises(st.TaskLockedError) as caught:
        function.run(nothing)
    assert caught.value.task_id == TASK_ID
    assert_counted(function.emitted(), "TaskRefused")
    with pytest.raises(st.TaskAlreadySucceedError):
        function.run(nothing)
    with pytest.raises(st.TaskIsNotInitializedError):
        function.run(nothing, task_id="inbox/other.pdf")
    emf = function.emitted()
    assert emf is not None
    assert emf["TaskRefused"] == [1.0, 1.0]


def test_a_refusal_that_the_block_meets_is_a_failure_of_its_task(function: Function) -> None:
    with pytest.raises(st.TaskIsNotInitializedError):
        function.run(lambda _: ExtractTask.start("another task").__enter__())
    assert_counted(function.emitted(), "TaskFailed")


def test_a_lost_lease_counts_nothing(function: Function) -> None:
    def taken_over(_ctx: Any) -> None:
        clock.move(30)
        ExtractTask.start(TASK_ID).__enter__()

    with pytest.raises(st.TaskLockLostError):
        function.run(taken_over)
    assert function.emitted() is None


def test_a_lost_lease_after_an_update_counts_nothing(function: Function) -> None:
    def updated_and_taken_over(ctx: st.ExecutionContext[ExtractTask]) -> None:
        ctx.set_data({"version": 1}).update()
        clock.move(30)
        ExtractTask.start(TASK_ID).__enter__()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        function.run(updated_and_taken_over)
    assert function.emitted() is None


@pytest.mark.parametrize("remaining", [1, 2_500, 900_000])
def test_the_lease_is_the_remaining_time(function: Function, remaining: int) -> None:
    leases = []
    function.run(lambda ctx: leases.append(ctx.task.lock_expire_time), remaining=remaining)
    assert leases == [NOON + timedelta(milliseconds=remaining)]


@pytest.mark.parametrize("remaining", [0, -5])
def test_no_time_left_is_still_a_lease(function: Function, remaining: int) -> None:
    leases = []
    function.run(lambda ctx: leases.append(ctx.task.lock_expire_time - NOON), remaining=remaining)
    assert leases[0] > timedelta(0)


def counted(function: Function) -> dict[str, float]:
    """Every metric since last time, without the duration; none of it tells the task."""
    emf = function.emitted()
    assert emf is not None
    assert TASK_ID not in json.dumps(emf)
    (directive,) = emf["_aws"]["CloudWatchMetrics"]
    assert [sorted(each) for each in directive["Dimensions"]] == [["service", "step"]]
    return {each["Name"]: sum(emf[each["Name"]]) for each in directive["Metrics"] if each["Name"] != "TaskDuration"}


def vanish() -> None:
    """An attempt whose worker dies: its lease ends."""
    ExtractTask.start(TASK_ID, lock_expire_seconds=1).__enter__()
    clock.move(1)


def test_a_takeover_is_counted_with_what_came_of_it(function: Function) -> None:
    vanish()
    function.run(nothing)
    assert counted(function) == {"LeaseTakenOver": 1, "TaskRetried": 1, "TaskSucceeded": 1}


def test_giving_up_a_vanished_attempt_is_a_takeover_too(function: Function) -> None:
    vanish()
    vanish()
    with pytest.raises(st.TaskIgnoredError):
        function.run(nothing)
    assert counted(function) == {"LeaseTakenOver": 1, "TaskIgnored": 1}


def test_a_retry_is_no_takeover(function: Function) -> None:
    with pytest.raises(ValueError, match="mine"):
        function.run(fail_with(ValueError("mine")))
    assert counted(function) == {"TaskFailed": 1}
    function.run(nothing)
    assert counted(function) == {"TaskRetried": 1, "TaskSucceeded": 1}


def test_the_retry_after_a_takeover_is_no_takeover(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExtractTask, "config", make_config(use_case_id=USE_CASE, max_retry=9, clock=clock))
    vanish()
    with pytest.raises(ValueError, match="mine"):
        function.run(fail_with(ValueError("mine")))
    assert counted(function)["LeaseTakenOver"] == 1
    clock.move(1)
    function.run(nothing)
    assert counted(function) == {"TaskRetried": 1, "TaskSucceeded": 1}


def test_an_error_named_like_a_vanished_attempt_is_none(function: Function) -> None:
    class LeaseExpired(Exception):  # noqa: N818 - the name is the point
        pass

    with pytest.raises(LeaseExpired):
        function.run(fail_with(LeaseExpired()))
    clock.move(1)
    function.emitted()
    function.run(nothing)
    assert "LeaseTakenOver" not in counted(function)


def test_a_start_in_vain_is_counted_by_how_the_task_had_ended(function: Function) -> None:
    function.run(nothing)
    function.emitted()
    with pytest.raises(st.TaskAlreadySucceedError):
        function.run(nothing)
    assert counted(function) == {"TaskRefused": 1, "RefusedSucceeded": 1}
    ExtractTask.rerun(TASK_ID, reason="mended")
    ExtractTask.ignore(TASK_ID, reason="not wanted")
    with pytest.raises(st.TaskIgnoredError):
        function.run(nothing)
    assert counted(function) == {"TaskRefused": 1, "RefusedIgnored": 1}
    ExtractTask.unignore(TASK_ID, reason="wanted")
    with ExtractTask.start(TASK_ID), pytest.raises(st.TaskLockedError):
        function.run(nothing)
    assert counted(function) == {"TaskRefused": 1}


def test_r19_a_postponed_attempt_is_counted_as_such_and_not_as_a_failure(function: Function) -> None:
    error = st.Postponed("S3 is away", retry_after=60)
    with pytest.raises(st.Postponed) as caught:
        function.run(fail_with(error))
    assert caught.value is error
    emf = function.emitted()
    assert emf is not None
    assert emf["TaskPostponed"] == [1.0]
    assert not emf.keys() & OUTCOMES
    assert_duration(emf)
    assert (stored().status_name, stored().retry) == ("pending", 0)
    with pytest.raises(st.TaskNotDueError):
        function.run(nothing)
    assert counted(function) == {"TaskRefused": 1}
    clock.move(60)
    function.run(nothing)
    assert counted(function) == {"TaskSucceeded": 1}  # it is the first attempt


def test_r19_one_postponement_too_many_is_a_failure_to_the_metrics_too(function: Function) -> None:
    for outcome in ("TaskPostponed", "TaskFailed"):
        with pytest.raises(st.Postponed):
            function.run(fail_with(st.Postponed(retry_after=60)))
        assert counted(function) == {outcome: 1}
        clock.move(24 * 3600)


@pytest.mark.parametrize("retry", [0, 1])
def test_r19_what_postponed_an_attempt_is_logged(function: Function, retry: int) -> None:
    for _ in range(retry):
        with pytest.raises(ValueError, match="mine"):
            function.run(fail_with(ValueError("mine")))
    with pytest.raises(st.Postponed):
        function.run(fail_with(st.Postponed("S3 is away", retry_after=60)))
    line = function.logged()[-1]
    names = ("level", "message", "outcome", "error_class", "error", "attempt")
    assert [line[name] for name in names] == [
        *("WARNING", "Attempt postponed", "TaskPostponed", "Postponed", "Postponed('S3 is away')", retry + 1)
    ]
    assert line["milliseconds"] > 0


class Gate:
    """A pipeline whose steps are paused, or that cannot be asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked: list[tuple[str, str | None]] = []

    def check_not_paused(self, step: str, task_id: str | None = None) -> None:
        self.asked.append((step, task_id))
        raise self.error


def start_at(gate: Gate, function: Function) -> None:
    context, metrics = FakeContext(), function.metrics
    with start_in_lambda(ExtractTask, TASK_ID, context, step=STEP, metrics=metrics, logger=logger, pipeline=gate):
        pytest.fail("the block was entered")


def test_r20_a_paused_step_is_counted_and_logged_and_nothing_is_asked_of_the_task(function: Function) -> None:
    gate, before = Gate(st.TaskPausedError("is paused: quota")), stored().attribute_values
    with pytest.raises(st.TaskPausedError):
        start_at(gate, function)
    assert gate.asked == [(STEP, TASK_ID)]
    assert counted(function) == {"TaskPaused": 1}
    assert stored().attribute_values == before
    [line] = function.logged()
    assert (line["message"], line["reason"], line["task_id"]) == ("Not begun: paused", "is paused: quota", TASK_ID)
    assert not line.keys() & {"attempt", "fence", "run"}


def test_r20_what_cannot_be_asked_is_no_pause(function: Function) -> None:
    with pytest.raises(OSError, match="no answer"):
        start_at(Gate(OSError("no answer")), function)
    assert function.emitted() is None
    assert stored().status_name == "pending"


def test_r20_a_pause_that_the_block_meets_is_a_failure_of_its_task(function: Function) -> None:
    with pytest.raises(st.TaskPausedError):
        function.run(fail_with(st.TaskPausedError("another step is paused")))
    assert counted(function) == {"TaskFailed": 1}


def cancel() -> None:
    ExtractTask.cancel(TASK_ID, reason="not wanted", by="operator")


def test_r18_a_worker_that_finds_its_task_cancelled_counts_it(function: Function) -> None:
    with pytest.raises(st.TaskLockLostError) as lost:
        function.run(lambda _: cancel())
    assert lost.value.cancelled is not None
    assert counted(function) == {"TaskCancelled": 1}
    line = function.logged()[-1]
    assert (line["outcome"], line["error_class"]) == ("NotStored", "TaskLockLostError")
    assert stored().is_ignored()


def test_r18_a_failure_of_a_cancelled_task_counts_as_cancelled_once(function: Function) -> None:
    def cancelled_and_broken(ctx: st.ExecutionContext[ExtractTask]) -> None:
        cancel()
        with pytest.raises(st.TaskLockLostError):
            ctx.set_data({"version": 1}).update()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        function.run(cancelled_and_broken)
    assert counted(function) == {"TaskCancelled": 1}


def test_r18_a_task_that_is_taken_over_is_not_cancelled(function: Function) -> None:
    def taken_over(_ctx: Any) -> None:
        clock.move(30)
        ExtractTask.start(TASK_ID).__enter__()

    with pytest.raises(st.TaskLockLostError) as lost:
        function.run(taken_over)
    assert lost.value.cancelled is None
    assert function.emitted() is None


def told(function: Function, *names: str) -> list[list[Any]]:
    return [[line["message"], *(line.get(name) for name in names)] for line in function.logged()]


def test_every_log_line_tells_the_attempt(function: Function) -> None:
    with pytest.raises(ValueError, match="mine"):
        function.run(fail_with(ValueError("mine")))
    ExtractTask.rerun(TASK_ID, reason="mended")
    function.run(nothing)
    lines = ("Attempt started", "in the block", "Attempt ended")
    names = ("use_case", "step", "task_id", "attempt", "fence", "run")
    assert told(function, *names) == [
        *([line, USE_CASE, STEP, TASK_ID, 1, 1, 0] for line in lines),
        *([line, USE_CASE, STEP, TASK_ID, 1, 2, 1] for line in lines),
    ]


def test_the_line_of_the_end_tells_outcome_and_error_as_they_were_stored(function: Function) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"):
            function.run(fail_with(ValueError("mine")))
    ExtractTask.rerun(TASK_ID, reason="mended")
    function.run(nothing)
    ends = [line for line in function.logged() if line["message"] == "Attempt ended"]
    names = ("level", "outcome", "error_class", "error")
    assert [[line.get(name) for name in names] for line in ends] == [
        ["WARNING", "TaskFailed", "ValueError", "ValueError('mine')"],
        ["WARNING", "TaskIgnored", "ValueError", "ValueError('mine')"],
        ["INFO", "TaskSucceeded", None, None],
    ]
    assert all(line["milliseconds"] > 0 for line in ends)


def test_an_end_that_was_not_stored_is_logged_as_such(function: Function) -> None:
    def taken_over(_ctx: Any) -> None:
        clock.move(30)
        ExtractTask.start(TASK_ID).__enter__()

    with pytest.raises(st.TaskLockLostError):
        function.run(taken_over)
    line = function.logged()[-1]
    assert (line["outcome"], line["error_class"], line["fence"]) == ("NotStored", "TaskLockLostError", 1)


def test_a_takeover_is_logged_with_what_is_known_of_the_vanished_attempt(function: Function) -> None:
    vanish()
    function.run(nothing)
    first, *others = function.logged()
    assert first["vanished"] == stored().errors["history"][0]["error"]
    assert all("vanished" not in line for line in others)


def test_giving_up_is_logged_with_its_reason(function: Function) -> None:
    vanish()
    vanish()
    with pytest.raises(st.TaskIgnoredError) as given_up:
        function.run(nothing)
    (line,) = function.logged()
    assert (line["outcome"], line["error_class"], line["error"]) == ("TaskIgnored", "LeaseExpired", str(given_up.value))
    assert line["vanished"] == line["error"]


def test_a_start_that_is_refused_is_logged_and_not_as_the_attempt_before(function: Function) -> None:
    function.run(nothing)
    with pytest.raises(st.TaskIsNotInitializedError) as refusal:
        function.run(nothing, task_id="inbox/other.pdf")
    line = function.logged()[-1]
    assert line["message"] == "Start refused"
    assert (line["refusal"], line["reason"]) == ("TaskIsNotInitializedError", str(refusal.value))
    assert line["task_id"] == "inbox/other.pdf"
    assert not line.keys() & {"attempt", "fence", "run"}


def test_a_start_that_the_store_did_not_answer_is_no_refusal(function: Function) -> None:
    ExtractTask.delete_table()
    with pytest.raises(Exception, match="not found") as caught:
        function.run(nothing)
    assert not isinstance(caught.value, st.TaskIsNotReadyToStartError)
    assert function.emitted() is None
    assert function.logged() == []


class Broken:
    """A reporter all of whose calls raise, with what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_: Any, **__: Any) -> None:
            self.asked.append(name)
            raise OSError(f"{name}: no space left")

        return call


def start_broken() -> tuple[Any, Any, Any]:
    broken: tuple[Any, Any] = Broken(), Broken()
    started = start_in_lambda(ExtractTask, TASK_ID, FakeContext(), step=STEP, metrics=broken[0], logger=broken[1])
    return started, *broken


@pytest.mark.usefixtures("function")
def test_a_report_that_raises_changes_nothing_of_a_success() -> None:
    started, metrics, broken_logger = start_broken()
    with started as ctx:
        ctx.set_data({"pages": 3})
    assert (stored().status, stored().data, stored().is_locked()) == (SUCCEEDED, {"pages": 3}, False)
    assert metrics.asked == ["add_dimension", "add_metric", "add_metric"]
    assert broken_logger.asked.count("info") == 2


@pytest.mark.usefixtures("function")
def test_a_report_that_raises_changes_nothing_of_a_failure_or_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="mine"), start_broken()[0]:
        raise ValueError("mine")
    assert [entry["error"] for entry in stored().errors["history"]] == ["ValueError('mine')"]
    with ExtractTask.start(TASK_ID), pytest.raises(st.TaskLockedError), start_broken()[0]:
        pytest.fail("the block was entered")
    assert "Broken.add_metric('TaskRefused',) was not reported: OSError" in caplog.text
