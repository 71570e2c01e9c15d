"""The three views as HTML: what stands in them, and that no value of a task becomes more than text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from status_tracker.core.errors import TaskUnreadableError
from status_tracker.core.history import failure
from status_tracker.core.port import KeptCounts, Look
from status_tracker.dynamodb import Count
from status_tracker.operations.pausing import Pause
from status_tracker.operations.pipeline import Pipeline, StatusOfStep
from status_tracker.operations.reasons import Reason
from status_tracker_ops.settings import WidgetSettings
from status_tracker_ops.widget.bulk import Rehearsed, rehearsal
from status_tracker_ops.widget.components import duration, message, page
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.events import Surroundings
from status_tracker_ops.widget.markup import visible, visible_line
from status_tracker_ops.widget.overview import overview
from status_tracker_ops.widget.reading import PAGE_SIZE, Counts, Group, Groups, TaskPage
from status_tracker_ops.widget.requests import Narrowing, Rehearsal, TaskList
from status_tracker_ops.widget.task_list import task_list
from status_tracker_ops.widget.task_view import SHOWN_ATTEMPTS, task_view
from tests.unit.widget.deployed import ACTOR, ADMIN, NOON, PIPELINE, VIEWER, WIDGET, ExtractTask, task
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


def counts(**numbers: int) -> Counts:
    codes = {code for step in PIPELINE for code in step.statuses.values()}
    return Counts({code: Count(numbers.get(f"c{code}", 0)) for code in codes})


def show(view: Any, around: Surroundings = AROUND) -> Page:
    html = page(around, view)
    assert len(html.encode()) < MAX_BYTES
    return Page(html)


def test_the_overview_opens_lists() -> None:
    shown = show(overview(WIDGET, AROUND, counts(c50=3, c40=2), []))
    assert shown.call("3 ignored in Extract").values == {"view": "list", "step": "Extract", "status": "ignored"}
    assert shown.call("2 pending in Answer").values == {"view": "list", "step": "Answer", "status": "pending"}
    assert shown.call("Open task").values == {"view": "task"}
    assert len([call for call in shown.calls if call.endpoint == VIEWER]) == 4  # what has no task opens nothing
    assert {call.label for call in shown.calls if call.endpoint != VIEWER} == {
        "Pause all steps",
        "Pause Extract",
        "Pause Answer",
    }
    both = "succeeded in Extract and pending in Answer"
    assert f"Tasks between two steps stand in both rows: {both} are the same." in shown.text


def test_what_was_not_counted_is_told() -> None:
    shown = show(overview(WIDGET, AROUND, Counts({**counts().by_code, 10: Count(10_000, more=True)}), []))
    assert "10,000+" in shown.text
    assert "With + there are more" in shown.text
    assert "10000 or more pending in Extract" in shown.labels()


def test_what_the_last_sweep_saw_is_told_as_of_then() -> None:
    now = PIPELINE.first.task_class.config.now()

    def ago(minutes: int) -> datetime:
        return now - timedelta(minutes=minutes)

    looks = [Look(ago(12), {90: 10}), Look(ago(3), {90: 15}, {10: ago(68), 20: ago(9), 40: ago(5), 7: ago(4)})]
    kept = KeptCounts({10: 1, 40: 2}, exact=True, recounted_at=now, ended={90: 1_210, 40: 99}, looks=looks)
    shown = show(overview(WIDGET, AROUND, replace(counts(c10=1, c40=2), kept=kept), []))
    assert re.search(r"Tasks that have ended in the last 12 min \d s: 1,200\.", shown.text)
    assert re.search(
        r"The oldest, 3 min \d s ago: pending in Extract for 1 h 5 min, pending in Answer for 2 min 0 s\.", shown.text
    )
    unseen = replace(kept, looks=[], ended={})
    assert "ago" not in show(overview(WIDGET, AROUND, replace(counts(c10=1), kept=unseen), [])).text


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_every_view_in_every_form(narrow: bool, dark: bool) -> None:
    around = Surroundings(dark=dark, narrow=narrow)
    tasks = [task(f"{number}.pdf", 50) for number in range(3)]
    for view in (
        overview(WIDGET, around, counts(c10=1), []),
        task_list(WIDGET, around, TaskList(IGNORED), TaskPage(tasks, "next")),
        task_view(WIDGET, around, tasks[0], TaskList(IGNORED)),
    ):
        shown = show(view, around)
        classes = (shown.root["class"] or "").split()
        assert shown.root["lang"] == "en"
        assert ("dark" in classes, "narrow" in classes) == (dark, narrow)
        assert "cwdb-no-default-styles" in classes


def test_a_list_tells_error_attempts_age_and_lock() -> None:
    failed = task("a.pdf", 30, retry=2, errors={"history": [failure(2, "t", "ValueError('no page')", "trace")]})
    shown = show(task_list(WIDGET, AROUND, TaskList(StatusOfStep("Extract", "failed")), TaskPage([failed], None)))
    for told in ("a.pdf", "no page ValueError", "2", "1 h 0 min", "none", "1, the oldest first"):
        assert told in shown.text
    back = {"step": "Extract", "status": "failed"}
    assert shown.call("a.pdf").values == {"view": "task", "task_id": "a.pdf", **back}
    assert "Next page" not in shown.labels()


def test_locks() -> None:
    held = task("held", 20, lock="x", lock_expire_time=NOON + timedelta(minutes=3))
    stuck = task("stuck", 20, lock="x", lock_expire_time=NOON - timedelta(seconds=5))
    shown = show(
        task_list(WIDGET, AROUND, TaskList(StatusOfStep("Extract", "in_progress")), TaskPage([held, stuck], None))
    )
    assert "held for 3 min 0 s more" in shown.text
    assert "stuck: lease over for 5 s" in shown.text


def test_pages_of_a_list() -> None:
    tasks = [task(str(number), 50) for number in range(PAGE_SIZE)]
    first = show(task_list(WIDGET, AROUND, TaskList(IGNORED), TaskPage(tasks, "cursor")))
    place = {"view": "list", "step": "Extract", "status": "ignored"}
    assert first.call("Next page").values == {**place, "cursor": "cursor", "start": 21}
    assert not {"First page", "Previous page"} & set(first.labels())
    second = TaskPage(tasks, None, "before", total=Count(40))
    last = show(task_list(WIDGET, AROUND, TaskList(IGNORED, cursor="c", start=21), second))
    assert "21–40 of 40, the newest first" in last.text  # noqa: RUF001
    assert last.call("First page").values == last.call("Previous page").values == place
    third = show(task_list(WIDGET, AROUND, TaskList(IGNORED, cursor="c", start=41), second))
    assert third.call("Previous page").values == {**place, "cursor": "before", "start": 21, "back": True}
    empty = show(task_list(WIDGET, AROUND, TaskList(IGNORED), TaskPage([], None)))
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


@pytest.mark.parametrize(
    ("status", "attributes", "offered"),
    [
        (10, {}, ["Cancel in Extract", "Delete"]),
        (50, {}, ["Delete"]),
        (90, {}, ["Delete"]),
        (70, {"lock": "x", "lock_expire_time": NOON + timedelta(seconds=1)}, ["Cancel in Answer"]),
    ],
)
def test_what_administrators_may_do_is_asked_of_another_function(
    status: int, attributes: dict[str, Any], offered: list[str]
) -> None:
    found = task("a", status, **attributes)
    shown = show(task_view(WIDGET, AROUND, found, None))
    assert [call.label for call in shown.calls if call.endpoint == ADMIN] == offered
    assert all(call.confirmation for call in shown.calls if call.endpoint == ADMIN)
    without = show(task_view(replace(WIDGET, deletes=False), AROUND, found, None))
    assert "Delete" not in without.labels()


def test_the_overview_leads_to_other_use_cases() -> None:
    settings = WidgetSettings(
        VIEWER, ACTOR, ADMIN, ("a",), widget_beside=("or%2Cders%3D1=arn:aws:lambda:x:1:function:orders-widget-viewer",)
    )
    assert WidgetSettings.from_environment(settings.to_environment()) == settings
    shown = show(overview(DeployedWidget.of(PIPELINE, settings), AROUND, counts(), []))
    found = shown.call("or,ders=1")
    assert (found.endpoint, found.values) == (
        "arn:aws:lambda:x:1:function:orders-widget-viewer",
        {"view": "overview"},
    )
    assert shown.text.startswith("pdf_processing")
    assert not show(overview(WIDGET, AROUND, counts(), [])).text.startswith("pdf_processing")


def test_a_pause_tells_why_since_when_until_when_and_by_whom() -> None:
    pause = Pause("Extract", "outage <b>", "ann", NOON - timedelta(hours=1), NOON + timedelta(hours=2))
    shown = show(overview(WIDGET, AROUND, counts(), [pause, replace(pause, step=None, until=None, by=None)]))
    for told in (
        "Extract is paused: outage <b>",
        "For 1 h 0 min, since 2026-03-02 11:00:00 UTC, until 2026-03-02 14:00:00 UTC, by ann",
        "All steps are paused: outage <b>",
        "until somebody resumes it, by somebody",
    ):
        assert told in shown.text
    both, one = shown.call("Resume all"), shown.call("Resume Extract")
    assert (one.values["act_on"], both.values["action"], "act_on" in both.values) == ("Extract", "resume", False)
    assert one.values["drawn"] == both.values["drawn"].split()[0]
    assert both.confirmation == (
        "Resume all\n\nWork begins again. This ends:\nExtract: outage <b> (ann, since 2026-03-02 11:00 UTC)\n"
        "All steps: outage <b> (somebody, since 2026-03-02 11:00 UTC)"
    )
    assert shown.call("Pause Answer").values == {"action": "pause", "act_on": "Answer"}
    assert {call.endpoint for call in shown.calls if "action" in call.values} == {ADMIN}


def test_pauses_that_cannot_be_read_hide_no_count() -> None:
    shown = show(overview(WIDGET, AROUND, counts(c50=3), ValueError("no JSON")))
    assert "What is paused cannot be read: ValueError: no JSON" in shown.text
    assert "3 ignored in Extract" in shown.labels()


def test_reasons_are_grouped_and_each_group_has_its_actions() -> None:
    groups = [Group(Reason("NonRetryableError", "page 3 is a scan"), 18), Group(Reason("", "ignore: a copy"), 1)]
    found = TaskPage([task("a", 50)], groups=Groups([*groups, *[Group(Reason("E", "x"), 1)] * 9], 500, all=False))
    shown = show(task_list(WIDGET, AROUND, TaskList(IGNORED), found))
    assert "Why, of the newest 500." in shown.text
    assert "18 ×page 3 is a scan NonRetryableError" in shown.text  # noqa: RUF001
    assert "3 more have other reasons." in shown.text
    all_of_them = shown.call("Show all reasons").values
    assert all_of_them == {"view": "list", "step": "Extract", "status": "ignored", "all_reasons": True}
    everything = show(task_list(WIDGET, AROUND, TaskList(IGNORED, all_reasons=True), found))
    assert (everything.text.count("Act on them…"), "other reasons" in everything.text) == (11, False)
    kind = {"step": "Extract", "status": "ignored", "kind": "NonRetryableError: page # is a scan"}
    assert shown.call("List: 18 × page 3 is a scan").values == {"view": "list", **kind}  # noqa: RUF001
    assert shown.call("Act on: 18 × page 3 is a scan").values == {"view": "bulk", **kind}  # noqa: RUF001


def test_a_narrowed_list_says_so_keeps_what_was_typed_and_leads_back() -> None:
    narrowed = Narrowing("in/", "no page", "ValueError")
    shown = show(task_list(WIDGET, AROUND, TaskList(IGNORED, narrowed), TaskPage([task("in/a", 50)], "c", examined=9)))
    assert shown.typed == {"prefix": "in/", "error_text": "no page", "error_class": "ValueError"}
    assert "Ids begin with: in/" in shown.text
    assert "9 tasks were searched so far." in shown.text
    place = {"step": "Extract", "status": "ignored"}
    assert shown.call("Search on").values == {"view": "list", **place, **narrowed.values(), "cursor": "c", "start": 2}
    assert shown.call("Act on all of the list…").values == {"view": "bulk", **place, **narrowed.values()}
    assert shown.call("All ignored in Extract").values == {"view": "list", **place}
    assert shown.call("Search").values == {"view": "list", "search": True, **place}
    assert shown.call("in/a").values == {"view": "task", "task_id": "in/a", **place, **narrowed.values()}
    of_reason = show(task_list(WIDGET, AROUND, TaskList(IGNORED, Narrowing(kind="k")), TaskPage([], None)))
    assert of_reason.call("Search").values == {"view": "list", "search": True, **place, "kind": "k"}


def test_a_task_leads_back_to_the_page_of_the_list_that_it_stands_in() -> None:
    page = TaskList(IGNORED, Narrowing(kind="k"), "c", 41)
    shown = show(task_list(WIDGET, AROUND, page, TaskPage([task("a", 50)], None)))
    back = {"step": "Extract", "status": "ignored", "kind": "k", "cursor": "c", "start": 41}
    assert shown.call("a").values == {"view": "task", "task_id": "a", **back}
    shown = show(task_view(WIDGET, AROUND, task("a", 50), page))
    assert shown.call("Extract: ignored").values == {"view": "list", **back}
    assert shown.call("Rerun from Extract").values.items() >= back.items()


def test_a_long_reason_is_short_in_the_names_of_its_buttons() -> None:
    group = Group(Reason("ValueError", "ab " * 400), 2)
    found = TaskPage([task("a", 50)], groups=Groups([group], 2, all=True))
    shown = show(task_list(WIDGET, AROUND, TaskList(IGNORED), found))
    assert max(len(label) for label in shown.labels()) < 130


def test_an_item_that_is_no_task_is_a_row_that_says_so() -> None:
    broken = TaskUnreadableError("The item 'x' cannot be read: run is 'one'.", use_case_id="u", task_id="x<b>")
    for narrow in (False, True):
        shown = show(
            task_list(WIDGET, Surroundings(narrow=narrow), TaskList(IGNORED), TaskPage([broken, task("good", 50)]))
        )
        assert "x<b>cannot be read: The item 'x' cannot be read: run is 'one'." in shown.text
        assert "good" in shown.labels()
        assert shown.call("x<b>").values["view"] == "task"


def test_a_rehearsal_says_what_matches_and_each_button_what_it_does() -> None:
    asked = Rehearsal(IGNORED, Narrowing(kind="NonRetryableError: \u202epage\n# is"))
    shown = show(rehearsal(WIDGET, asked, Rehearsed(NOON, Count(18), None, ["a", "b"])))
    assert "18 tasks match. Nothing was changed yet." in shown.text
    assert "These are the newest of them." in shown.text
    button = shown.call("Rerun from Extract: 18 tasks")
    assert button.confirmation == (
        "Rerun from Extract: 18 tasks, ignored in Extract\nreason NonRetryableError: \\u202epage\\u000a# is\n\n"
        "Of each: It becomes pending in Extract, its attempts count anew, and a new run starts at once."
    )
    assert button.values.pop("request_id")
    assert button.values == {
        "action": "rerun",
        "act_on": "Extract",
        "until": NOON.isoformat(),
        "step": "Extract",
        "status": "ignored",
        **asked.narrowed.values(),
    }
    assert {call.label: call.endpoint for call in shown.calls if "until" in call.values} == {
        "Rerun from Extract: 18 tasks": ACTOR,
        "Un-ignore in Extract: 18 tasks": ACTOR,
        "Delete: 18 tasks": ADMIN,
    }
    nothing = show(rehearsal(WIDGET, asked, Rehearsed(NOON, Count(0), 2_000, [], rest="c")))
    assert "No task matches among the newest 2,000. Nothing was changed yet." in nothing.text
    assert not [call for call in nothing.calls if "action" in call.values]
    on = {"view": "bulk", "step": "Extract", "status": "ignored", **asked.narrowed.values(), "cursor": "c"}
    assert nothing.call("Search on").values == on
    further = replace(asked, cursor="c")
    assert "among the next 2,000." in show(rehearsal(WIDGET, further, Rehearsed(NOON, Count(0), 2_000, []))).text
    found = show(rehearsal(WIDGET, further, Rehearsed(NOON, Count(1), None, ["a"])))
    assert found.call("Rerun from Extract: 1 task").values["cursor"] == "c"
    kept = show(rehearsal(WIDGET, Rehearsal(IGNORED), Rehearsed(NOON, Count(9_000), None, ["a"], about=True)))
    assert "About 9,000 tasks match." in kept.text
    assert "Delete: about 9,000 tasks" in kept.labels()


def test_a_button_says_what_it_will_do_to_which_task_and_acts_once() -> None:
    found = task("a \u202e.pdf\n\nIt was\tdone", 100)
    pages = [show(task_view(WIDGET, AROUND, found, TaskList(StatusOfStep("Answer", "ignored")))) for _ in range(2)]
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
        "time 19 · attempt 2019 ValueErrorTraceback 19",
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
    show(task_list(WIDGET, AROUND, TaskList(IGNORED, cursor="c", start=21), TaskPage(tasks, "c" * 60_000)))


@settings(max_examples=150)
@given(task_id=IDS, errors=ERRORS, data=JSON, narrow=st.booleans(), status=st.sampled_from([10, 20, 30, 40, 50, 100]))
def test_no_task_adds_an_element_or_an_attribute(
    task_id: str, errors: Any, data: Any, narrow: bool, status: int
) -> None:
    around = Surroundings(narrow=narrow)
    found = task(task_id, status, errors=errors, data=data)
    for view in (
        task_view(WIDGET, around, found, TaskList(IGNORED)),
        task_list(WIDGET, around, TaskList(IGNORED), TaskPage([found], None)),
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
    one = replace(WIDGET, pipeline=Pipeline({"Extract": ExtractTask}), deletes=False)
    assert "Answer" not in show(overview(one, AROUND, counts(c10=1), [])).text
    assert [call.label for call in show(task_view(one, AROUND, task(status=40), None)).calls] == [
        "Overview",
        "Rerun from Extract",
    ]
    assert "Pause work" in show(overview(one, AROUND, counts(), [])).text
