"""Whatever a write holds, a template fills in what PynamoDB would have built for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import status_tracker as st
from status_tracker.dynamodb.expressions import actions, condition
from status_tracker.dynamodb.templates import Template, shape_of
from status_tracker.lifecycle import Lifecycle
from status_tracker.writes import Special, TaskState, Unchanged, Write
from tests.support.steps import STEP1_CODES, make_base, make_step
from tests.unit.steps import LEASE, NOON

STEP = make_step(make_base("http://127.0.0.1:1", "tasks"), STEP1_CODES)
DATA = some.dictionaries(some.text(max_size=5), some.one_of(some.integers(), some.none(), some.text(max_size=5)))
MOMENTS = some.integers(0, 10**9).map(lambda seconds: NOON + timedelta(microseconds=seconds))
STATES = some.builds(
    TaskState,
    status=some.just(20),
    retry=some.integers(0, 5),
    fence=some.integers(1, 10**6),
    finished_locks=some.lists(some.text("abc", min_size=1), max_size=9).map(tuple),
    errors=some.just({"history": []}),
)


class LaterError(Exception):
    retry_after = 5


def writes(state: TaskState, now: datetime, data: dict[str, Any], token: str) -> Mapping[str, Write]:
    """A write of every shape that a worker makes."""

    def rules(*more: int, **settings: Any) -> Lifecycle:
        return Lifecycle(STEP.config, "test", "t-1", startable=(10, 30, *more), **settings)

    return {
        "acquire": rules().acquire(token, now, LEASE),
        "acquire from more": rules(15, 16).acquire(token, now, LEASE),
        "acquire or create": rules(create=True, initial_data=data).acquire(token, now, LEASE),
        "succeed": rules().succeed(state, token, now, None),
        "succeed with data": rules().succeed(state, token, now, data),
        "fail": rules().fail(state, token, now, ValueError(token)),
        "fail, due later": rules().fail(state, token, now, LaterError()),
        "extend": rules().extend(state, token, now, LEASE),
        "update": rules().update(state, token, state.fence, data),
    }


def built(key: str, write: Write) -> dict[str, Any]:
    arguments: dict[str, Any] = STEP(key).get_update_kwargs_from_instance(
        actions=actions(STEP, key, write),
        condition=condition(STEP, key, write),
        return_values_on_condition_failure="ALL_OLD",
    )
    return arguments


FIRST = writes(TaskState(20, fence=1), NOON, {"page": 1}, "first")
TEMPLATES = {name: Template(STEP, write) for name, write in FIRST.items()}


@pytest.mark.parametrize("name", FIRST)
@given(
    state=STATES, now=MOMENTS, data=DATA, token=some.text("0123456789abcdef", min_size=1), task=some.text(min_size=1)
)
def test_a_template_fills_in_what_pynamodb_builds(
    name: str, state: TaskState, now: datetime, data: dict[str, Any], token: str, task: str
) -> None:
    key, write = f"test____{task}", writes(state, now, data, token)[name]
    assert shape_of(write) == shape_of(FIRST[name])
    assert TEMPLATES[name].fill(key, write) == built(key, write)


def test_writes_whose_expressions_differ_have_different_shapes() -> None:
    expressions = {
        repr(
            [arguments[f"{what}Expression"] for what in ("Update", "Condition")]
            + [arguments["ExpressionAttributeNames"]]
        )
        for arguments in (built("test____t-1", write) for write in FIRST.values())
    }
    assert len({shape_of(write) for write in FIRST.values()}) == len(expressions) == len(FIRST)


def test_a_guard_over_a_whole_state_has_no_template() -> None:
    assert shape_of(Write(Unchanged(TaskState(10)), {"lock": None, "expire_at": Special.REMOVE})) is None


def test_what_is_filled_in_does_not_stay() -> None:
    template = TEMPLATES["succeed with data"]
    first = template.fill("test____a", writes(TaskState(20, fence=1), NOON, {"page": 1}, "a")["succeed with data"])
    before = repr(first)
    template.fill("test____b", writes(TaskState(20, fence=2), NOON, {"page": 2}, "b")["succeed with data"])
    assert repr(first) == before


def test_steps_have_templates_of_their_own() -> None:
    other = make_step(make_base("http://127.0.0.1:1", "others"), STEP1_CODES)
    filled = Template(other, FIRST["extend"]).fill("test____t-1", FIRST["extend"])
    assert filled["TableName"] == "others"
    assert issubclass(other, st.BaseTask)
