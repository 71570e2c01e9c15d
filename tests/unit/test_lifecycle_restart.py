"""The pure rule for giving a task a new run, after what drove its last one came to nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.history import KEPT_ACTIONS
from status_tracker.core.port import Unchanged
from status_tracker.core.state import TaskState, is_recorded
from status_tracker.testing import Clock, MemoryStorage, MemoryTask
from tests.unit.steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    NEXT_CODES,
    NOON,
    PENDING,
    SUCCEEDED,
    TICK,
    make_config,
    make_rules,
)

RECORD = {"action": "restart", "id": "after-run-2", "reason": "the execution had ended", "by": "sweep"}
LIVE: dict[str, Any] = {"lock": "their-token", "lock_time": NOON, "lock_expire_time": NOON + LEASE}
OVER: dict[str, Any] = {"lock": "their-token", "lock_time": NOON - LEASE, "lock_expire_time": NOON}


def restart(state: TaskState | None, run: int = 2) -> dict[str, Any]:
    return dict(make_rules().restart(state, NOON, RECORD, run=run).changes)


@pytest.mark.parametrize("lock", [{}, OVER], ids=["free", "lease over"])
@pytest.mark.parametrize("status", [PENDING, FAILED, IN_PROGRESS])
def test_r11_restart_changes_nothing_but_the_run(status: int, lock: dict[str, Any]) -> None:
    state = TaskState(status, retry=2, run=2, errors={"history": []}, **lock)
    write = make_rules().restart(state, NOON, RECORD, run=2)
    assert write.guard == Unchanged(state)
    let_go = {"lock", "lock_expire_time", "vanished_locks"} if lock else set()
    assert set(write.changes) == {"run", "errors"} | let_go
    assert write.changes["run"] == 3
    assert write.changes["errors"]["history"] == []
    assert is_recorded(replace(state, errors=write.changes["errors"]), RECORD)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (None, st.TaskIsNotInitializedError),
        (TaskState(IN_PROGRESS, run=2, **LIVE), st.TaskLockedError),
        (TaskState(PENDING, run=2, **LIVE), st.TaskLockedError),
        (TaskState(SUCCEEDED, run=2), st.TaskAlreadySucceedError),
        (TaskState(IGNORED, run=2), st.TaskIgnoredError),
        (TaskState(70, run=2), st.TaskIsNotReadyToStartError),
        (TaskState(FAILED, run=2, not_before=NOON + TICK), st.TaskNotDueError),
        (TaskState(PENDING, run=3), st.TaskIsNotReadyToStartError),
        (TaskState(PENDING, run=1), st.TaskIsNotReadyToStartError),
    ],
)
def test_r11_restart_is_refused_where_it_would_start_a_second_time(state: TaskState | None, kind: type) -> None:
    with pytest.raises(kind):
        restart(state)


def test_r9_restart_at_the_moment_a_task_is_due() -> None:
    assert restart(TaskState(FAILED, run=2, not_before=NOON))["run"] == 3


def test_r11_a_series_of_restarts_is_one_record_and_displaces_no_other() -> None:
    step = _step()
    step.make_and_save("t")
    for number in range(KEPT_ACTIONS - 1):
        step.rerun("t", reason=f"reason {number}")
    for run in range(1, 11):
        task = step.restart("t", run=run, reason="it had ended", by="sweep")
    actions = task.errors["actions"]
    assert [each["action"] for each in actions] == ["rerun"] * (KEPT_ACTIONS - 1) + ["restart"]
    assert (actions[-1]["times"], actions[-1]["id"]) == (10, "after-run-10")


def test_r11_a_restart_by_somebody_else_is_a_record_of_its_own() -> None:
    step = _step()
    step.make_and_save("t")
    for run, by in enumerate(["sweep", "sweep", "ada", "sweep"]):
        task = step.restart("t", run=run, reason="it had ended", by=by)
    assert [(each["by"], each.get("times")) for each in task.errors["actions"]] == [
        ("sweep", 2),
        ("ada", None),
        ("sweep", None),
    ]


def test_r11_restart_asked_for_twice_gives_one_run() -> None:
    step = _step()
    step.make_and_save("t")
    first, second = (step.restart("t", run=0, reason="it had ended") for _ in range(2))
    assert (first.run, second.run) == (1, 1)
    step.rerun("t", reason="mended")
    with pytest.raises(st.TaskIsNotReadyToStartError, match="in run 2 already"):
        step.restart("t", run=1, reason="it had ended")


@pytest.mark.parametrize("action", ["rerun", "ignore", "unlock", "unignore"])
def test_r11_an_action_with_a_request_id_is_done_once(action: str) -> None:
    step, clock = _step(), Clock()
    step.config = make_config(clock=clock)
    step.make_and_save("t")
    if action == "unlock":
        with pytest.raises(KeyError), step.start("t"):
            step.unlock("t", reason="gone", request_id="r-1")
            raise KeyError
    if action == "unignore":
        step.ignore("t", reason="hopeless", request_id="r-1")
    first = getattr(step, action)("t", reason="because", request_id="r-1")
    if action == "rerun":
        clock.advance(1)
        with step.start("t"):
            pass
    second = getattr(step, action)("t", reason="because", request_id="r-1")
    done = [each for each in second.errors["actions"] if each["action"] == action]
    assert [each["id"] for each in done] == ["r-1"]
    assert second.run == first.run
    if action == "rerun":
        assert second.is_succeeded()


def _step() -> type[MemoryTask]:
    class Step(MemoryTask):
        storage = MemoryStorage()
        config = make_config()

    return Step


def test_r11_an_attempt_whose_lock_a_restart_has_taken_is_recorded_by_a_rerun_of_another_step() -> None:
    other_step = make_rules(make_config(**NEXT_CODES))
    stuck = TaskState(NEXT_CODES["in_progress_status"], run=2, errors={"history": []}, **OVER)
    changes = other_step.restart(stuck, NOON, RECORD, run=2).changes
    for times in (1, 2):  # a series of restarts is one record
        stuck = replace(stuck, run=2 + times, lock=None, lock_expire_time=None, errors=changes["errors"])
        assert changes["errors"]["actions"][-1]["unlocked"]
        rerun = make_rules().rerun(stuck, NOON, {**RECORD, "action": "rerun", "id": f"{times}"}).changes
        assert [entry["error"].partition("(")[0] for entry in rerun["errors"]["history"]] == ["LeaseExpired"]
        changes = other_step.restart(stuck, NOON, {**RECORD, "id": f"after-run-{2 + times}"}, run=2 + times).changes


def test_r11_a_restart_of_a_task_that_had_failed_takes_no_attempt_for_vanished() -> None:
    other_step = make_rules(make_config(**NEXT_CODES))
    failed = TaskState(NEXT_CODES["failed_status"], run=2, retry=1, lock_time=NOON - LEASE, errors={"history": []})
    errors = other_step.restart(failed, NOON, RECORD, run=2).changes["errors"]
    rerun = make_rules().rerun(replace(failed, run=3, errors=errors), NOON, {**RECORD, "action": "rerun"}).changes
    assert rerun["errors"]["history"] == []
