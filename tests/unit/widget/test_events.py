"""What an event asks for, and what is said of one that makes no sense."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from status_tracker.operations.pipeline import StatusOfStep
from status_tracker_ops.widget.actions import ADMIN_NAMES, NAMES
from status_tracker_ops.widget.events import BadEventError, is_question_for_documentation, surroundings_of
from status_tracker_ops.widget.requests import (
    ActionRequest,
    BulkRequest,
    Narrowing,
    Overview,
    PauseRequest,
    Rehearsal,
    TaskDetails,
    TaskList,
    request_of,
    view_of,
)
from tests.unit.widget.deployed import NOON, PIPELINE

REQUEST = "0123456789abcdef0123456789abcdef"
DRAWN = "f" * 32
DEED = {"action": "rerun", "act_on": "Extract", "task_id": "a", "request_id": REQUEST, "drawn": DRAWN}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *("view", "step", "status", "task_id", "cursor", "start", "back", "search", "prefix", "kind", "error_text"),
        *("action", "act_on", "request_id", "drawn", "until", "done", "widgetContext"),
    ]
)
VALUES = JSON | st.sampled_from(
    ["list", "task", "bulk", "overview", "Extract", "Answer", "ignored", "a", REQUEST, "rerun", "pause", "2026-01-01"]
)
EVENTS = JSON | st.dictionaries(KEYS, VALUES, max_size=8)


@given(EVENTS)
def test_no_event_is_too_strange(event: Any) -> None:
    surroundings_of(event)
    is_question_for_documentation(event)
    for read in (lambda: view_of(event, PIPELINE), lambda: request_of(event, PIPELINE, [*NAMES, *ADMIN_NAMES])):
        with suppress(BadEventError):
            read()


def test_views() -> None:
    assert view_of({}, PIPELINE) == Overview()
    assert view_of({"view": "overview", "other": 1}, PIPELINE) == Overview()
    place = {"step": "Answer", "status": "in_progress"}
    assert view_of({"view": "list", **place, "cursor": "c"}, PIPELINE) == TaskList(
        StatusOfStep("Answer", "in_progress"), cursor="c"
    )
    assert view_of({"view": "task", "task_id": "a"}, PIPELINE) == TaskDetails("a")
    page = TaskList(StatusOfStep("Answer", "in_progress"), Narrowing(kind="k"), "c", 41, back=True, all_reasons=True)
    assert view_of({"view": "task", "task_id": "a", **page.values()}, PIPELINE) == TaskDetails("a", page)
    assert view_of({"view": "list", **page.values()}, PIPELINE) == page
    # Not for a task that a button names: it would open, or change, another one.
    named = view_of({"view": "task", "task_id": "pdf_processing____a"}, PIPELINE)
    assert named == TaskDetails("pdf_processing____a")


def test_a_task_that_was_typed() -> None:
    context: dict[str, Any] = {"forms": {"all": {"task_id": " pdf_processing____typed\n"}}}
    assert view_of({"view": "task", "widgetContext": context}, PIPELINE) == TaskDetails("typed")
    assert view_of({"view": "task", "task_id": "named", "widgetContext": context}, PIPELINE) == TaskDetails("named")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ([], "The event is a list; expected an object"),
        ({"view": "everything"}, "There is no view 'everything'; there is overview, list, task, bulk."),
        ({"view": 5}, r"view is a int \(5\); expected a text."),
        ({"view": "list"}, "choose a number in the overview"),
        ({"view": "list", "step": "Print", "status": "failed"}, "no step 'Print'; there is Extract, Answer"),
        ({"view": "list", "step": "Answer", "status": "lost"}, "no status 'lost'; there is pending, in_progress"),
        ({"view": "list", "step": "Answer"}, "There is no status ''"),
        ({"view": "list", "step": "Answer", "status": "failed", "cursor": "x" * 100_001}, "cursor has 100,001 char"),
        ({"view": "task"}, "No task was named: type its id"),
        ({"view": "task", "widgetContext": {"forms": {"all": {"task_id": " "}}}}, "No task was named"),
        ({"view": "task", "widgetContext": {"forms": {"all": {"task_id": 5}}}}, "task_id is a int"),
        ({"view": "task", "task_id": None}, r"task_id is a NoneType \(None\)"),
        ({"view": "task", "task_id": "x" * 2_049}, "task_id has 2,049 characters .*at most 2,048"),
    ],
)
def test_what_is_wrong_with_a_view(event: object, told: str) -> None:
    with pytest.raises(BadEventError, match=told):
        view_of(event, PIPELINE)


def test_a_list_is_narrowed_by_what_was_typed_or_by_what_a_button_says() -> None:
    place = {"view": "list", "step": "Extract", "status": "failed"}
    context: dict[str, Any] = {"forms": {"all": {"prefix": " in/ ", "error_text": "no page", "error_class": ""}}}
    searched = view_of({**place, "search": True, "widgetContext": context}, PIPELINE)
    assert searched == TaskList(StatusOfStep("Extract", "failed"), Narrowing("in/", "no page"))
    within = view_of({**place, "search": True, "kind": "k", "widgetContext": context}, PIPELINE)
    assert within == TaskList(StatusOfStep("Extract", "failed"), Narrowing("in/", "no page", kind="k"))
    turned = view_of({**place, "prefix": "b", "kind": "k", "start": 41, "back": True, "cursor": "c"}, PIPELINE)
    assert turned == TaskList(StatusOfStep("Extract", "failed"), Narrowing("b", kind="k"), "c", 41, back=True)
    assert view_of({**place, "view": "bulk", "kind": "k"}, PIPELINE) == Rehearsal(
        StatusOfStep("Extract", "failed"), Narrowing(kind="k")
    )


def test_a_deed_to_many() -> None:
    asked = {"action": "rerun", "act_on": "Extract", "request_id": REQUEST, "step": "Answer", "status": "ignored"}
    found = request_of({**asked, "until": NOON.isoformat(), "kind": "k", "done": 500, "why": "w"}, PIPELINE, NAMES)
    place = StatusOfStep("Answer", "ignored")
    assert found == BulkRequest("rerun", "Extract", place, Narrowing(kind="k"), NOON, REQUEST, "w", None, 500)


def test_a_pause() -> None:
    context: dict[str, Any] = {"forms": {"all": {"pause_reason": " outage ", "pause_hours": "1.5"}}}
    asked = {"action": "pause", "widgetContext": context}
    assert request_of(asked, PIPELINE, ADMIN_NAMES) == PauseRequest("pause", None, "outage", 1.5)
    # What is typed to pause is not about resuming.
    context["forms"]["all"]["pause_hours"] = "abc"
    one = request_of(
        {"action": "resume", "act_on": "Answer", "drawn": "a b", "widgetContext": context}, PIPELINE, ADMIN_NAMES
    )
    assert one == PauseRequest("resume", "Answer", drawn=["a", "b"])


@pytest.mark.parametrize("hours", ["never", "0", "0.0000000001", "-1", "nan", "inf", "99999"])
def test_hours_that_are_none(hours: str) -> None:
    context: dict[str, Any] = {"forms": {"all": {"pause_reason": "outage", "pause_hours": hours}}}
    with pytest.raises(BadEventError, match="For how many hours is"):
        request_of({"action": "pause", "widgetContext": context}, PIPELINE, ADMIN_NAMES)


def test_a_deed() -> None:
    context = {"forms": {"all": {"reason": " new questions "}}}
    deed = request_of({**DEED, "step": "Answer", "status": "ignored", "widgetContext": context}, PIPELINE, NAMES)
    assert isinstance(deed, ActionRequest)
    assert (deed.action, deed.step, deed.task_id, deed.request_id) == ("rerun", "Extract", "a", REQUEST)
    assert (deed.fingerprint, deed.reason, deed.back) == (
        DRAWN,
        "new questions",
        TaskList(StatusOfStep("Answer", "ignored")),
    )
    assert request_of(DEED, PIPELINE, NAMES).reason == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"request_id": ""}, "The request has no id"),
        ({"request_id": "x"}, "The request has no id"),
        ({"request_id": 1}, "request_id is a int"),
        ({"drawn": ""}, "does not say which state of the task"),
        ({"drawn": "x"}, "does not say which state of the task"),
        ({"drawn": None}, "drawn is a NoneType"),
        ({"until": "x", "step": "Extract", "status": "failed"}, "When it was rehearsed cannot be read"),
        ({"until": "2026-01-01", "step": "Extract", "status": "failed"}, "has no time zone"),
        ({"until": NOON.isoformat()}, "The list of which step was asked for is not said"),
        ({"action": "delete"}, "There is no action 'delete'; there is rerun, unignore, ignore, unlock"),
        ({"action": "__class__"}, "There is no action '__class__'"),
        ({"act_on": "Print"}, "There is no act_on 'Print'"),
        ({"task_id": ""}, "No task was named"),
        ({"widgetContext": {"forms": {"all": {"reason": ["x"]}}}}, "reason is a list"),
        ({"widgetContext": {"forms": {"all": {"reason": "x" * 2_001}}}}, "reason has 2,001 characters"),
    ],
)
def test_what_is_wrong_with_a_deed(change: dict[str, Any], told: str) -> None:
    with pytest.raises(BadEventError, match=told):
        request_of({**DEED, **change}, PIPELINE, NAMES)


@pytest.mark.parametrize(
    ("offset", "zone"),
    [
        ("+02:00", timezone(timedelta(hours=2))),
        ("-03:30", timezone(timedelta(hours=-3, minutes=-30))),
        ("+99:00", UTC),
        ("noon", UTC),
        (None, UTC),
    ],
)
def test_the_time_zone(offset: object, zone: object) -> None:
    assert surroundings_of({"widgetContext": {"timezone": {"offsetISO": offset}}}).zone == zone


def test_how_to_draw() -> None:
    drawn = surroundings_of({"widgetContext": {"theme": "dark", "width": 400, "dashboardName": "d", "accountId": "1"}})
    assert (drawn.dark, drawn.narrow, drawn.dashboard, drawn.account) == (True, True, "d", "1")
    plain = surroundings_of({"widgetContext": {"theme": ["dark"], "width": "400", "dashboardName": 5}})
    assert (plain.dark, plain.narrow, plain.dashboard) == (False, False, "")
