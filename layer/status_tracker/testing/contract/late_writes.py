"""R4 and R5 below the blocks: writes that come late, or twice, as the store of a task is asked for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ...core.config import TrackerConfig
from ...core.lifecycle import KEPT_LOCKS, Lifecycle, TryWrite
from ...core.port import HeldBy, Special, Store, Unchanged, Write
from ...core.state import TaskState, is_ended_by, is_finished_by
from ..clock import TICK, Clock
from .driver import Step
from .steps import FAILED, IN_PROGRESS, LEASE, PENDING, STEP1_CODES, SUCCEEDED, Scenes, WorkError, seen

LONG = timedelta(seconds=300)


class Wire:
    """What brings writes to the store of one task, in whatever order a test likes."""

    def __init__(self, store: Store[Any], clock: Clock) -> None:
        codes: dict[str, Any] = {**STEP1_CODES}
        config = TrackerConfig.make("test", **codes, lock_expire_seconds=LEASE, max_retry=1_000, clock=clock)
        self.rules = Lifecycle(config, "test", "t", startable=(PENDING, FAILED))
        self._store = store
        self._clock = clock

    @property
    def state(self) -> TaskState:
        task = self._store.read()
        assert task is not None
        return self._store.state(task)

    def bring(self, write: Write) -> bool:
        """Whether it was carried out. What was refused changes nothing, and the answer tells what is stored."""
        before = self.state
        answer = self._store.write(write)
        assert answer.task is not None
        assert self._store.state(answer.task) == self.state
        assert answer.applied or self.state == before
        return answer.applied

    def acquire(self, token: str) -> Write:
        return self.rules.acquire(token, self._clock(), timedelta(seconds=LEASE))

    def take_over(self, token: str) -> Write:
        """The worker has vanished: what the next one asks for."""
        verdict = self.rules.judge(self.state, token, self._clock(), timedelta(seconds=LEASE))
        assert isinstance(verdict, TryWrite)
        return verdict.write

    def fail(self, token: str) -> Write:
        return self.rules.fail(self.state, token, self._clock(), WorkError(token))

    def act(self, name: str) -> Write:
        record = {"action": name, "id": f"{name} at fence {self.state.fence}", "reason": "because", "by": None}
        write: Write = getattr(self.rules, name)(self.state, self._clock(), record)
        return write

    def attempt(self, token: str) -> None:
        """One that fails."""
        assert self.bring(self.acquire(token))
        assert self.bring(self.fail(token))

    def vanish(self, token: str) -> None:
        """A worker that takes the task over, and vanishes in its turn."""
        assert self.bring(self.take_over(token))
        self._clock.advance(LEASE)


def _rerun(wire: Wire, clock: Clock) -> None:
    clock.advance(LEASE)
    assert wire.bring(wire.act("rerun"))


def _ignore_and_unignore(wire: Wire, clock: Clock) -> None:
    clock.advance(LEASE)
    assert wire.bring(wire.act("ignore"))
    assert wire.bring(wire.act("unignore"))


def _unlock_and_take_over(wire: Wire, _clock: Clock) -> None:
    assert wire.bring(wire.act("unlock"))
    assert wire.bring(wire.take_over("next"))
    assert wire.bring(wire.fail("next"))


ENDED: dict[str, Callable[[Wire, Clock], None]] = {
    "rerun": _rerun,
    "ignored": _ignore_and_unignore,
    "unlocked": _unlock_and_take_over,
}
SINCE: dict[str, Callable[[Wire, Clock], None]] = {
    "another attempt": lambda wire, _: wire.attempt("another"),
    "a rerun": _rerun,
    "ignored and taken back": _ignore_and_unignore,
}
OTHERWISE: dict[str, Callable[[TaskState], dict[str, Any]]] = {
    "status": lambda _: {"status": PENDING},
    "no lock": lambda _: {"lock": None},
    "another lock": lambda _: {"lock": "another"},
    "fence": lambda state: {"fence": state.fence - 1},
    "run": lambda state: {"run": state.run + 1},
    "no lease": lambda _: {"lock_expire_time": None},
    "another lease": lambda state: {"lock_expire_time": state.lock_expire_time and state.lock_expire_time - TICK},
}


class LateRules(Scenes):
    """R4 and R5, of writes that come late or twice."""

    @pytest.fixture
    def wire(self, step1: Step, clock: Clock) -> Wire:
        """To a task that is pending."""
        step1.create("t", {"page": 0})
        return Wire(step1.store("t"), clock)

    # an acquire

    def test_r5_an_acquire_that_comes_twice_is_carried_out_once(self, wire: Wire) -> None:
        acquire = wire.acquire("a")
        assert [wire.bring(acquire), wire.bring(acquire)] == [True, False]
        assert (wire.state.status, wire.state.lock, wire.state.fence) == (IN_PROGRESS, "a", 1)

    @pytest.mark.parametrize("later", [0, 2, KEPT_LOCKS - 1])
    def test_r4_an_acquire_that_comes_again_after_its_attempt_has_failed_is_refused(
        self, wire: Wire, later: int
    ) -> None:
        acquire = wire.acquire("a")
        assert wire.bring(acquire)
        assert wire.bring(wire.fail("a"))
        for n in range(later):
            wire.attempt(f"later {n}")
        assert not wire.bring(acquire)
        assert (wire.state.status, wire.state.lock, wire.state.fence) == (FAILED, None, later + 1)

    @pytest.mark.parametrize("later", [0, 2, KEPT_LOCKS - 1])
    def test_r4_an_acquire_that_comes_again_after_its_takeover_is_refused(
        self, wire: Wire, clock: Clock, later: int
    ) -> None:
        acquire = wire.acquire("a")
        assert wire.bring(acquire)
        clock.advance(LEASE)
        for n in range(later):
            wire.vanish(f"later {n}")
        assert wire.bring(wire.take_over("last"))
        assert wire.bring(wire.fail("last"))
        assert not wire.bring(acquire)
        assert not wire.bring(wire.acquire("a"))  # as late as the network likes
        assert (wire.state.status, wire.state.lock, wire.state.fence) == (FAILED, None, later + 2)

    @pytest.mark.parametrize("end", ENDED.values(), ids=ENDED)
    def test_r4_an_acquire_that_comes_again_after_people_have_ended_its_attempt_is_refused(
        self, wire: Wire, clock: Clock, end: Callable[[Wire, Clock], None]
    ) -> None:
        acquire = wire.acquire("a")
        assert wire.bring(acquire)
        end(wire, clock)
        assert not wire.bring(acquire)
        assert not wire.bring(wire.acquire("a"))
        assert wire.bring(wire.acquire("b"))

    @pytest.mark.parametrize("meanwhile", [*SINCE.values()], ids=SINCE)
    def test_r4_an_acquire_that_comes_first_after_its_start_was_refused_acquires_for_nobody(
        self, wire: Wire, clock: Clock, meanwhile: Callable[[Wire, Clock], None]
    ) -> None:
        under_way = wire.acquire("a")
        clock.advance(1)
        meanwhile(wire, clock)
        before = wire.state
        assert not wire.bring(under_way)
        assert wire.state == before
        assert wire.bring(wire.acquire("b"))

    def test_r2_a_task_whose_last_writer_has_a_faster_clock_is_acquired(
        self, step1: Step, new_step: Callable[..., Step], clock: Clock
    ) -> None:
        step1.create("t")
        slow = new_step(clock=Clock(clock.now - timedelta(seconds=30)))
        with slow.start("t") as attempt:
            assert attempt.fence == 1
        assert seen(slow).status == SUCCEEDED

    # a finish

    def test_r5_of_two_ends_of_one_attempt_the_one_that_is_stored_is_known(self, wire: Wire) -> None:
        assert wire.bring(wire.acquire("a"))
        state, now = wire.state, wire.rules.config.now()
        failure = wire.rules.fail(state, "a", now, WorkError("no page"), end="one")
        success = wire.rules.succeed(state, "a", now, None, end="other")
        assert [wire.bring(failure), wire.bring(success)] == [True, False]
        assert (wire.state.status, is_finished_by(wire.state, "a")) == (FAILED, True)
        assert [is_ended_by(wire.state, end) for end in ("one", "other")] == [True, False]
        for n in range(KEPT_LOCKS - 1):
            wire.attempt(f"later {n}")
        assert is_ended_by(wire.state, "one")

    @pytest.mark.parametrize("later", [0, 2, KEPT_LOCKS - 1])
    def test_r5_a_finish_that_comes_again_is_refused_and_known_by_its_token(self, wire: Wire, later: int) -> None:
        assert wire.bring(wire.acquire("a"))
        finish = wire.fail("a")
        assert wire.bring(finish)
        for n in range(later):
            wire.attempt(f"later {n}")
        assert not wire.bring(finish)
        assert is_finished_by(wire.state, "a")

    def test_r5_the_newest_tokens_are_kept_in_order(self, wire: Wire, clock: Clock) -> None:
        tokens = [f"token {n}" for n in range(KEPT_LOCKS + 2)]
        for token in tokens:
            wire.attempt(token)
        assert wire.state.finished_locks == tuple(tokens[-KEPT_LOCKS:])
        assert wire.bring(wire.acquire("gone 0"))
        clock.advance(LEASE)
        gone = [f"gone {n}" for n in range(1, KEPT_LOCKS + 2)]
        for token in gone:
            wire.vanish(token)
        assert wire.state.vanished_locks == ("gone 0", *gone)[-KEPT_LOCKS - 1 : -1]

    # an update, a renewal

    def test_r4_an_update_that_comes_after_a_later_one_is_refused(self, wire: Wire, step1: Step, clock: Clock) -> None:
        assert wire.bring(wire.acquire("a"))
        first, second = (wire.rules.update(wire.state, "a", page, {"page": page}) for page in (1, 2))
        assert [wire.bring(write) for write in (first, first, second, first, second)] == [
            True,
            False,
            True,
            False,
            False,
        ]
        assert seen(step1).data == {"page": 2}
        assert wire.bring(wire.fail("a"))
        assert wire.bring(wire.acquire("b"))
        assert wire.bring(wire.rules.update(wire.state, "b", 1, {"page": 3}))  # each attempt counts anew
        assert not wire.bring(second)
        assert wire.bring(wire.rules.succeed(wire.state, "b", clock(), None))
        assert (wire.state.status, seen(step1).data) == (SUCCEEDED, {"page": 3})

    def test_r12_a_renewal_that_comes_after_a_longer_one_is_refused(self, wire: Wire, clock: Clock) -> None:
        assert wire.bring(wire.acquire("a"))
        shorter, longer = (wire.rules.extend(wire.state, "a", clock(), lease) for lease in (LONG - TICK, LONG))
        assert [wire.bring(write) for write in (longer, shorter, longer)] == [True, False, False]
        assert wire.state.lock_expire_time == clock() + LONG

    # what was decided on an older state

    def test_r4_of_two_takeovers_decided_on_one_state_one_is_carried_out(self, wire: Wire, clock: Clock) -> None:
        assert wire.bring(wire.acquire("a"))
        clock.advance(LEASE)
        first, second = wire.take_over("b"), wire.take_over("c")
        assert [wire.bring(first), wire.bring(second), wire.bring(first)] == [True, False, False]
        assert (wire.state.lock, wire.state.fence, wire.state.retry) == ("b", 2, 1)

    def test_r4_of_two_reruns_decided_on_one_state_one_is_carried_out(self, wire: Wire) -> None:
        rerun = wire.act("rerun")
        assert [wire.bring(rerun), wire.bring(rerun)] == [True, False]
        assert (wire.state.status, wire.state.run) == (PENDING, 1)

    def test_r4_an_unlock_decided_before_the_lease_was_renewed_is_refused(self, wire: Wire, clock: Clock) -> None:
        assert wire.bring(wire.acquire("a"))
        unlock = wire.act("unlock")
        assert wire.bring(wire.rules.extend(wire.state, "a", clock(), LONG))
        assert not wire.bring(unlock)

    @pytest.mark.parametrize("otherwise", OTHERWISE.values(), ids=OTHERWISE)
    def test_r4_what_was_decided_on_a_state_that_differs_in_one_thing_is_refused(
        self, wire: Wire, otherwise: Callable[[TaskState], dict[str, Any]]
    ) -> None:
        wire.attempt("a")
        assert wire.bring(wire.acquire("b"))
        decided = Write(Unchanged(wire.state), {"retry": 2})
        assert not wire.bring(replace(decided, guard=Unchanged(replace(wire.state, **otherwise(wire.state)))))
        assert wire.bring(decided)

    @pytest.mark.parametrize("write", ["succeed", "fail", "extend", "update"])
    @pytest.mark.parametrize(("token", "fence"), [("b", 1), ("b", 3), ("a", 2)])
    def test_r4_a_write_of_another_acquire_is_refused(
        self, wire: Wire, clock: Clock, write: str, token: str, fence: int
    ) -> None:
        wire.attempt("a")
        assert wire.bring(wire.acquire("b"))
        arguments: dict[str, tuple[Any, ...]] = {
            "succeed": (clock(), {"page": 1}),
            "fail": (clock(), WorkError("no page")),
            "extend": (clock(), LONG),
            "update": (1, {"page": 1}),
        }
        asked: Write = getattr(wire.rules, write)(wire.state, "b", *arguments[write])
        assert isinstance(asked.guard, HeldBy)
        assert not wire.bring(replace(asked, guard=replace(asked.guard, lock=token, fence=fence)))
        assert wire.bring(asked)

    # a lock of an older library

    def test_r3_a_lock_whose_end_is_not_stored_ends_a_lease_after_it_was_taken(self, wire: Wire, clock: Clock) -> None:
        changes = {"lock": "of old", "lock_time": clock(), "lock_expire_time": Special.REMOVE}
        assert wire.bring(Write(Unchanged(wire.state), changes))
        clock.advance(LEASE)
        clock.now -= TICK
        assert not wire.bring(wire.acquire("a"))
        clock.now += TICK
        assert wire.bring(wire.acquire("a"))
