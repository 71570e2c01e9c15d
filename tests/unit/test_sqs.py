"""`process_sqs_batch`: what becomes of each message, and when the function stops."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import botocore.client
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import status_tracker as st
from status_tracker import sqs
from status_tracker.operations.pipeline import Pipeline
from status_tracker.testing import Fault, MemoryTask
from tests.unit.sqs_queue import (
    MARGIN,
    MAX_ATTEMPTS,
    RETRY,
    SECONDS_PER_RECORD,
    STEP,
    TIMEOUT,
    USE_CASE,
    VISIBILITY,
    Notify,
    Queue,
    clock,
    counted,
    fresh,
    invoke,
    logged,
    logger,
    metrics,
)
from tests.unit.steps import make_config

NEEDED = SECONDS_PER_RECORD + MARGIN
SPARE_RECEIVES = 20
"""As in `status_tracker_cdk.sqs_worker`."""


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    yield fresh(monkeypatch)
    metrics.clear_metrics()


@pytest.fixture
def fifo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    yield fresh(monkeypatch, arn="arn:aws:sqs:eu-west-1:123456789012:notifications.fifo")
    metrics.clear_metrics()


class Work:
    """Works for so many seconds on each task, and raises what it was given for it; remembers whom it worked on."""

    def __init__(self, seconds: float = 0, **errors: BaseException) -> None:
        self.seconds = seconds
        self.errors = errors
        self.done: list[str] = []

    def __call__(self, ctx: st.ExecutionContext[Any]) -> None:
        self.done.append(ctx.task.task_id)
        clock.advance(self.seconds)
        if error := self.errors.get(ctx.task.task_id):
            raise error


def body(task_id: Any, **more: Any) -> str:
    return json.dumps({"id": task_id, **more})


def run(queue: Queue, work: Callable[[Any], object], seconds: float = TIMEOUT, **settings: Any) -> list[str]:
    """One invocation with all that is visible; the messages that it keeps."""
    batch = queue.receive(10)
    kept = invoke(queue.event(batch), work, seconds, **settings)
    queue.settle(batch, kept)
    return kept


def seen_again(queue: Queue) -> dict[str, float]:
    """In how many seconds each message can be received again."""
    return {message.id: (message.visible - clock()).total_seconds() for message in queue.messages}


def stored(task_id: str) -> Any:
    return Notify.get_one_or_none(task_id)


def test_each_message_is_a_task_that_is_made_done_and_deleted(queue: Queue) -> None:
    ids = [queue.send(body(name, to="x")) for name in ("a", "b", "c")]
    work = Work()
    assert run(queue, work) == []
    assert (work.done, queue.deleted, queue.messages) == (["a", "b", "c"], ids, [])
    assert (stored("b").status_name, stored("b").data) == ("succeeded", {"id": "b", "to": "x"})
    assert counted() == {"TaskSucceeded": 3, "TaskDuration": pytest.approx(0, abs=60_000)}
    assert queue.told == []


def test_a_repeated_message_is_deleted_and_nothing_done(queue: Queue) -> None:
    for _ in range(3):
        queue.send(body("a"))
    work = Work()
    assert run(queue, work) == []
    assert work.done == ["a"]
    assert counted()["TaskRefused"] == 2


def test_a_failure_comes_back_after_the_retry_seconds(queue: Queue) -> None:
    for name in ("a", "b"):
        queue.send(body(name))
    assert run(queue, Work(a=OSError("no route"))) == ["m-0"]
    assert seen_again(queue) == {"m-0": RETRY}
    assert (stored("a").status_name, stored("b").status_name) == ("failed", "succeeded")
    clock.advance(RETRY)
    assert run(queue, Work()) == []
    assert (stored("a").status_name, queue.messages) == ("succeeded", [])


def test_a_failure_that_asks_to_wait_comes_back_when_it_is_due(queue: Queue) -> None:
    class BusyError(Exception):
        retry_after = 90

    queue.send(body("a"))
    assert run(queue, Work(a=BusyError("later"))) == ["m-0"]
    assert seen_again(queue) == {"m-0": 90}


def test_the_last_allowed_failure_deletes_the_message(queue: Queue) -> None:
    queue.send(body("a"))
    for attempt in range(MAX_ATTEMPTS):
        assert run(queue, Work(a=OSError("no route"))) == (["m-0"] if attempt + 1 < MAX_ATTEMPTS else [])
        clock.advance(RETRY)
    assert (stored("a").status_name, queue.messages) == ("ignored", [])
    assert counted()["TaskIgnored"] == 1


def test_what_no_retry_can_mend_deletes_the_message_at_once(queue: Queue) -> None:
    queue.send(body("a"))
    assert run(queue, Work(a=st.NonRetryableError("no such subscriber"))) == []
    queue.send(body("a"))
    assert run(queue, Work()) == []
    assert stored("a").status_name == "ignored"


def test_a_locked_task_comes_back_when_the_lease_ends(queue: Queue) -> None:
    with Notify.start("a", create=True, lock_expire_seconds=17.2):
        queue.send(body("a"))
        work = Work()
        assert run(queue, work) == ["m-0"]
        assert (work.done, seen_again(queue)) == ([], {"m-0": 18})


def test_a_task_that_is_not_due_comes_back_when_it_is(queue: Queue) -> None:
    class BusyError(Exception):
        retry_after = 200_000

    queue.send(body("a"))
    run(queue, Work(a=BusyError()))
    clock.advance(seen_again(queue)["m-0"])
    assert run(queue, Work()) == ["m-0"]
    # SQS hides a message for twelve hours at most, from when it was received.
    assert 11 * 3600 < seen_again(queue)["m-0"] <= 12 * 3600


@pytest.mark.parametrize("wait", [1, 90, 5000])
def test_r19_a_postponed_message_comes_back_when_it_is_due_and_does_not_count(queue: Queue, wait: float) -> None:
    queue.send(body("a"))
    assert run(queue, Work(a=st.Postponed("the partner is away", retry_after=wait))) == ["m-0"]
    assert seen_again(queue) == {"m-0": wait}
    assert (stored("a").status_name, stored("a").retry) == ("pending", 0)
    assert "Attempt failed" not in [line["message"] for line in logged()]
    assert counted() == {"TaskPostponed": 1, "TaskDuration": pytest.approx(0, abs=60_000)}
    clock.advance(wait)
    assert run(queue, Work()) == []
    assert (stored("a").status_name, stored("a").retry) == ("succeeded", 0)


def test_r19_an_outage_of_a_day_neither_sets_a_task_aside_nor_its_message(queue: Queue) -> None:
    """However short the pauses are: each receive counts for the queue, which gives a message up some day."""
    queue.max_receives = SPARE_RECEIVES
    queue.send(body("a"))
    began, work = clock(), Work(a=st.Postponed("the partner is away", retry_after=1))
    while clock() - began < timedelta(hours=23):
        assert run(queue, work) == ["m-0"]
        clock.advance(seen_again(queue)["m-0"])
    assert len(work.done) > 5 * MAX_ATTEMPTS
    assert run(queue, Work()) == []
    assert (stored("a").status_name, stored("a").retry, queue.dead) == ("succeeded", 0, [])


def test_r19_copies_of_a_postponed_message_wait_with_it(queue: Queue) -> None:
    ids = [queue.send(body("a")) for _ in range(3)]
    work = Work(a=st.Postponed(retry_after=40))
    assert run(queue, work) == ids
    assert (work.done, seen_again(queue)) == (["a"], dict.fromkeys(ids, 40))
    clock.advance(40)
    assert run(queue, Work()) == []
    assert queue.deleted == ids


def test_r19_a_fifo_group_waits_for_its_postponed_first(fifo: Queue) -> None:
    for name in "ab":
        fifo.send(body(name), "1")
    work = Work(a=st.Postponed(retry_after=40))
    assert run(fifo, work) == ["m-0", "m-1"]
    clock.advance(39)
    assert fifo.receive(10) == []
    clock.advance(1)
    again = Work()
    assert run(fifo, again) == []
    assert (work.done, again.done) == (["a"], ["a", "b"])


@pytest.fixture
def pipeline(queue: Queue) -> Pipeline:
    assert queue
    return Pipeline({STEP: Notify})


def test_r20_a_paused_step_begins_nothing_and_its_messages_come_later_each_time(
    queue: Queue, pipeline: Pipeline
) -> None:
    pipeline.pause(STEP, reason="the partner moves")
    queue.send(body("a"))
    work, waits = Work(), []
    for _ in range(7):
        assert run(queue, work, pipeline=pipeline) == ["m-0"]
        waits.append(seen_again(queue)["m-0"] / 60)
        clock.advance(seen_again(queue)["m-0"])
    assert waits[:5] == [1, 4, 16, 64, 256]
    assert waits[5] == waits[6] == pytest.approx(12 * 60, abs=15)  # what SQS allows, less the function's own time
    assert (work.done, stored("a")) == ([], None)
    assert counted() == {"TaskPaused": 7}
    pipeline.resume(STEP)
    assert run(queue, work, pipeline=pipeline) == []
    assert (work.done, stored("a").status_name, stored("a").retry) == (["a"], "succeeded", 0)


@pytest.mark.parametrize("receives", [100, 990])
def test_waits_that_grow_stay_what_sqs_allows_however_often_a_message_came(
    queue: Queue, pipeline: Pipeline, receives: int
) -> None:
    pipeline.pause(reason="maintenance")
    queue.send(body("a"))
    queue.messages[0].receives = receives
    run(queue, Work(), pipeline=pipeline)
    assert 11 * 3600 < seen_again(queue)["m-0"] <= 12 * 3600
    pipeline.resume()
    clock.advance(12 * 3600)
    run(queue, Work(a=st.Postponed(retry_after=1)), pipeline=pipeline)
    assert 11 * 3600 < seen_again(queue)["m-0"] <= 12 * 3600


@pytest.mark.parametrize(("until", "seen"), [(10, 10), (1000, 1000)])
def test_r20_a_message_comes_back_when_the_pause_ends_by_itself(
    queue: Queue, pipeline: Pipeline, until: float, seen: float
) -> None:
    pipeline.pause(reason="maintenance", until=clock() + timedelta(seconds=until))
    queue.send(body("a"))
    assert run(queue, Work(), pipeline=pipeline) == ["m-0"]
    assert seen_again(queue) == {"m-0": seen}
    clock.advance(seen)
    assert run(queue, Work(), pipeline=pipeline) == []


def test_r20_a_pause_of_another_step_or_pipeline_hinders_nothing(queue: Queue, pipeline: Pipeline) -> None:
    class Other(MemoryTask):
        config = make_config(use_case_id="another", clock=clock)

    Pipeline({STEP: Other}).pause(STEP, reason="not ours")
    queue.send(body("a"))
    assert run(queue, Work(), pipeline=pipeline) == []


def test_r20_copies_and_groups_wait_for_the_end_of_a_pause(fifo: Queue) -> None:
    pipeline = Pipeline({STEP: Notify})
    pipeline.pause(reason="maintenance", until=clock() + timedelta(seconds=30))
    ids = [fifo.send(body(name), group) for name, group in (("a", "1"), ("a", "1"), ("b", "1"), ("c", "2"))]
    work = Work()
    assert run(fifo, work, pipeline=pipeline) == ids
    assert work.done == []
    clock.advance(29)
    assert fifo.receive(10) == []
    clock.advance(1)
    assert run(fifo, work, pipeline=pipeline) == []
    assert work.done == ["a", "b", "c"]


def test_r20_a_message_of_a_task_that_has_ended_is_told_so_after_the_pause(queue: Queue, pipeline: Pipeline) -> None:
    queue.send(body("a"))
    assert run(queue, Work(), pipeline=pipeline) == []
    pipeline.pause(reason="maintenance", until=clock() + timedelta(seconds=30))
    queue.send(body("a"))
    assert run(queue, Work(), pipeline=pipeline) == ["m-1"]
    clock.advance(30)
    work = Work()
    assert run(queue, work, pipeline=pipeline) == []
    assert work.done == []


def test_r18_a_cancelled_task_ends_its_message(queue: Queue) -> None:
    def cancel(ctx: st.ExecutionContext[Any]) -> None:
        Notify.cancel(ctx.task.task_id, reason="not wanted", by="operator")

    queue.send(body("a"))
    assert run(queue, cancel) == ["m-0"]
    assert counted() == {"TaskCancelled": 1}
    clock.advance(VISIBILITY)
    work = Work()
    assert run(queue, work) == []
    assert (work.done, stored("a").is_ignored()) == ([], True)


def test_a_vanished_attempt_is_taken_over(queue: Queue) -> None:
    Notify.start("a", create=True, lock_expire_seconds=30).__enter__()
    queue.send(body("a"))
    assert run(queue, Work()) == ["m-0"]
    clock.advance(seen_again(queue)["m-0"])
    assert run(queue, Work()) == []
    assert stored("a").status_name == "succeeded"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "JSONDecodeError"),
        ("{}", "KeyError('id')"),
        ("[]", "TypeError"),
        ("[" * 100_000, "RecursionError"),
        (body(""), "task_id is ''"),
        (body(7.5), "task_id is 7.5"),
        (body("x" * 3000), "at most 2,048"),
        (body("\ud800"), "no valid Unicode"),
        (body("a", much="x" * 500_000), "TaskDataTooLargeError"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_message_that_is_no_task_comes_back_at_once_until_the_queue_sets_it_aside(
    queue: Queue, text: str, reason: str
) -> None:
    queue.send(text)
    queue.send(body("b"))
    work = Work()
    assert run(queue, work) == ["m-0"]
    assert (work.done, seen_again(queue)) == (["b"], {"m-0": 0})
    [line] = [line for line in logged() if line["message"].startswith("Message refused")]
    assert reason in line["message"]
    assert (line["message_id"], line["body"]) == ("m-0", text[:500])
    assert counted()["BadMessage"] == 1
    assert Notify.count_tasks_by_use_case_id() == 1


def test_data_that_no_task_can_hold_is_the_message_s_fault(queue: Queue) -> None:
    queue.send(body("a"))
    assert run(queue, Work(), parse=lambda _: sqs.TaskMessage("a", {"what": {1, 2}})) == ["m-0"]
    assert seen_again(queue) == {"m-0": 0}
    assert (stored("a"), counted()) == (None, {"BadMessage": 1})


@pytest.mark.parametrize(
    "fault", [ValueError("Invalid endpoint: nonsense"), TypeError("no region"), st.TaskDataTooLargeError("is full")]
)
def test_what_hinders_the_start_is_not_the_message_s_fault(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr(Notify, "start", refuse)
    for name in "ab":
        queue.send(body(name))
    work = Work()
    assert run(queue, work) == ["m-0", "m-1"]
    assert (work.done, queue.told) == ([], [])
    assert counted() == {"TaskNotStarted": 2}
    assert [(line["message"], line["task_id"]) for line in logged()] == [
        ("Task not started", "a"),
        ("Task not started", "b"),
    ]


@pytest.mark.parametrize("wait", [RETRY, 600])
def test_copies_of_a_failed_message_wait_with_it(queue: Queue, wait: float) -> None:
    ids = [queue.send(body("a")) for _ in range(5)]
    work = Work(a=OSError("away for a moment"))
    assert run(queue, work, retry_seconds=wait) == ids
    assert (work.done, seen_again(queue)) == (["a"], dict.fromkeys(ids, wait))
    assert (stored("a").status_name, stored("a").retry) == ("failed", 1)
    clock.advance(wait)
    again = Work()
    assert run(queue, again) == []
    assert again.done == ["a"]


def test_a_copy_is_begun_when_its_task_is_due_before_its_turn_comes(queue: Queue) -> None:
    for name in ("a", "b", "a"):
        queue.send(body(name))
    work = Work(seconds=RETRY, a=OSError())
    assert run(queue, work) == ["m-0", "m-2"]
    assert work.done == ["a", "b", "a"]
    # The first one's time has come; the copy's attempt ended just now.
    assert seen_again(queue) == {"m-0": RETRY, "m-2": RETRY}


def test_copies_of_a_locked_and_of_an_unanswered_message_ask_but_once(queue: Queue) -> None:
    with Notify.start("a", create=True, lock_expire_seconds=17):
        for _ in range(3):
            queue.send(body("a"))
        assert run(queue, Work()) == ["m-0", "m-1", "m-2"]
    assert seen_again(queue) == dict.fromkeys(("m-0", "m-1", "m-2"), 17)
    assert counted() == {"TaskRefused": 1}
    for _ in range(2):
        queue.send(body("b"))
    Notify.storage.befall(Fault.BROKEN)
    assert run(queue, Work()) == ["m-3", "m-4"]
    assert seen_again(queue)["m-4"] == seen_again(queue)["m-3"] > 60
    assert stored("b") is None


def test_the_work_s_own_value_error_is_no_bad_message(queue: Queue) -> None:
    queue.send(body("a"))
    assert run(queue, Work(a=ValueError("mine"))) == ["m-0"]
    assert stored("a").errors["history"][0]["error"] == "ValueError('mine')"
    assert "BadMessage" not in counted()


def test_a_task_of_another_step_comes_back_after_the_visibility_timeout(queue: Queue) -> None:
    Notify.make_and_save("a", _status=77)
    queue.send(body("a"))
    assert run(queue, Work()) == ["m-0"]
    assert queue.told == []
    assert "Task not started" in [line["message"] for line in logged()]
    assert counted() == {"TaskRefused": 1, "TaskNotStarted": 1}


def test_a_store_that_does_not_answer_costs_no_attempt_and_is_left_its_time(queue: Queue) -> None:
    queue.send(body("a"))
    Notify.storage.befall(Fault.BROKEN)
    assert run(queue, Work()) == ["m-0"]
    assert (stored("a"), queue.told) == (None, [])
    assert counted() == {"TaskNotStarted": 1}


def test_an_end_that_is_not_stored_is_waited_for_by_the_visibility_timeout(queue: Queue) -> None:
    def lose_the_lock(ctx: st.ExecutionContext[Any]) -> None:
        Notify.unlock(ctx.task.task_id, reason="test")

    queue.send(body("a"))
    assert run(queue, lose_the_lock) == ["m-0"]
    assert queue.told == []


def test_no_record_is_begun_that_might_not_end_in_time(queue: Queue) -> None:
    for name in "abcdef":
        queue.send(body(name))
    work = Work(seconds=20)
    # 60 s: begun with 60, 40 and 20 s left, and not with 0; nor is there time to tell the queue.
    assert run(queue, work) == ["m-3", "m-4", "m-5"]
    assert work.done == ["a", "b", "c"]
    assert queue.told == []


@pytest.mark.parametrize(("left", "begun"), [(NEEDED, 2), (NEEDED - 0.001, 1)])
def test_a_record_is_begun_to_the_last_moment_that_it_can_be(queue: Queue, left: float, begun: int) -> None:
    for name in "ab":
        queue.send(body(name))
    work = Work(seconds=5)
    kept = run(queue, work, seconds=5 + left)
    assert (len(work.done), len(kept)) == (begun, 2 - begun)
    assert queue.told == [(queue.arn, message_id, 0) for message_id in kept]


def test_a_function_without_time_for_a_single_record_says_so(queue: Queue) -> None:
    queue.send(body("a"))
    work = Work()
    with pytest.raises(ValueError, match=r"12 s left, and one record of Notify needs 13 s .*: raise its timeout"):
        run(queue, work, seconds=12)
    assert work.done == []


def test_the_lease_is_the_functions_time(queue: Queue) -> None:
    leases = []
    queue.send(body("a"))
    run(queue, lambda ctx: leases.append(ctx.task.lock_expire_time - clock()))
    assert leases == [timedelta(seconds=TIMEOUT)]


def test_log_lines_tell_the_task_and_the_message_they_are_about(queue: Queue) -> None:
    for text in (body("a"), "no json", body("b")):
        queue.send(text)
    run(queue, Work(b=OSError("mine")))
    told = dict.fromkeys((line["message_id"], line.get("task_id"), line.get("attempt")) for line in logged())
    assert list(told) == [("m-0", "a", 1), ("m-1", None, None), ("m-2", "b", 1)]
    assert {line.get("use_case") for line in logged()} == {USE_CASE, None}
    assert {line.get("step") for line in logged()} == {STEP, None}


def test_more_than_a_hundred_records_are_counted_and_told_in_requests_of_ten(
    queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(105):
        queue.send(body(str(number)))
    batch = queue.receive(1000)
    kept = invoke(queue.event(batch), Work(**{str(number): OSError() for number in range(105)}))
    assert len(kept) == len(queue.told) == 105
    printed = [json.loads(line)["TaskFailed"] for line in capsys.readouterr().out.splitlines()]
    assert sum(sum(values) for values in printed) + counted()["TaskFailed"] == 105


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_function_ends_the_batch_and_loses_nothing(queue: Queue, signal: type[BaseException]) -> None:
    for name in "abc":
        queue.send(body(name))
    batch = queue.receive(10)
    with pytest.raises(signal):
        invoke(queue.event(batch), Work(b=signal()))
    clock.advance(1000)  # all of the batch comes back
    work = Work()
    assert run(queue, work) == []
    assert work.done == ["b", "c"]


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://sqs"),
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ChangeMessageVisibilityBatch"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_queue_that_is_not_told_keeps_its_messages_hidden(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(sqs, "_change_visibility", refuse)
    for name in "ab":
        queue.send(body(name))
    assert run(queue, Work(a=OSError())) == ["m-0"]
    assert logged()[-1]["message"].startswith("Messages come back after the queue's visibility timeout only")


def test_the_request_goes_to_the_queue_of_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = []
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(
        botocore.client.BaseClient,
        "_make_api_call",
        lambda client, name, arguments: requests.append((client.meta.region_name, name, arguments)) or {},
    )
    queue = Queue(arn="arn:aws:sqs:eu-north-1:123456789012:mine")
    queue.send("no json")
    assert invoke(queue.event(queue.receive(1)), Work()) == ["m-0"]
    entry = {"Id": "m-0", "ReceiptHandle": "m-0/1", "VisibilityTimeout": 0}
    url = "https://sqs.eu-north-1.amazonaws.com/123456789012/mine"
    assert requests == [("eu-north-1", "ChangeMessageVisibilityBatch", {"QueueUrl": url, "Entries": [entry]})]
    metrics.clear_metrics()


def test_a_fifo_queue_keeps_what_follows_in_the_group(fifo: Queue) -> None:
    for group, name in (("1", "a"), ("2", "b"), ("1", "c"), ("2", "d"), ("1", "e")):
        fifo.send(body(name), group)
    work = Work(a=OSError())
    assert run(fifo, work) == ["m-0", "m-2", "m-4"]
    assert work.done == ["a", "b", "d"]
    assert seen_again(fifo) == {"m-0": RETRY, "m-2": 0, "m-4": 0}
    assert fifo.receive(10) == []  # the group waits for its first
    clock.advance(RETRY)
    again = Work()
    assert run(fifo, again) == []
    assert again.done == ["a", "c", "e"]


def test_a_fifo_group_goes_on_when_a_task_is_set_aside(fifo: Queue) -> None:
    for name in "ab":
        fifo.send(body(name), "1")
    work = Work(a=st.NonRetryableError())
    assert run(fifo, work) == []
    assert work.done == ["a", "b"]


def test_a_group_on_a_standard_queue_is_no_order(queue: Queue) -> None:
    for name in "ab":
        queue.send(body(name), "fair share")
    work = Work(a=OSError())
    assert run(queue, work) == ["m-0"]
    assert work.done == ["a", "b"]


def test_an_empty_batch(queue: Queue) -> None:
    assert invoke(queue.event([]), Work()) == []


def test_a_report_that_raises_changes_nothing_of_what_becomes_of_the_messages(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    for name in ("info", "warning", "error", "append_keys", "remove_keys"):
        monkeypatch.setattr(logger, name, no_space)
    for name in ("add_metric", "add_dimension"):
        monkeypatch.setattr(metrics, name, no_space)
    done, _, unread = queue.send(body("a")), queue.send(body("b")), queue.send("no JSON")
    kept = run(queue, Work(b=ValueError("mine")))
    assert unread in kept
    assert queue.deleted == [done]
    assert (stored("a").status, stored("b").status) == (40, 30)
