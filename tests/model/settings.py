"""What is explored: the quick form in every run of the tests, the long one by night."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from status_tracker.core.lifecycle import Lifecycle
from status_tracker.core.port import Write, admits

from .actors import Scene, operator, worker
from .replay import moment
from .world import Budget, Setting

Admits = Callable[[dict[str, Any] | None, Write], bool]
EVERY_END = ("succeed", "fail", "wait", "give up", "postpone")
_ACTIONS = ("rerun", "ignore", "unignore", "unlock", "restart", "cancel")


def task(**fields: Any) -> dict[str, Any]:
    """A task as it lies in the table, pending unless said otherwise."""
    new = {"status": 10, "update_time": moment(0), "retry": 0, "errors": {"history": []}, "data": {"new": True}}
    return {**new, **fields}


def quick(rules: type[Lifecycle] = Lifecycle, admits: Admits = admits) -> Mapping[str, Setting]:
    """Settings of some ten thousand states each, by name."""
    scene, given = Scene(rules), partial(Setting, record=task(), admits=admits, ticks=2)
    ends = ("succeed", "fail")
    one = worker(scene, "one", *ends)
    actions = {f"one worker, {each}": given((one, operator(scene, "op", each))) for each in _ACTIONS}
    creators = tuple(worker(scene, name, "succeed", create=True) for name in ("one", "two"))
    next_step = worker(scene, "two", "succeed", step="B")
    return {
        **actions,
        "two workers": given((one, worker(scene, "two", *ends))),
        "a worker that may be killed": given(
            (worker(scene, "one", *EVERY_END),), budget=Budget(lost=2, repeated=1, killed=1), ticks=3
        ),
        "two workers create": given(creators, record=None, ticks=3),
        "updates and extensions": given((worker(scene, "one", "update", "extend", "succeed"),), ticks=3),
        "two steps share a status": given((worker(scene, "one", "succeed"), next_step), ticks=3),
        "a worker that postpones, and another": given(
            (worker(scene, "one", "postpone"), worker(scene, "two", "succeed")), ticks=2
        ),
        "one postponement after the other": given(
            tuple(worker(scene, name, "postpone") for name in ("one", "two")),
            budget=Budget(lost=0, repeated=0, killed=0),
            ticks=4,
        ),
        "an ignored task": given((operator(scene, "op", "unignore"), one), record=task(status=50)),
    }


def long(rules: type[Lifecycle] = Lifecycle, admits: Admits = admits) -> Mapping[str, Setting]:
    """Settings of up to some million states each, by name."""
    scene, given = Scene(rules), partial(Setting, record=task(), admits=admits, ticks=3)
    ends = ("succeed", "fail")
    one, two = worker(scene, "one", *ends), worker(scene, "two", *ends)
    fast = worker(scene, "one", *ends, skew=1)
    again = [operator(scene, name, "rerun", request="the same") for name in ("op", "another")]
    return {
        "two workers for longer": given((one, two), ticks=4),
        "two workers, repeated messages, a kill": given((one, two), budget=Budget(1, 1, 1), ticks=2),
        "two workers that may postpone": given(
            (worker(scene, "one", "postpone", "succeed"), worker(scene, "two", "postpone", "fail"))
        ),
        "two workers, clocks that differ": given((fast, two)),
        "three workers": given((one, two, worker(scene, "three", "succeed")), budget=Budget(lost=0, killed=1)),
        "updates and extensions for longer": given(
            (worker(scene, "one", "update", "extend", "succeed", within=2),), budget=Budget(lost=2), ticks=3
        ),
        "one rerun, asked for twice": given((*again, worker(scene, "one", "succeed")), ticks=2),
        **{
            f"a worker and {each}, for longer": given((one, operator(scene, "op", each)), budget=Budget(1, 1, 1))
            for each in _ACTIONS
        },
    }
