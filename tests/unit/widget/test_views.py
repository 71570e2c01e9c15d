"""The three views as HTML: what stands in them, and that no value of a task becomes more than text."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from status_tracker.core.history import failure
from status_tracker.dynamodb import Count
from status_tracker.operations.pipeline import Pipeline, StatusOfStep
from status_tracker_ops.widget.components import duration, message, page
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.markup import visible, visible_line
from status_tracker_ops.widget.overview import overview
from status_tracker_ops.widget.reading import PAGE_SIZE, TaskPage
from status_tracker_ops.widget.requests import Surroundings
from status_tracker_ops.widget.task_list import task_list
from status_tracker_ops.widget.task_view import SHOWN_ATTEMPTS, task_view
from tests.unit.widget.deployed import ACTOR, NOON, PIPELINE, VIEWER, WIDGET, ExtractTask, task
from tests.unit.widget.page import Page
from tests.unit.widget.test_markup import TEXTS

IGNORED = StatusOfStep("Extract", "ignored")
AROUND = Surroundings()
MAX_BYTES = 1_000_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
RECORD = st.dictionaries(
    st.sampled_from(["error", "traceback", "nth_retry", "update_time", "action", "reason", "by", "times"]), JSON
)
ERRORS = st.one_of(
    JSON,
    st.fixed_dictionaries({"history": st.lists(RECORD, max_size=4), "actions": st.lists(RECORD, max_size=4)}),
    st.fixed_dictionaries({"history": JSON, "actions": JSON, "dropped": JSON}),
)


def _is_an_id(text: str) -> bool:
    try:
        return 0 < len(text.encode()) < 2_000
    except UnicodeEncodeError:
        return False


IDS = TEXTS.filter(_is_an_id)


def counts(**numbers: int) -> dict[int, Count]:
    codes = {code for step in PIPELINE for code in step.statuses.values()}
    return {code: Count(numbers.get(f"c{code}", 0)) for code in codes}


def show(view: Any, around: Surroundings = AROUND) -> Page:
    html = page(around, view)
    assert len(html.encode()) < MAX_BYTES
    return Page(html)


def test_the_overview_opens_lists() -> None:
    shown = show(overview(WIDGET, AROUND, counts(c50=3, c40=2)))
    assert shown.call("3 ignored in Extract").values == {"view": "list", "step": "Extract", "status": "ignored"}
    assert shown.call("2 pending in Answer").values == {"view": "list", "step": "Answer", "status": "pending"}
    assert shown.call("Open task").values == {"view": "task"}
    assert {call.endpoint for call in shown.calls} == {VIEWER}
    assert len(shown.calls) == 4  # what has no task opens nothing
    both = "succeeded in Extract and pending in Answer"
    assert f"Tasks between two steps stand in both rows: {both} are the same." in shown.text


def test_what_was_not_counted_is_told() -> None:
    shown = show(overview(WIDGET, AROUND, {**counts(), 10: Count(10_000, more=True)}))
    assert "10,000+" in shown.text
    assert "With + there are more" in shown.text
    assert "10000 or more pending in Extract" in shown.labels()


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_every_view_in_every_form(narrow: bool, dark: bool) -> None:
    around = Surroundings(dark=dark, narrow=narrow)
    tasks = [task(f"{number}.pdf", 50) for number in range(3)]
    for view in (
        overview(WIDGET, around, counts(c10=1)),
        task_list(WIDGET, around, IGNORED, TaskPage(tasks, "next"), first=True),
        task_view(WIDGET, around, tasks[0], IGNORED),
    ):
        shown = show(view, around)
        classes = (shown.root["class"] or "").split()
        assert shown.root["lang"] == "en"
        assert ("dark" in classes, "narrow" in classes) == (dark, narrow)
        assert "cwdb-no-default-styles" in classes


def test_a_list_tells_error_attempts_age_and_lock() -> None:
    failed = task("a.pdf", 30, retry=2, errors={"history": [failure(2, "t", "ValueError('no page')", "trace")]})
    shown = show(task_list(WIDGET, AROUND, StatusOfStep("Extract", "failed"), TaskPage([failed], None), first=True))
    for told in ("a.pdf", "ValueError('no page')", "2", "1 h 0 min", "none", "The oldest first"):
        assert told in shown.text
    back = {"step": "Extract", "status": "failed"}
    assert shown.call("a.pdf").values == {"view": "task", "task_id": "a.pdf", **back}
    assert "Next page" not in shown.labels()


def test_locks() -> None:
    held = task("held", 20, lock="x", lock_expire_time=NOON + timedelta(minutes=3))
    stuck = task("stuck", 20, lock="x", lock_expire_time=NOON - timedelta(seconds=5))
    shown = show(
        task_list(WIDGET, AROUND, StatusOfStep("Extract", "in_progress"), TaskPage([held, stuck], None), first=True)
    )
    assert "held for 3 min 0 s more" in shown.text
    assert "stuck: lease over for 5 s" in shown.text


def test_pages_of_a_list() -> None:
    tasks = [task(str(number), 50) for number in range(PAGE_SIZE)]
    first = show(task_list(WIDGET, AROUND, IGNORED, TaskPage(tasks, "cursor"), first=True))
    place = {"view": "list", "step": "Extract", "status": "ignored"}
    assert first.call("Next page").values == {**place, "cursor": "cursor"}
    assert "First page" not in first.labels()
    last = show(task_list(WIDGET, AROUND, IGNORED, TaskPage([], None), first=False))
    assert last.call("First page").values == place
    empty = show(task_list(WIDGET, AROUND, IGNORED, TaskPage([], None), first=True))
    assert "No task is ignored in Extract." in empty.text


@pytest.mark.parametrize(
    ("status", "attributes", "offered"),
    [
        (10, {}, ["Rerun from Extract", "Ignore in Extract"]),
        (50, {}, ["Rerun from Extract", "Un-ignore in Extract"]),
        (40, {}, ["Rerun from Extract", "Rerun from Answer", "Ignore in Answer"]),
        (80, {}, ["Rerun from Extract", "Rerun from Answer", "Ignore in Answer"]),
        (90, {}, ["Rerun from Extract", "Rerun from Answer"]),
        (100, {}, ["Rerun from Extract", "Rerun from Answer", "Un-ignore in Answer"]),
        (70, {"lock": "x", "lock_expire_time": NOON + timedelta(seconds=1)}, ["Unlock in Answer"]),
        (
            70,
            {"lock": "x", "lock_expire_time": NOON},
            ["Rerun from Extract", "Rerun from Answer", "Ignore in Answer", "Unlock in Answer"],
        ),
        (60, {}, ["Rerun from Extract"]),
        (5, {}, []),
    ],
)
def test_what_the_rules_would_refuse_is_not_offered(
    status: int, attributes: dict[str, Any], offered: list[str]
) -> None:
    model = PIPELINE.step_at(status).task_class
    found = model(key="pdf_processing____a", value="x", status=status, **attributes)
    shown = show(task_view(WIDGET, AROUND, found, None))
    assert [call.label for call in shown.calls if call.endpoint == ACTOR] == offered
    assert ("A worker holds it." in shown.text) is (offered == ["Unlock in Answer"])


def test_a_button_says_what_it_will_do_to_which_task_and_acts_once() -> None:
    found = task("a \u202e.pdf\n\nIt was\tdone", 100)
    pages = [show(task_view(WIDGET, AROUND, found, StatusOfStep("Answer", "ignored"))) for _ in range(2)]
    calls = [shown.call("Rerun from Answer") for shown in pages]
    assert calls[0].confirmation is not None
    assert calls[0].confirmation.startswith(
        "Rerun from Answer: a \\u202e.pdf\\u000a\\u000aIt was\\u0009done\n\nIt becomes pending in Answer"
    )
    ids = [call.values.pop("request_id") for call in (*calls, pages[0].call("Rerun from Extract"))]
    assert len(set(ids)) == 3
    drawn = {call.values.pop("drawn") for call in (*calls, pages[0].call("Rerun from Extract"))}
    assert len(drawn) == 1
    assert calls[0].values == {
        "action": "rerun",
        "act_on": "Answer",
        "task_id": "a \u202e.pdf\n\nIt was\tdone",
        "step": "Answer",
        "status": "ignored",
    }


def test_a_task_in_full() -> None:
    errors = {
        "history": [failure(n + 1, f"time {n}", f"ValueError('{n}')", f"Traceback {n}") for n in range(20)],
        "dropped": 7,
        "actions": [
            {"action": "rerun", "reason": "why not", "by": "somebody", "update_time": "then", "id": "1"},
            {"action": "restart", "reason": "sweep", "by": "sweep", "update_time": "now", "id": "2", "times": 3},
        ],
    }
    found = task("a.pdf", 30, errors=errors, data={"pages": [1, 2]}, run=2, fence=9, retry=1)
    found.not_before = NOON + timedelta(minutes=1)
    shown = show(task_view(WIDGET, Surroundings(zone=timezone(timedelta(hours=2))), found, None))
    for told in (
        "failed in Extract (30)",
        "1 in a row, of at most 3",
        "for 1 h 0 min, since 2026-03-02 13:00:00 UTC+02:00",
        "time 19 · attempt 20ValueError('19')Traceback 19",
        "15 more are not shown.",
        "restart, 3 timessweepsweepnow",
        "rerunwhy notsomebodythen",
        '"pages": [\n    1,\n    2\n  ]',
        "Run2",
        "Fence9",
        "Not before2026-03-02 14:01:00",
    ):
        assert told in shown.text
    assert shown.text.count("Traceback ") == SHOWN_ATTEMPTS
    execution, logs = shown.links
    assert execution.startswith("https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/")
    assert execution.endswith("-2")
    assert "logs-insights$3FqueryDetail$3D~" in logs


def test_a_huge_task_is_cut_and_says_so() -> None:
    history = [{"error": "e" * 50_000, "traceback": "t" * 300_000}] * 40
    errors = {"history": history, "actions": [{"action": "<" * 99}] * 4_000}
    found = task("x" * 2_000, 50, errors=errors, data={"text": "<" * 330_000})
    shown = show(task_view(WIDGET, AROUND, found, None))
    assert "characters are not shown." in shown.text
    assert "28 more are not shown." in shown.text


def test_a_page_of_huge_ids_and_errors_is_small_enough() -> None:
    hostile = {"history": [{"error": "<" * 100_000}]}
    tasks = [task("😀" * 500 + str(number), 50, errors=hostile) for number in range(PAGE_SIZE)]
    show(task_list(WIDGET, AROUND, IGNORED, TaskPage(tasks, "c" * 60_000), first=False))


@settings(max_examples=150)
@given(task_id=IDS, errors=ERRORS, data=JSON, narrow=st.booleans(), status=st.sampled_from([10, 20, 30, 40, 50, 100]))
def test_no_task_adds_an_element_or_an_attribute(
    task_id: str, errors: Any, data: Any, narrow: bool, status: int
) -> None:
    around = Surroundings(narrow=narrow)
    found = task(task_id, status, errors=errors, data=data)
    for view in (
        task_view(WIDGET, around, found, IGNORED),
        task_list(WIDGET, around, IGNORED, TaskPage([found], None), first=True),
    ):
        shown = show(view, around)
        assert {call.values["task_id"] for call in shown.calls if "task_id" in call.values} <= {task_id}
        for call in shown.calls:
            assert call.confirmation is None or visible_line(task_id) in call.confirmation


@given(TEXTS, st.booleans())
def test_no_message_adds_an_element_or_an_attribute(text: str, failed: bool) -> None:
    assert show(message("Done", text, failed=failed)).text.endswith(visible(text))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h"), (10**8, "1,157 d 9 h")],
)
def test_durations(seconds: int, told: str) -> None:
    assert duration(timedelta(seconds=seconds)) == told


def test_a_step_more_is_a_row_more() -> None:
    """Nothing is written down per step: what the pipeline has is shown."""
    one = DeployedWidget(
        pipeline=Pipeline({"Extract": ExtractTask}), viewer_arn=VIEWER, actor_arn=ACTOR, links=WIDGET.links
    )
    assert "Answer" not in show(overview(one, AROUND, counts(c10=1))).text
    assert [call.label for call in show(task_view(one, AROUND, task(status=40), None)).calls] == [
        "Overview",
        "Rerun from Extract",
    ]
