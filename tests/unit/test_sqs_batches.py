"""Whole lives of queues: whatever becomes of the work, each message ends, and each task is done once, by one alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st_

import status_tracker as st
from status_tracker.testing import Fault
from tests.unit.sqs_queue import MAX_ATTEMPTS, RETRY, VISIBILITY, Notify, Queue, clock, fresh, invoke, metrics

BATCH = 4
MAX_RECEIVES = MAX_ATTEMPTS * (BATCH + 1) + 20 + 1
"""As `status_tracker_cdk.sqs_worker.receives_to_outlast` says."""


class KilledError(BaseException):
    """The function is gone: nothing of the tracker's end is written, no answer is given."""


class NotAllowedError(BaseException):
    """What the worker must never see; unlike an AssertionError, no failed attempt to `process_sqs_batch`."""


class BusyError(Exception):
    retry_after = 500


ATTEMPTS = (
    *("succeed", "slow", "fail", "busy", "hopeless", "postponed"),
    *("killed", "lost lock", "cancelled", "interrupted", "meanwhile"),
)
WAITS = {
    "fail": RETRY,
    "busy": BusyError.retry_after,
    "postponed": 50,
    **dict.fromkeys(("lost lock", "hopeless", "cancelled"), VISIBILITY),
}
BROKEN_BODIES = ("", "{}", "[1]", '{"id": ""}', "no json")


@dataclass
class Worker:
    """What each attempt at a task meets, in its order; after the last one they succeed.

    Checks that it is alone, and that a batch in which a task has failed waits for it.

    Attributes:
        due: when each invocation under way, the innermost last, may begin a task again that failed in it.
    """

    plans: dict[str, list[str]]
    queue: Queue
    successes: Counter[str] = field(default_factory=Counter)
    inside: set[str] = field(default_factory=set)
    due: list[dict[str, datetime]] = field(default_factory=list)

    def __call__(self, ctx: st.ExecutionContext[Any]) -> None:
        task_id = ctx.task.task_id
        if task_id in self.inside or clock() < self.due[-1].get(task_id, clock()):
            raise NotAllowedError(f"{task_id}: inside {self.inside}, due {self.due[-1]}, and now is {clock()}")
        self.inside.add(task_id)
        try:
            what = self.plans[task_id].pop(0) if self.plans.get(task_id) else "succeed"
            self._meet(what, task_id)
            self.successes[task_id] += 1
        except Exception:
            self.due[-1][task_id] = clock() + timedelta(seconds=WAITS[what])
            raise
        finally:
            self.inside.remove(task_id)

    def _meet(self, what: str, task_id: str) -> None:
        clock.advance(25 if what == "slow" else 1)
        match what:
            case "fail":
                raise OSError("no route")
            case "busy":
                raise BusyError
            case "postponed":
                raise st.Postponed("the partner is away", retry_after=WAITS[what])
            case "cancelled":
                Notify.cancel(task_id, reason="test")
                raise OSError("too late")
            case "hopeless":
                raise st.NonRetryableError("no such subscriber")
            case "killed":
                Notify.storage.befall(Fault.BROKEN)
                raise KilledError
            case "interrupted":
                raise KeyboardInterrupt
            case "lost lock":
                Notify.unlock(task_id, reason="test")
                raise OSError("too late")
            case "meanwhile":  # another function runs, at the same time
                now = clock()
                receive_and_work(self.queue, self)
                clock.advance((now - clock()).total_seconds())


def receive_and_work(queue: Queue, worker: Worker) -> None:
    """One invocation, which may die in its work."""
    batch = queue.receive(BATCH)
    if not batch:
        clock.advance(10)
        return
    hidden = [message.visible for message in batch]
    worker.due.append({})
    try:
        kept = invoke(queue.event(batch), worker)
    except (KilledError, KeyboardInterrupt):
        assert hidden == [message.visible for message in batch]
    else:
        assert clock() < min(hidden)
        queue.settle(batch, kept)
    finally:
        worker.due.pop()


def live(queue: Queue, worker: Worker) -> None:
    """Until nothing is in the queue any more."""
    for _ in range(5_000):
        if not queue.messages:
            return
        receive_and_work(queue, worker)
    pytest.fail(f"messages never end: {queue.messages}")


tasks = st_.sampled_from(["a", "b", "c", "d", "e"])
messages = st_.lists(st_.one_of(tasks.map(lambda name: json.dumps({"id": name})), st_.sampled_from(BROKEN_BODIES)))
plans = st_.dictionaries(tasks, st_.lists(st_.sampled_from(ATTEMPTS), max_size=6))


@pytest.mark.parametrize("kind", ["standard", "fifo"])
@given(bodies=messages, plan=plans)
def test_every_message_ends_and_every_task_is_done_once(kind: str, bodies: Sequence[str], plan: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        arn = "arn:aws:sqs:eu-west-1:123456789012:q" + (".fifo" if kind == "fifo" else "")
        queue = fresh(monkeypatch, max_receives=MAX_RECEIVES, arn=arn)
        for number, text in enumerate(bodies):
            queue.send(text, group=str(number % 2) if kind == "fifo" else None)
        sent = {message.id: message for message in queue.messages}
        worker = Worker({name: list(attempts) for name, attempts in plan.items()}, queue)
        live(queue, worker)
        metrics.clear_metrics()
        assert sorted([*queue.deleted, *(message.id for message in queue.dead)]) == sorted(sent)
        assert {message.id for message in queue.dead} == {i for i, m in sent.items() if m.body in BROKEN_BODIES}
        for task_id in {json.loads(text)["id"] for text in bodies if text not in BROKEN_BODIES}:
            task = Notify.get_one_or_none(task_id)
            assert task.status_name in {"succeeded", "ignored"}
            assert not task.is_locked()
            assert worker.successes[task_id] == (1 if task.is_succeeded() else 0)
