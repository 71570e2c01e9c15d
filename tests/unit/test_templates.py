"""Whatever a write holds, a template fills in what PynamoDB would have built for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pynamodb.constants import ATTRIBUTE_TYPES

import status_tracker as st
from status_tracker.core.lifecycle import Lifecycle, TryWrite, Verdict
from status_tracker.core.port import Write
from status_tracker.core.state import TaskState
from status_tracker.dynamodb.expressions import actions, condition
from status_tracker.dynamodb.templates import Creation, Template, put_arguments, shape_of
from tests.support.steps import STEP1_CODES, make_base, make_step
from tests.unit.steps import LEASE, NOON

STEP = make_step(make_base("http://127.0.0.1:1", "tasks"), STEP1_CODES)
# PynamoDB takes a dictionary whose only key is a type's name for a serialized value; a template does not.
KEYS = some.text(max_size=5).filter(lambda key: key not in ATTRIBUTE_TYPES)
DATA = some.dictionaries(KEYS, some.one_of(some.integers(), some.none(), some.text(max_size=5)))
MOMENTS = some.integers(0, 10**9).map(lambda seconds: NOON + timedelta(microseconds=seconds))
STATES = some.builds(
    TaskState,
    status=some.just(20),
    update_time=MOMENTS,
    retry=some.integers(0, 1),
    lock=some.text("0123456789abcdef", min_size=1),
    lock_time=MOMENTS,
    lock_expire_time=some.just(NOON),
    fence=some.integers(1, 10**6),
    finished_locks=some.lists(some.text("xyz", min_size=1), max_size=9).map(tuple),
    errors=some.just({"history": []}),
)


class LaterError(Exception):
    retry_after = 5


def writes(state: TaskState, now: datetime, data: dict[str, Any], token: str) -> Mapping[str, Callable[[], Write]]:
    """A write of every shape that a worker makes."""

    def rules(*more: int, **settings: Any) -> Lifecycle:
        return Lifecycle(STEP.config, "test", "t-1", startable=(10, 30, *more), **settings)

    return {
        "acquire": lambda: rules().acquire(token, now, LEASE),
        "acquire from more": lambda: rules(15, 16).acquire(token, now, LEASE),
        "acquire or create": lambda: rules(create=True, initial_data=data).acquire(token, now, LEASE),
        "succeed": lambda: rules().succeed(state, token, now, None),
        "succeed with data": lambda: rules().succeed(state, token, now, data),
        "fail": lambda: rules().fail(state, token, now, ValueError(token)),
        "fail, due later": lambda: rules().fail(state, token, now, LaterError()),
        "extend": lambda: rules().extend(state, token, now, LEASE),
        "update": lambda: rules().update(state, token, state.fence, data),
        "go on with an acquire of long ago": lambda: attempt(
            rules().judge(replace(state, lock=token), token, now + LEASE, LEASE)
        ),
        **taken_over(rules(), state, now, f"another than {state.lock}"),
        **acted(rules(), state, now, token),
    }


def taken_over(rules: Lifecycle, state: TaskState, now: datetime, token: str) -> Mapping[str, Callable[[], Write]]:
    late, older = now + LEASE, replace(state, update_time=None, lock=None, lock_expire_time=None, fence=0)
    return {
        "take over": lambda: attempt(rules.judge(state, token, late, LEASE)),
        "take over an older item": lambda: attempt(rules.judge(older, token, late, LEASE)),
        "take over in a later run": lambda: attempt(rules.judge(replace(state, run=state.fence), token, late, LEASE)),
        "give up": lambda: attempt(rules.judge(replace(state, retry=2), token, late, LEASE)),
        "take from a live worker": lambda: attempt(
            replace(rules, ignore_lock=True).judge(
                replace(state, status=10, lock_expire_time=late + LEASE), token, late, LEASE
            )
        ),
    }


def attempt(verdict: Verdict) -> Write:
    assert isinstance(verdict, TryWrite)
    return verdict.write


def acted(rules: Lifecycle, state: TaskState, now: datetime, token: str) -> Mapping[str, Callable[[], Write]]:
    record, late, free = {"action": "test", "id": token}, now + LEASE, replace(state, status=30, lock=None)
    return {
        "rerun": lambda: rules.rerun(free, late, record),
        "ignore": lambda: rules.ignore(free, late, record),
        "unlock": lambda: rules.unlock(state, late, record),
        "restart": lambda: rules.restart(free, late, record, run=0),
    }


def built(key: str, write: Write) -> dict[str, Any]:
    arguments: dict[str, Any] = STEP(key).get_update_kwargs_from_instance(
        actions=actions(STEP, key, write),
        condition=condition(STEP, key, write),
        return_values_on_condition_failure="ALL_OLD",
    )
    return arguments


def spelled_out(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with names and values in place of their placeholders, each of which is there and of use."""
    names, values = arguments["ExpressionAttributeNames"], arguments["ExpressionAttributeValues"]
    expressions = {name: arguments[name] for name in ("UpdateExpression", "ConditionExpression")}
    assert set(re.findall(r"[#:]\w+", " ".join(expressions.values()))) == {*names, *values}
    known = {**names, **{placeholder: repr(value) for placeholder, value in values.items()}}
    told = {
        name: re.sub(r"[#:]\w+", lambda found: known[found[0]], expression) for name, expression in expressions.items()
    }
    return {**arguments, **told, "ExpressionAttributeNames": None, "ExpressionAttributeValues": None}


HELD = TaskState(20, NOON, 0, "held", NOON, NOON, fence=1)
FIRST = {name: write() for name, write in writes(HELD, NOON, {"page": 1}, "first").items()}
CREATION = Creation(STEP.make("first", {"page": 1}))
TEMPLATES = {name: Template(STEP, write) for name, write in FIRST.items()}


@pytest.mark.parametrize("name", FIRST)
@given(
    state=STATES, now=MOMENTS, data=DATA, token=some.text("0123456789abcdef", min_size=1), task=some.text(min_size=1)
)
def test_a_template_fills_in_what_pynamodb_builds(
    name: str, state: TaskState, now: datetime, data: dict[str, Any], token: str, task: str
) -> None:
    key, write = f"test____{task}", writes(state, now, data, token)[name]()
    assert shape_of(write) == shape_of(FIRST[name])
    assert spelled_out(TEMPLATES[name].fill(STEP, key, write)) == spelled_out(built(key, write))


def test_writes_whose_expressions_differ_have_different_shapes() -> None:
    expressions = {
        repr(
            [arguments[f"{what}Expression"] for what in ("Update", "Condition")]
            + [arguments["ExpressionAttributeNames"]]
        )
        for arguments in (built("test____t-1", write) for write in FIRST.values())
    }
    assert len({shape_of(write) for write in FIRST.values()}) == len(expressions) == len(FIRST)


def test_what_is_filled_in_does_not_stay() -> None:
    template = TEMPLATES["succeed with data"]
    first = template.fill(STEP, "test____a", writes(HELD, NOON, {"page": 1}, "a")["succeed with data"]())
    before = repr(first)
    template.fill(STEP, "test____b", writes(replace(HELD, fence=2), NOON, {"page": 2}, "b")["succeed with data"]())
    assert repr(first) == before


def test_steps_have_templates_of_their_own() -> None:
    other = make_step(make_base("http://127.0.0.1:1", "others"), STEP1_CODES)
    filled = Template(other, FIRST["extend"]).fill(other, "test____t-1", FIRST["extend"])
    assert filled["TableName"] == "others"
    assert issubclass(other, st.BaseTask)


@given(data=DATA, task=some.text(min_size=1), more=some.one_of(some.none(), some.text(max_size=5)))
def test_an_item_is_put_as_pynamodb_puts_it(data: dict[str, Any], task: str, more: str | None) -> None:
    item = STEP.make(task, data, create_token=more)
    assert CREATION.fill(item) == put_arguments(item)


def test_a_start_sends_its_moment_once() -> None:
    write = FIRST["acquire or create"]
    values = list(TEMPLATES["acquire or create"].fill(STEP, "test____t-1", write)["ExpressionAttributeValues"].values())
    assert len(values) == len({repr(value) for value in values})
