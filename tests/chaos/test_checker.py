"""The checker on runs made by hand: an honest one passes, and each way of being wrong is found, by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import check
from tests.chaos.handmade import SUPERVISOR, Run, action, entered, event, honest, lease


def test_an_honest_run_has_no_violations(tmp_path: Path) -> None:
    report = check(honest().store(tmp_path))

    assert report.violations == []
    assert report.figures["lifecycles"] == 3
    assert report.figures["attempts"] == 8
    assert report.figures["cancelled while a worker held it"] == 1
    assert report.figures["postponed attempts"] == 1
    assert report.figures["restarts"] == 1
    assert report.figures["vanished attempts"] == 1
    assert report.figures["killed"] == 1


def _not_there(run: Run) -> None:
    del run.items["b"]


def _in_progress(run: Run) -> None:
    run.items["b"]["status"] = 20


def _locked(run: Run) -> None:
    run.items["b"]["lock"] = "somebody"


def _in_the_wrong_list(run: Run) -> None:
    run.items["b"]["value"] = "chaos____010____001"


def _made_twice(run: Run) -> None:
    run.events["p0.0"].append({**run.events["p0.0"][0], "maker": "p0.0-2"})


def _made_by_another(run: Run) -> None:
    run.events["w1.0"][1]["maker"] = "p0.0-2"


def _same_fence(run: Run) -> None:
    run.events["w1.0"][1]["fence"] = 1


def _fences_backwards(run: Run) -> None:
    for each, when in zip(run.events["w0.0"], (7.0, 7.1), strict=True):
        each["t"] = when


def _fence_lower_than_seen(run: Run) -> None:
    run.items["b"]["fence"] = 2


def _acquired_by_nobody(run: Run) -> None:
    run.items["b"]["fence"] = 4


def _attempt_not_in_history(run: Run) -> None:
    run.history("b", "BodyError('w2.0-1')", "BodyError('w2.0-2')")


def _retry_too_small(run: Run) -> None:
    run.items["b"]["retry"] = 2


def _tried_too_often(run: Run) -> None:
    run.items["a"] = {**run.items["a"], "fence": 4}
    run.history("a", "LeaseExpired()", "BodyError('w1.0-1')", "LeaseExpired()")


def _given_up_too_early(run: Run) -> None:
    run.items["b"].update(fence=2, retry=2)
    run.history("b", "BodyError('w2.0-1')", "BodyError('w2.0-2')")
    del run.events["w2.0"][8:]


def _entry_lost(run: Run) -> None:
    run.history("b", "BodyError('w2.0-1')", "BodyError('w2.0-2')", dropped=1)


def _failure_of_nobody(run: Run) -> None:
    run.events["w0.0"] = []
    run.history("a", "BodyError('w9.0-1')", "BodyError('w1.0-1')")


def _never_said(run: Run) -> None:
    run.supervisor = [SUPERVISOR[0], SUPERVISOR[-1]]


def _another_exception(run: Run) -> None:
    run.events["w1.0"][3]["error"] = "ValueError"


def _lost_and_stored(run: Run) -> None:
    run.events["w1.0"][3]["notes"] = ["Task(…) is not held by this worker any more: …"]


def _failure_told_and_vanished(run: Run) -> None:
    run.history("a", "LeaseExpired()", "LeaseExpired()")


def _killed_and_failed(run: Run) -> None:
    run.history("a", "BodyError('w0.0-1')", "BodyError('w1.0-1')")


def _refused_as_succeeded(run: Run) -> None:
    run.events["w2.0"] += [event("starting", 8, "w2.0-9", "b"), event("refused", 8.1, "w2.0-9", "b")]
    run.events["w2.0"][-1]["error"] = "TaskAlreadySucceedError"


def _told_that_there_is_none(run: Run) -> None:
    run.events["w2.0"] += [event("starting", 8, "w2.0-9"), event("refused", 8.1, "w2.0-9")]
    run.events["w2.0"][-1]["error"] = "TaskIsNotInitializedError"


def _run_again(run: Run) -> None:
    run.events["w1.0"][2].update(error=None, text=None)
    run.events["w1.0"][3].update(error=None)


def _stale_update(run: Run) -> None:
    run.events["w1.0"].insert(2, event("updated", 5.1, "w1.0-1", since=5.0))


def _data_of_another(run: Run) -> None:
    run.items["a"]["data"] = json.dumps({"done_by": "w0.0-1"})


def _entered_early(run: Run) -> None:
    run.events["w0.0"].append(event("renewed", 1.4, "w0.0-1", end=2.6))


def _entered_before_it_left(run: Run) -> None:
    run.events["w1.0"][2]["t"] = 4.05


def _effect_overwritten(run: Run) -> None:
    run.effects["a"].update(newest=1, by="w0.0-1")


def _effect_missing(run: Run) -> None:
    run.effects = {}


def _newest_refused_downstream(run: Run) -> None:
    run.events["w2.0"].append(event("effect_refused", 3.2, "w2.0-3", "b"))


def _effect_of_nobody(run: Run) -> None:
    run.effects["a"]["applied"] = [2, 3]


def _success_of_nobody(run: Run) -> None:
    run.events["w1.0"][-2].update(error="BodyError", text="BodyError()")


def _receipt_missing(run: Run) -> None:
    run.receipts = []


def _receipt_of_a_failure(run: Run) -> None:
    run.receipts.append("b#3#w2.0-3")


def _stored_lease_was_longer(run: Run) -> None:
    run.leases = [lease(1, 1, 1, 2), lease(2, 1, 1, 2.7), lease(3, 2, 2.5, 3.5), lease(4, 3, 4, 5)]


def _leases_out_of_order(run: Run) -> None:
    run.leases = [lease(1, 2, 2.5, 3.5), lease(2, 1, 1, 2), lease(3, 3, 4, 5)]


def _lease_of_a_fence_missing(run: Run) -> None:
    run.leases = [lease(1, 1, 1, 2), lease(2, 2, 2.5, 3.5)]


def _attempts_miscounted(run: Run) -> None:
    run.items["a"]["attempts"] = 2


def _exhausted_too_early(run: Run) -> None:
    run.items["b"].update(status=35, fence=2, retry=2)
    run.history("b", "BodyError('w2.0-1')", "BodyError('w2.0-2')")
    del run.events["w2.0"][8:]


def _refused_as_exhausted(run: Run) -> None:
    run.events["w2.0"] += [event("starting", 8, "w2.0-9", "b"), event("refused", 8.1, "w2.0-9", "b")]
    run.events["w2.0"][-1]["error"] = "TaskExhaustedError"


def _crashed(run: Run) -> None:
    run.supervisor.insert(1, {"e": "crashed", "t": 1.0, "worker": "w3.0", "code": 1})


def _acts(*actions: dict[str, Any], **more: Any) -> Callable[[Run], None]:
    return lambda run: run.history("c", actions=list(actions), **more)


_RESTART, _CANCEL = action("restart", 1.55, 10), action("cancel", 2.5, 20)


def _cancelled_of_nobody(run: Run) -> None:
    del run.events["o0.0"][2:]


def _restarted_of_nobody(run: Run) -> None:
    del run.events["o0.0"][:2]


def _run_not_restarted(run: Run) -> None:
    run.items["c"]["run"] = 0


def _cancelled_and_succeeded(run: Run) -> None:
    run.items["c"].update(status=40, data=json.dumps({"done_by": "w3.0-2"}))


def _entered_after_the_cancellation(run: Run) -> None:
    run.events["w3.0"] += entered(5.0, "w3.0-4", 3, "c")
    run.items["c"]["fence"] = 3


def _refused_otherwise_after_the_cancellation(run: Run) -> None:
    run.events["w3.0"][-1]["error"] = "TaskNotDueError"


def _cancelled_and_told_as_stored(run: Run) -> None:
    run.events["w3.0"][7]["notes"] = []


def _cancelled_under_a_lease_and_counted(run: Run) -> None:
    run.items["c"]["retry"] = 1
    run.history("c", "LeaseExpired()", actions=[_RESTART, _CANCEL])
    entries = json.loads(run.items["c"]["errors"])
    entries["history"][0]["update_time"] = _CANCEL["update_time"]
    run.items["c"]["errors"] = json.dumps(entries)


def _postponed_and_counted(run: Run) -> None:
    run.history("c", "Postponed('w3.0-1')", "LeaseExpired()", actions=[_RESTART, _CANCEL])
    run.items["c"]["retry"] = 2


def _free_when_cancelled_and_not_counted(run: Run) -> None:
    run.history("c", actions=[_RESTART, action("cancel", 2.5, 30)])


def _begun_while_paused(run: Run) -> None:
    run.events["o0.0"] += [{"e": "paused", "t": 2.5, "s": 2.5, "until": 5.5}, {"e": "resuming", "t": 4.0, "s": 4.0}]
    run.events["o0.0"].append({"e": "resumed", "t": 4.1, "s": 4.1})


WRONG: list[tuple[str, Callable[[Run], None]]] = [
    *(("not_ended", make) for make in (_not_there, _in_progress)),
    ("left_locked", _locked),
    ("wrongly_listed", _in_the_wrong_list),
    *(("created_twice", make) for make in (_made_twice, _made_by_another)),
    ("fence_reused", _same_fence),
    ("fence_order", _fences_backwards),
    ("fence_reset", _fence_lower_than_seen),
    ("acquire_unexplained", _acquired_by_nobody),
    *(("miscounted", make) for make in (_attempt_not_in_history, _retry_too_small)),
    ("too_many_attempts", _tried_too_often),
    ("ignored_too_early", _given_up_too_early),
    ("history_lost", _entry_lost),
    ("phantom_attempt", _failure_of_nobody),
    ("worker_silent", _never_said),
    ("own_exception_lost", _another_exception),
    *(("stale_write", make) for make in (_lost_and_stored, _stale_update, _data_of_another)),
    *(("told_otherwise", make) for make in (_failure_told_and_vanished, _killed_and_failed)),
    *(("told_otherwise", make) for make in (_refused_as_succeeded, _told_that_there_is_none)),
    ("run_after_success", _run_again),
    *(("two_inside", make) for make in (_entered_early, _entered_before_it_left)),
    *(("effect_lost", make) for make in (_effect_overwritten, _effect_missing, _newest_refused_downstream)),
    ("effect_unexplained", _effect_of_nobody),
    ("success_of_nobody", _success_of_nobody),
    *(("receipts_wrong", make) for make in (_receipt_missing, _receipt_of_a_failure)),
    ("two_inside", _stored_lease_was_longer),
    ("fence_order", _leases_out_of_order),
    ("fence_reset", _lease_of_a_fence_missing),
    ("miscounted", _attempts_miscounted),
    ("ignored_too_early", _exhausted_too_early),
    ("told_otherwise", _refused_as_exhausted),
    ("crashed", _crashed),
    *(("deed_of_nobody", make) for make in (_cancelled_of_nobody, _restarted_of_nobody)),
    *(("deed_lost", make) for make in (_acts(_RESTART), _acts(_CANCEL), _run_not_restarted)),
    ("begun_while_paused", _begun_while_paused),
    ("deed_repeated", _acts(_RESTART, _CANCEL, _CANCEL)),
    ("cancel_undone", _cancelled_and_succeeded),
    *(
        ("run_after_cancel", make)
        for make in (_entered_after_the_cancellation, _refused_otherwise_after_the_cancellation)
    ),
    ("told_otherwise", _cancelled_and_told_as_stored),
    ("cancel_counted", _cancelled_under_a_lease_and_counted),
    *(("miscounted", make) for make in (_postponed_and_counted, _free_when_cancelled_and_not_counted)),
]


@pytest.mark.parametrize(("kind", "make_wrong"), WRONG, ids=[make.__name__.strip("_") for _, make in WRONG])
def test_what_must_not_be_is_found(tmp_path: Path, kind: str, make_wrong: Callable[[Run], None]) -> None:
    run = honest()
    make_wrong(run)

    assert kind in check(run.store(tmp_path)).kinds


def test_a_lost_answer_explains_an_acquire_that_no_worker_saw(tmp_path: Path) -> None:
    run = honest()
    run.events["w0.0"] = []
    run.proxy = [{"e": "fault", "t": 1, "s": 1, "kind": "lost_answer", "task": "chaos____a", "fence": 1, "lock": "x"}]

    assert check(run.store(tmp_path)).violations == []


def test_a_worker_killed_in_its_start_explains_one_too(tmp_path: Path) -> None:
    run = honest()
    del run.events["w0.0"][1]

    assert check(run.store(tmp_path)).violations == []


def test_behind_an_unseen_acquire_the_skew_counts_twice(tmp_path: Path) -> None:
    run = honest()
    del run.events["w1.0"][:4]
    run.proxy = [{"e": "fault", "t": 2, "s": 2, "kind": "lost_answer", "task": "chaos____a", "fence": 2, "lock": "x"}]
    run.history("a", "LeaseExpired()", "LeaseExpired()")
    run.events["w0.0"].append(event("renewed", 1.4, "w0.0-1", end=4.3))

    assert check(run.store(tmp_path)).violations == []


def _claim_without_an_end(run: Run) -> None:
    """The first attempt at "a" came of a claim of whatever task is next, and its worker was killed in it."""
    run.events["w0.0"] = [{"e": "claiming", "t": 0.9, "s": 0.9, "start": "w0.0-1"}]
    run.leases = [lease(1, 1, 1, 2), lease(2, 2, 2.5, 3.5), lease(3, 3, 4, 5)]


def test_a_worker_killed_in_its_claim_explains_an_acquire_of_that_time(tmp_path: Path) -> None:
    run = honest()
    _claim_without_an_end(run)

    assert check(run.store(tmp_path)).violations == []


def test_a_claim_explains_no_acquire_of_another_time(tmp_path: Path) -> None:
    run = honest()
    _claim_without_an_end(run)
    run.events["w0.0"][0].update(t=1.2, s=1.2)

    assert check(run.store(tmp_path)).kinds == {"acquire_unexplained": 1}


def test_a_claim_that_failed_explains_one_until_then(tmp_path: Path) -> None:
    run = honest()
    _claim_without_an_end(run)
    run.events["w0.0"].append({"e": "claim_failed", "t": 1.1, "s": 1.1, "start": "w0.0-1"})

    assert check(run.store(tmp_path)).violations == []


def test_a_pause_that_another_operators_late_answer_ends_keeps_nobody_back(tmp_path: Path) -> None:
    run = honest()
    run.events["o0.0"].append({"e": "paused", "t": 2.5, "s": 2.5, "until": 5.5})
    run.events["o1.0"] = [{"e": "resuming", "t": 2.4, "s": 2.4}, {"e": "resumed", "t": 2.8, "s": 2.8}]

    assert check(run.store(tmp_path)).violations == []
