"""The widget's two functions: what they show, what they do, and that nothing else happens."""

from __future__ import annotations

import importlib
import json
import re
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from status_tracker.operations.pipeline import StatusOfStep
from status_tracker_ops.settings import WidgetSettings
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.reading import PAGE_SIZE, Patience, read_page
from status_tracker_ops.widget.requests import Narrowing, TaskList
from tests.handlers.support import Application, FakeContext, Log
from tests.unit.widget.page import Call, Page

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[Any, FakeContext], str]

VIEWER = "arn:aws:lambda:us-east-1:123456789012:function:viewer"
ACTOR = "arn:aws:lambda:us-east-1:123456789012:function:actor"
ADMIN = "arn:aws:lambda:us-east-1:123456789012:function:admin"
HOSTILE_IDS = [
    '"><script>alert(1)</script>',
    "</cwdb-action><b>",
    "'\"&<>\n\t\x01",
    "\u202efdp😀",
    "x" * 2_000,
    "pdf_processing____a",
]


class Widget:
    """The widget as CloudWatch drives it."""

    def __init__(self, app: Application) -> None:
        self.app = app
        module = importlib.import_module("status_tracker_ops.deployed.widget")
        self.viewer: Handler = module.viewer
        self.actor: Handler = module.actor
        self.admin: Handler = module.admin

    def show(self, event: Any) -> Page:
        return Page(self.viewer(event, FakeContext()))

    def view(self, **params: Any) -> Page:
        return self.show({**params, "widgetContext": context()})

    def press(self, call: Call, **forms: str) -> Page:
        """Press a button: CloudWatch sends its values, and what was typed."""
        function = {VIEWER: self.viewer, ACTOR: self.actor, ADMIN: self.admin}[call.endpoint]
        event = {**call.values, "widgetContext": context(forms=forms)}
        return Page(function(json.loads(json.dumps(event)), FakeContext(aws_request_id="request-7")))

    def item(self, task_id: str) -> dict[str, Any]:
        return self.app.task(task_id).to_dict()


def forged(cursor: object) -> str:
    return b64encode(json.dumps(cursor).encode()).decode()


def context(**changes: Any) -> dict[str, Any]:
    told = {"dashboardName": "status-tracker-prod", "accountId": "123456789012", "theme": "light", "width": 900}
    return {**told, "forms": {"all": changes.pop("forms", {})}, **changes}


@pytest.fixture
def widget(app: Application, monkeypatch: pytest.MonkeyPatch) -> Widget:
    monkeypatch.setenv("WIDGET_VIEWER_ARN", VIEWER)
    monkeypatch.setenv("WIDGET_ACTOR_ARN", ACTOR)
    monkeypatch.setenv("WIDGET_ADMIN_ARN", ADMIN)
    monkeypatch.setenv("WIDGET_DELETES", "yes")
    monkeypatch.setenv("LOG_GROUPS", "intake,extract,answer")
    return Widget(app)


def make(widget: Widget, task_id: str, status: int = 10, **attributes: Any) -> None:
    step = widget.app.tasks.ExtractTask if status <= 50 else widget.app.tasks.AnswerTask
    step.make_and_save(task_id, _status=status, **attributes)


def test_from_the_overview_to_a_rerun(widget: Widget) -> None:
    make(widget, "a.pdf#1", 50)
    found = widget.press(widget.view().call("1 ignored in Extract"))
    task = widget.press(found.call("a.pdf#1"))
    after = widget.press(task.call("Rerun from Extract"), reason=" new questions ")
    assert "Done: Rerun. a.pdf#1 is now pending in Extract, run 1." in after.text
    assert "No task is ignored in Extract." in after.text
    stored = widget.app.task("a.pdf#1")
    (action,) = stored.errors["actions"]
    assert (action["action"], action["reason"]) == ("rerun", "new questions")
    assert action["by"] == "CloudWatch dashboard status-tracker-prod of account 123456789012, Lambda request-7"
    (execution,) = widget.app.executions()
    assert json.loads(execution["input"]) == {"run": 1, "task_id": "a.pdf#1"}
    assert "new questions" in widget.press(after.call("a.pdf#1")).text


def test_a_second_click_does_nothing(widget: Widget) -> None:
    make(widget, "a.pdf#1", 90)
    button = widget.view(view="task", task_id="a.pdf#1").call("Rerun from Extract")
    widget.press(button)
    before = widget.item("a.pdf#1")
    assert "is now pending in Extract, run 1." in widget.press(button).text
    assert widget.item("a.pdf#1") == before
    assert len(widget.app.executions()) == 1
    (action,) = before["errors"]["actions"]
    assert action["reason"] == "No reason was given, in the CloudWatch dashboard."


def test_the_step_it_is_in_can_be_rerun_alone(widget: Widget) -> None:
    make(widget, "a.pdf#1", 100)
    after = widget.press(widget.view(view="task", task_id="a.pdf#1").call("Rerun from Answer"))
    assert "is now pending in Answer, run 1." in after.text
    assert widget.app.task("a.pdf#1").status == 40


def test_ignore_and_unignore(widget: Widget) -> None:
    make(widget, "a.pdf#1", 80)
    after = widget.press(widget.view(view="task", task_id="a.pdf#1").call("Ignore in Answer"))
    assert "Done: Ignored. a.pdf#1 is now ignored in Answer, run 0." in after.text
    assert widget.app.executions() == []
    after = widget.press(widget.view(view="task", task_id="a.pdf#1").call("Un-ignore in Answer"))
    assert "Done: Un-ignored. a.pdf#1 is now pending in Answer, run 1." in after.text
    assert len(widget.app.executions()) == 1


def test_unlock_while_a_worker_holds_it(widget: Widget) -> None:
    tasks = widget.app.tasks
    make(widget, "a.pdf#1")
    with pytest.raises(tasks.st.TaskLockLostError), tasks.ExtractTask.start("a.pdf#1"):
        shown = widget.view(view="task", task_id="a.pdf#1")
        assert "A worker holds it." in shown.text
        widget.press(shown.call("Unlock in Extract"))
        assert not widget.app.task("a.pdf#1").is_locked()
    assert len(widget.app.executions()) == 1


def test_what_has_changed_meanwhile_is_refused_and_told(widget: Widget) -> None:
    make(widget, "a.pdf#1", 30)
    button = widget.view(view="task", task_id="a.pdf#1").call("Ignore in Extract")
    with widget.app.tasks.ExtractTask.start("a.pdf#1"):
        before = widget.item("a.pdf#1")
        after = widget.press(button)
        assert "Not done: Task(" in after.text
        assert "locked" in after.text
        assert widget.item("a.pdf#1") == before


def work_on(widget: Widget, task_id: str) -> None:
    for step in (widget.app.tasks.ExtractTask, widget.app.tasks.AnswerTask):
        with step.start(task_id):
            pass


@pytest.mark.parametrize("label", ["Rerun from Extract", "Un-ignore in Extract"])
def test_a_button_of_an_old_page_does_nothing_to_a_task_that_went_on(widget: Widget, label: str) -> None:
    make(widget, "a.pdf#1", 50)
    pages = [widget.view(view="task", task_id="a.pdf#1") for _ in range(2)]
    widget.press(pages[0].call(label))
    work_on(widget, "a.pdf#1")
    before = widget.item("a.pdf#1")
    after = widget.press(pages[1].call("Rerun from Extract"))
    assert "Not done: a.pdf#1 has changed since its page was drawn: it is succeeded in Answer now, run 1." in after.text
    assert widget.item("a.pdf#1") == before
    assert len(widget.app.executions()) == 1


OTHERS_DEEDS: dict[str, Callable[[Any], object]] = {
    "rerun": lambda tasks: tasks.ExtractTask.rerun("a.pdf#1", reason="x"),
    "ignored": lambda tasks: tasks.ExtractTask.ignore("a.pdf#1", reason="x"),
    "restarted": lambda tasks: tasks.ExtractTask.restart("a.pdf#1", run=0, reason="x"),
    "unlocked": lambda tasks: tasks.ExtractTask.unlock("a.pdf#1", reason="x"),
    "made anew": lambda tasks: (tasks.ExtractTask("pdf_processing____a.pdf#1").delete(), make_stuck(tasks)),
}


def make_stuck(tasks: Any) -> None:
    """A task whose worker has vanished; whatever is done to it, its first step can be run again."""
    long_ago = tasks.ExtractTask.config.now() - timedelta(hours=1)
    locked = {"lock": "x", "lock_time": long_ago, "lock_expire_time": long_ago, "fence": 1}
    tasks.ExtractTask.make_and_save("a.pdf#1", data={}, _status=20, **locked)


@pytest.mark.parametrize("other", OTHERS_DEEDS.values(), ids=OTHERS_DEEDS)
@pytest.mark.parametrize("meanwhile", ["before the click", "between reading and writing"])
def test_what_anybody_has_done_since_makes_a_button_old(
    widget: Widget, monkeypatch: pytest.MonkeyPatch, other: Callable[[Any], object], meanwhile: str
) -> None:
    make_stuck(widget.app.tasks)
    button = widget.view(view="task", task_id="a.pdf#1").call("Rerun from Extract")
    seen = []

    def write(store: Any, asked: Any) -> Any:
        monkeypatch.undo()
        other(widget.app.tasks)
        seen.append(widget.item("a.pdf#1"))
        return store.write(asked)

    if meanwhile == "before the click":
        other(widget.app.tasks)
        seen.append(widget.item("a.pdf#1"))
    else:
        monkeypatch.setattr("status_tracker.dynamodb.store.DynamoStore.write", write)
    assert "Not done: a.pdf#1 has changed since its page was drawn" in widget.press(button).text
    assert seen == [widget.item("a.pdf#1")]
    assert widget.app.executions() == []


def test_a_repeated_click_is_done_whatever_became_of_the_task(widget: Widget) -> None:
    make(widget, "a.pdf#1", 50)
    button = widget.view(view="task", task_id="a.pdf#1").call("Rerun from Extract")
    widget.press(button)
    work_on(widget, "a.pdf#1")
    before = widget.item("a.pdf#1")
    assert "Done: Rerun. a.pdf#1 is now succeeded in Answer, run 1." in widget.press(button).text
    assert widget.item("a.pdf#1") == before
    assert len(widget.app.executions()) == 1


def test_a_renewed_lease_makes_no_button_old(widget: Widget) -> None:
    tasks = widget.app.tasks
    make(widget, "a.pdf#1")
    with pytest.raises(tasks.st.TaskLockLostError), tasks.ExtractTask.start("a.pdf#1") as ctx:
        button = widget.view(view="task", task_id="a.pdf#1").call("Unlock in Extract")
        ctx.extend_lock()
        ctx.set_data({"page": 1}).update()
        assert "Done: Unlocked" in widget.press(button).text


def test_what_the_functions_log_names_use_case_and_step(widget: Widget, log: Log) -> None:
    make(widget, "a.pdf#1", 50)
    button = widget.view(view="task", task_id="a.pdf#1").call("Rerun from Extract")
    widget.press(button)
    before = log.lines()
    assert [(line["message"], line["use_case"], line["step"]) for line in before] == [
        (message, "pdf_processing", "Extract") for message in ("Asked to act", "Acted on a task", "Answered")
    ]
    widget.app.tasks.ExtractTask.delete_table()
    widget.view()
    widget.press(button)
    assert [(line["use_case"], line["step"]) for line in log.lines()[len(before) :]] == [
        ("pdf_processing", "Widget"),
        *([("pdf_processing", "Extract")] * 4),
    ]


def test_what_is_deleted_leaves_a_record_in_the_log(widget: Widget, log: Log) -> None:
    for task_id in ("a", "b", "c"):
        fail(widget, task_id, "ValueError('x')")
    deleted = widget.view(view="task", task_id="a").call("Delete")
    widget.press(deleted, reason="asked to forget a")
    many = widget.view(view="bulk", step="Extract", status="ignored", kind="ValueError: x").call("Delete: 2 tasks")
    widget.press(many, reason="asked to forget all")
    lines = [line for line in log.lines() if line["message"] == "Acted on a task"]
    told = [(line["task_id"], line["outcome"], line["reason"], line["request_id"]) for line in lines]
    assert told[0] == ("a", "done", "asked to forget a", deleted.values["request_id"])
    assert sorted(told[1:]) == [(each, "done", "asked to forget all", many.values["request_id"]) for each in "bc"]
    assert all(line["by"].endswith("Lambda request-7") for line in lines)
    last = log.lines()[-1]
    assert (last["told"], last["narrowed"]) == ("Delete: 2 done.", {"kind": "ValueError: x"})


@pytest.mark.parametrize("action", ["Cancel in Extract", "Delete"])
def test_what_only_administrators_may_do_needs_a_reason(widget: Widget, action: str) -> None:
    make(widget, "a.pdf")
    page = widget.view(view="task", task_id="a.pdf", step="Extract", status="pending")
    for _ in range(2):
        page = widget.press(page.call(action), reason=" ")
        assert "Not done: type a reason" in page.text
        assert "Reason, recorded on the task; to cancel or delete, it is needed" in page.text
    look = widget.view(view="bulk", step="Extract", status="pending")
    again = widget.press(look.call(f"{action}: 1 task"))
    assert "Not done: type a reason" in again.text
    assert f"{action}: 1 task" in again.labels()
    assert widget.app.task("a.pdf").status == 10


def test_a_workflow_that_cannot_be_started_is_told(widget: Widget, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_task: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "<no>"}}, "StartExecution")

    make(widget, "a.pdf#1", 50)
    button = widget.view(view="task", task_id="a.pdf#1").call("Rerun from Extract")
    with monkeypatch.context() as patched:
        patched.setattr(widget.app.tasks.ExtractTask, "dispatch", refuse)
        after = widget.press(button)
        assert "Not done: The rerun is recorded, but the task could not be dispatched: ClientError: " in after.text
    # Pressed again the task is as it is, and its run is started.
    assert "is now pending in Extract, run 1." in widget.press(button).text
    assert len(widget.app.executions()) == 1


def test_a_list_is_read_page_by_page(widget: Widget) -> None:
    ids = {f"{number:02}.pdf#1" for number in range(2 * PAGE_SIZE + 1)}
    for task_id in ids:
        make(widget, task_id, 50)
    page, seen = widget.view(view="list", step="Extract", status="ignored"), []
    while True:
        seen += [call.values["task_id"] for call in page.calls if "task_id" in call.values]
        if "Next page" not in page.labels():
            break
        page = widget.press(page.call("Next page"))
    assert len(seen) == len(ids)
    assert set(seen) == ids
    assert widget.press(page.call("First page")).labels()[-2:] == ["Next page", "Act on all of the list…"]


@pytest.mark.parametrize("task_id", HOSTILE_IDS)
def test_a_hostile_id_is_shown_and_can_be_acted_on(widget: Widget, task_id: str) -> None:
    error = {"nth_retry": 1, "update_time": "<i>", "error": task_id, "traceback": f"</pre>{task_id}"}
    make(widget, task_id, 50, data={task_id: task_id}, errors={"history": [error]})
    found = widget.press(widget.view().call("1 ignored in Extract"))
    [opens] = [call for call in found.calls if call.values.get("task_id") == task_id]
    widget.press(widget.press(opens).call("Rerun from Extract"), reason=task_id)
    assert widget.app.task(task_id).run == 1


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "list",
        {"view": "list", "step": "Extract", "status": "ignored", "cursor": "forged"},
        {"view": "list", "step": "Extract", "status": "ignored", "cursor": "WyJhIl0="},
        {
            "view": "list",
            "step": "Extract",
            "status": "ignored",
            "cursor": "eyI1MCI6IFsiMDAwMS0wMS0wMVQwMDowMDowMCsxNDowMCJdfQ==",
        },
        {"view": "list", "step": "<b>", "status": "ignored"},
        {"view": "list", "step": "Extract", "status": {"a": 1}},
        {"view": "task", "task_id": "unknown <b>"},
        {"view": "task", "task_id": "x" * 2_040},
        {"view": "task", "task_id": "\ud800"},
        {"view": "task", "task_id": ["a"]},
        {"view": "<script>"},
        {"action": "rerun", "act_on": "Extract", "task_id": "a.pdf#1"},
        {"action": "rerun", "act_on": "Extract", "task_id": "a.pdf#1", "request_id": "0" * 32},
        {"action": "rerun", "act_on": "Extract", "task_id": "a.pdf#1", "request_id": "0" * 32, "drawn": "0" * 32},
        {"action": "rerun", "act_on": "Extract", "task_id": "unknown", "request_id": "0" * 32, "drawn": "0" * 32},
        {"action": "rerun", "act_on": "Extract", "task_id": "\ud800", "request_id": "0" * 32, "drawn": "0" * 32},
        {"action": "rerun", "act_on": "Extract", "task_id": "a.pdf#1", "request_id": "0" * 32, "step": "<b>"},
        {"action": "delete_all", "act_on": "Extract", "task_id": "a.pdf#1", "request_id": "0" * 32},
    ],
)
def test_an_event_that_makes_no_sense_changes_nothing(widget: Widget, event: Any) -> None:
    make(widget, "a.pdf#1", 50)
    before = widget.item("a.pdf#1")
    widget.show(event)
    acted = Page(widget.actor(event, FakeContext()))
    assert acted.text.startswith("Not done: ")
    assert widget.item("a.pdf#1") == before
    assert widget.app.executions() == []


def test_the_forged_reason_of_an_action_is_refused(widget: Widget) -> None:
    make(widget, "a.pdf#1", 50)
    values = widget.view(view="task", task_id="a.pdf#1").call("Rerun from Extract").values
    event = {**values, "widgetContext": context(forms={"reason": {"a": 1}})}
    assert "reason is a dict" in Page(widget.actor(event, FakeContext())).text
    assert widget.app.task("a.pdf#1").run in {None, 0}


def test_a_table_that_cannot_be_read_is_told(widget: Widget) -> None:
    widget.app.tasks.ExtractTask.delete_table()
    for event in ({}, {"view": "list", "step": "Answer", "status": "failed"}, {"view": "task", "task_id": "a"}):
        assert "Not shown: it could not be read (" in widget.show(event).text


def test_the_viewer_acts_on_nothing(widget: Widget) -> None:
    make(widget, "a.pdf#1", 50)
    before = widget.item("a.pdf#1")
    button = widget.view(view="task", task_id="a.pdf#1").call("Rerun from Extract")
    widget.view(**button.values)
    assert widget.item("a.pdf#1") == before


def test_both_describe_themselves(widget: Widget) -> None:
    for function in (widget.viewer, widget.actor):
        told = function({"describe": True, "widgetContext": context()}, FakeContext())
        assert told.startswith("## ")
    assert "```yaml\nview: list\n" in widget.viewer({"describe": True}, FakeContext())


def test_a_task_that_somebody_spoilt_by_hand_is_shown(widget: Widget) -> None:
    make(widget, "a.pdf#1", 50, errors=["spoilt"], data="spoilt")
    shown = widget.view(view="task", task_id="a.pdf#1")
    assert "It cannot be read: The item 'pdf_processing____a.pdf#1' cannot be read: TypeError: errors is" in shown.text
    assert shown.labels() == ["Overview"]
    [item] = shown.links
    assert "edit-item?itemMode=2&pk=pdf_processing____a.pdf%231" in item


def fail(widget: Widget, task_id: str, error: str, status: int = 50) -> None:
    entry = {"nth_retry": 1, "update_time": "2026-01-01", "error": error, "traceback": ""}
    make(widget, task_id, status, errors={"history": [entry]})


def ids_of(page: Page) -> list[str]:
    return [
        call.values["task_id"] for call in page.calls if call.values.get("view") == "task" and call.values.get("step")
    ]


IGNORED = {"view": "list", "step": "Extract", "status": "ignored"}


def test_pages_lead_forwards_and_back(widget: Widget) -> None:
    for number in range(2 * PAGE_SIZE + 3):
        make(widget, f"{number:02}", 50)
    pages = [widget.view(**IGNORED)]
    while "Next page" in pages[-1].labels():
        pages.append(widget.press(pages[-1].call("Next page")))
    assert [text for page in pages for text in re.findall(r"\d+–\d+ of \d+", page.text)] == [  # noqa: RUF001
        *("1–20 of 43", "21–40 of 43", "41–43 of 43")  # noqa: RUF001
    ]
    back = [pages[-1]]
    while "Previous page" in back[-1].labels():
        back.append(widget.press(back[-1].call("Previous page")))
    assert [ids_of(page) for page in back] == [ids_of(page) for page in reversed(pages)]
    forwards = widget.press(back[1].call("Next page"))
    assert ids_of(forwards) == ids_of(pages[2])


def test_the_overview_and_a_list_take_the_kept_counts(widget: Widget, monkeypatch: pytest.MonkeyPatch) -> None:
    make(widget, "a.pdf", 50)
    client, table = boto3.client("dynamodb"), widget.app.tasks.ExtractTask.Meta.table_name

    def keep(key: str, **attributes: dict[str, Any]) -> None:
        client.put_item(TableName=table, Item={"key": {"S": f"____counts____pdf_processing{key}"}, **attributes})

    keep("____00", c50={"N": "400"}, c90={"N": "-1"}, changes={"N": "1"})
    keep("", exact={"BOOL": False})
    assert "1 ignored in Extract" in widget.view().labels()
    keep("", exact={"BOOL": True})
    monkeypatch.setenv("STATUS_TRACKER_COUNTS", "0")  # nothing keeps them any more
    assert "1 ignored in Extract" in widget.view().labels()
    monkeypatch.delenv("STATUS_TRACKER_COUNTS")
    keep("____07", c50={"N": "123000"}, c90={"N": "1"}, changes={"N": "1"})
    assert "123400 ignored in Extract" in widget.view().labels()
    assert "0 succeeded in Answer" in widget.view().labels()  # it may be that of a moment ago
    for number in range(PAGE_SIZE):
        make(widget, f"{number}.pdf", 50)
    assert "1–20 of 123,400, the newest first" in widget.view(**IGNORED).text  # noqa: RUF001
    look = widget.view(view="bulk", step="Extract", status="ignored")
    assert "About 123,400 tasks match." in look.text
    for kept in ("-123400", "-123399"):
        keep("____07", c50={"N": kept}, changes={"N": "1"})
        assert "1–20 of 21, the newest first" in widget.view(**IGNORED).text  # noqa: RUF001
        assert "About 11 tasks match." in widget.view(view="bulk", step="Extract", status="ignored").text
    for number in range(PAGE_SIZE - 8):
        widget.app.tasks.ExtractTask(f"pdf_processing____{number}.pdf").delete()
    look = widget.view(view="bulk", step="Extract", status="ignored")
    assert "9 tasks match." in look.text  # all of them were seen
    assert "Delete: 9 tasks" in look.labels()


def test_pauses_that_somebody_spoilt_hide_no_count(widget: Widget) -> None:
    make(widget, "a.pdf", 50)
    table = widget.app.tasks.ExtractTask.Meta.table_name
    key = {"key": {"S": "____pauses____pdf_processing"}}
    for spoilt in ("no json", "[]", '{"paused": {"*": {}}}', '{"paused": 5}'):
        boto3.client("dynamodb").put_item(TableName=table, Item={**key, "pauses": {"S": spoilt}})
        shown = widget.view()
        assert "What is paused cannot be read: " in shown.text
        assert "1 ignored in Extract" in shown.labels()


def test_a_list_is_searched_by_prefix_text_and_class(widget: Widget) -> None:
    fail(widget, "in/a.pdf", "ValueError('no page')")
    fail(widget, "in/b.pdf", "KeyError('page')")
    fail(widget, "out/c.pdf", "ValueError('NO PAGE at all')")
    search = widget.view(**IGNORED).call("Search")
    found = {
        name: ids_of(widget.press(search, **typed))
        for name, typed in {
            "prefix": {"prefix": " in/"},
            "text": {"error_text": "no page"},
            "class": {"error_class": "ValueError"},
            "both": {"prefix": "in/", "error_class": "ValueError", "error_text": ""},
            "none": {"prefix": "elsewhere"},
        }.items()
    }
    assert {name: sorted(ids) for name, ids in found.items()} == {
        "prefix": ["in/a.pdf", "in/b.pdf"],
        "text": ["in/a.pdf", "out/c.pdf"],
        "class": ["in/a.pdf", "out/c.pdf"],
        "both": ["in/a.pdf"],
        "none": [],
    }
    nothing = widget.press(search, prefix="elsewhere", error_text="\ud800")
    assert "Not shown: error_text is '\\ud800', with half a character" in nothing.text
    assert widget.press(search, prefix="elsewhere").typed["prefix"] == "elsewhere"
    assert "No such task is ignored in Extract." in widget.press(search, prefix="elsewhere").text


def test_a_search_that_is_given_up_goes_on_where_it_was(widget: Widget) -> None:
    for number in range(7):
        fail(widget, f"{number}.pdf", "ValueError('x')" if number in {1, 6} else "KeyError('y')")
    deployed = DeployedWidget.of(widget.app.tasks.PIPELINE, WidgetSettings.from_environment())
    asked = TaskList(StatusOfStep("Extract", "ignored"), Narrowing(error_class="ValueError"))
    found, rounds = [], 0
    while True:
        page = read_page(deployed, asked, Patience(whole=3))
        found += [str(task.task_id) for task in page.rows]
        rounds += 1
        if page.next_cursor is None:
            break
        asked = replace(asked, cursor=page.next_cursor, start=asked.start + len(page.rows))
    assert (sorted(found), rounds) == (["1.pdf", "6.pdf"], 3)


def test_reasons_are_grouped_and_a_group_is_rerun_after_a_look(widget: Widget) -> None:
    for number in range(3):
        fail(widget, f"{number}.pdf", f"NonRetryableError('The PDF has {number} pages, and not one of text.')")
    fail(widget, "other.pdf", "KeyError('amount')")
    shown = widget.view(**IGNORED)
    assert "3 ×The PDF has # pages, and not one of text." in shown.text  # noqa: RUF001
    assert "1 ×amount KeyError" in shown.text  # noqa: RUF001
    [label] = [label for label in shown.labels() if label.startswith("Act on: 3")]
    look = widget.press(shown.call(label))
    assert "3 tasks match. Nothing was changed yet." in look.text
    assert widget.app.executions() == []
    after = widget.press(look.call("Rerun from Extract: 3 tasks"), reason="reader mended")
    assert "Done: Rerun from Extract: 3 done." in after.text
    assert {task_id: widget.app.task(task_id).status for task_id in ("0.pdf", "1.pdf", "2.pdf", "other.pdf")} == {
        **dict.fromkeys(("0.pdf", "1.pdf", "2.pdf"), 10),
        "other.pdf": 50,
    }
    assert len(widget.app.executions()) == 3
    (action,) = widget.app.task("1.pdf").errors["actions"]
    assert (action["action"], action["reason"]) == ("rerun", "reader mended")
    again = widget.press(look.call("Rerun from Extract: 3 tasks"))
    assert "Rerun from Extract: 0 done." in again.text
    assert len(widget.app.executions()) == 3


def test_an_action_on_many_leaves_alone_what_nobody_has_seen(widget: Widget) -> None:
    make(widget, "seen.pdf", 50)
    make(widget, "moved.pdf", 50)
    look = widget.view(view="bulk", step="Extract", status="ignored")
    make(widget, "new.pdf", 50)
    widget.app.tasks.ExtractTask.unignore("moved.pdf", reason="x")
    widget.app.tasks.ExtractTask.ignore("moved.pdf", reason="a copy")
    after = widget.press(look.call("Un-ignore in Extract: 2 tasks"))
    assert "Done: Un-ignore in Extract: 1 done." in after.text
    assert {each: widget.app.task(each).status for each in ("seen.pdf", "moved.pdf", "new.pdf")} == {
        "seen.pdf": 10,
        "moved.pdf": 50,
        "new.pdf": 50,
    }


def test_an_action_on_very_many_goes_on_by_parts(widget: Widget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("status_tracker_ops.widget.bulk.AT_ONCE", 3)
    for number in range(7):
        make(widget, f"{number}.pdf", 30)
    page = widget.press(widget.view(view="bulk", step="Extract", status="failed").call("Ignore in Extract: 7 tasks"))
    assert "Ignore in Extract: 3 done. There may be more." in page.text
    page = widget.press(page.call("Go on with the rest"))
    page = widget.press(page.call("Go on with the rest"))
    assert "Done: Ignore in Extract: 7 done." in page.text
    assert "Go on with the rest" not in page.labels()
    assert [widget.app.task(f"{number}.pdf").status for number in range(7)] == [50] * 7


def test_an_action_on_many_ends_before_its_time_does(widget: Widget) -> None:
    for number in range(30):
        make(widget, f"{number:02}.pdf", 30)

    class Ending(FakeContext):
        """Its time is over after so many questions for it."""

        questions = 12

        def get_remaining_time_in_millis(self) -> int:
            self.questions -= 1
            return 25_000 if self.questions >= 0 else 9_000

    look = widget.view(view="bulk", step="Extract", status="failed")
    call, presses = look.call("Ignore in Extract: 30 tasks"), 0
    while True:
        page = Page(widget.actor({**call.values, "widgetContext": context()}, Ending()))
        presses += 1
        if "Go on with the rest" not in page.labels():
            break
        call = page.call("Go on with the rest")
    assert (presses, "Done: Ignore in Extract: 30 done." in page.text) == (3, True)
    assert {widget.app.task(f"{number:02}.pdf").status for number in range(30)} == {50}


def test_the_tasks_of_a_reason_are_found_behind_very_many_others(
    widget: Widget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker_ops.widget.bulk._SEARCHED", Patience(listed=10, whole=6))
    for number in range(3):
        fail(widget, f"early{number}.pdf", "KeyError('early')")
    for number in range(8):
        fail(widget, f"old{number}.pdf", "ValueError('old trouble')")
    for number in range(3):
        fail(widget, f"new{number}.pdf", "ValueError('not a PDF')")
    shown = widget.view(**IGNORED)
    look = widget.press(shown.call("Act on: 3 × not a PDF"))  # noqa: RUF001
    assert "3+ tasks match." in look.text
    look = widget.press(shown.call("Act on: 3 × early"))  # noqa: RUF001
    assert "No task matches among the newest 6." in look.text
    look = widget.press(look.call("Search on"))
    assert "1+ tasks match. The next 6 were looked at" in look.text
    page = widget.press(look.call("Rerun from Extract: 1+ tasks"))
    page = widget.press(page.call("Go on with the rest"))
    assert "Done: Rerun from Extract: 3 done." in page.text
    assert [widget.app.task(f"early{number}.pdf").status for number in range(3)] == [10, 10, 10]


def test_what_is_refused_of_many_is_told(widget: Widget) -> None:
    make(widget, "a.pdf", 50)
    fail(widget, "broken.pdf", "KeyError('x')")
    look = widget.view(view="bulk", step="Extract", status="ignored")
    spoil(widget, "broken.pdf", run={"S": "one"})
    after = widget.press(look.call("Rerun from Extract: 2 tasks"))
    assert "Done: Rerun from Extract: 1 done, 1 failed." in after.text
    assert "broken.pdf: The item 'pdf_processing____broken.pdf' cannot be read" in after.text


def spoil(widget: Widget, task_id: str, **attributes: dict[str, Any]) -> None:
    """Edit an item by hand."""
    table = widget.app.tasks.ExtractTask.Meta.table_name
    client = boto3.client("dynamodb")
    key = {"key": {"S": f"pdf_processing____{task_id}"}}
    item = client.get_item(TableName=table, Key=key)["Item"]
    client.put_item(TableName=table, Item={**item, **attributes})


@pytest.mark.parametrize("attributes", [{"run": {"S": "one"}}, {"retry": {"S": "1"}}, {"errors": {"S": "no json"}}])
def test_one_item_that_is_no_task_does_not_hide_the_list(widget: Widget, attributes: dict[str, Any]) -> None:
    for task_id in ("a.pdf", "broken.pdf", "c.pdf"):
        make(widget, task_id, 50)
    spoil(widget, "broken.pdf", **attributes)
    [attribute] = attributes
    for shown in (widget.view(**IGNORED), widget.press(widget.view(**IGNORED).call("Search"), prefix="b")):
        assert "broken.pdfcannot be read: The item 'pdf_processing____broken.pdf' cannot be read: " in shown.text
        assert attribute in shown.text.partition("cannot be read: The item")[2]
    listed = widget.view(**IGNORED)
    assert sorted(ids_of(listed)) == ["a.pdf", "broken.pdf", "c.pdf"]
    opened = widget.press(listed.call("broken.pdf"))
    assert "It cannot be read: The item" in opened.text
    assert "Extract: ignored" in opened.labels()
    look = widget.press(listed.call("Act on all of the list…"))
    assert "2 tasks match." in look.text
    assert "1 item of the list cannot be read" in look.text
    assert "Rerun from Extract: 2 tasks" in look.labels()


def test_what_was_typed_is_kept_when_nothing_is_found(widget: Widget) -> None:
    shown = widget.press(widget.view().call("Open task"), task_id=" in/a.pdf ")
    assert "Not shown: There is no task 'in/a.pdf'" in shown.text
    assert shown.typed == {"task_id": " in/a.pdf "}
    make(widget, "in/a.pdf", 50)
    assert "ignored in Extract" in widget.press(shown.call("Open task"), task_id="in/a.pdf").text


def test_cancel_while_a_worker_holds_it(widget: Widget) -> None:
    tasks = widget.app.tasks
    make(widget, "a.pdf#1")
    with pytest.raises(tasks.st.TaskLockLostError, match="cancelled"), tasks.ExtractTask.start("a.pdf#1"):
        button = widget.view(view="task", task_id="a.pdf#1").call("Cancel in Extract")
        assert button.endpoint == ADMIN
        after = widget.press(button, reason="wrong delivery")
        assert "Done: Cancelled. a.pdf#1 is now ignored in Extract, run 0." in after.text
    assert "cancel: wrong delivery" in widget.view(**IGNORED).text


def test_delete_takes_the_task_with_its_results(widget: Widget) -> None:
    make(widget, "a.pdf#1", 50)
    make(widget, "b.pdf#1", 50)
    buttons = [widget.view(view="task", task_id=each).call("Delete") for each in ("a.pdf#1", "b.pdf#1")]
    assert "a.pdf#1 is gone" in widget.press(buttons[0], reason="asked for").text
    assert widget.app.task("a.pdf#1") is None
    widget.app.tasks.ExtractTask.unignore("b.pdf#1", reason="x")
    after = widget.press(buttons[1], reason="asked for")
    assert "Not done: b.pdf#1 has changed since its page was drawn" in after.text
    assert widget.app.task("b.pdf#1").status == 10


@pytest.mark.parametrize("name", ["cancel", "delete", "pause", "resume"])
def test_the_actor_may_not_do_what_administrators_may(widget: Widget, name: str) -> None:
    make(widget, "a.pdf#1")
    values = {**widget.view(view="task", task_id="a.pdf#1").call("Ignore in Extract").values, "action": name}
    before = widget.item("a.pdf#1")
    event = {**values, "widgetContext": context(forms={"pause_reason": "x"})}
    assert f"There is no action '{name}'; there is rerun, " in Page(widget.actor(event, FakeContext())).text
    assert widget.item("a.pdf#1") == before
    assert widget.app.tasks.PIPELINE.pauses() == []


def test_deleting_is_off_unless_chosen(widget: Widget, monkeypatch: pytest.MonkeyPatch) -> None:
    make(widget, "a.pdf#1", 50)
    button = widget.view(view="task", task_id="a.pdf#1").call("Delete")
    monkeypatch.setenv("WIDGET_DELETES", "no")
    assert "Delete" not in widget.view(view="task", task_id="a.pdf#1").labels()
    assert "There is no action 'delete'" in widget.press(button).text
    assert widget.app.task("a.pdf#1") is not None


def test_pause_and_resume(widget: Widget) -> None:
    shown = widget.view()
    assert "Not done: type why work is to be paused" in widget.press(shown.call("Pause Extract"), pause_reason=" ").text
    wrong = widget.press(shown.call("Pause Extract"), pause_reason="outage", pause_hours="soon")
    assert "Not done: For how many hours is 'soon'" in wrong.text
    assert wrong.typed["pause_reason"] == "outage"
    paused = widget.press(shown.call("Pause Extract"), pause_reason="outage", pause_hours="2")
    assert "Done: No more work is begun on Extract, until 2" in paused.text
    assert "Extract is paused: outage" in paused.text
    assert "by CloudWatch dashboard status-tracker-prod of account" in paused.text
    (pause,) = widget.app.tasks.PIPELINE.pauses()
    assert (pause.step, pause.reason, pause.until is None) == ("Extract", "outage", False)
    after = widget.press(paused.call("Resume Extract"))
    assert "Done: Work on Extract goes on." in after.text
    assert widget.app.tasks.PIPELINE.pauses() == []
    assert "Done: Nothing was paused of Extract." in widget.press(paused.call("Resume Extract")).text


def test_a_pause_that_nobody_has_seen_is_not_ended(widget: Widget) -> None:
    pipeline = widget.app.tasks.PIPELINE
    pipeline.pause(None, reason="deploy", by="ann")
    shown = widget.view()
    pipeline.pause("Extract", reason="outage", by="bob")
    assert "Not done: Somebody has paused work since" in widget.press(shown.call("Resume all")).text
    assert [pause.step for pause in pipeline.pauses()] == [None, "Extract"]
    shown = widget.view()
    assert "\nExtract: outage (bob, since 2" in (shown.call("Resume all").confirmation or "")
    pipeline.resume("Extract")
    pipeline.pause(None, reason="incident, do not resume", by="carol")
    assert "Not done: Somebody has paused work since" in widget.press(shown.call("Resume all")).text
    assert "Done: Work on all steps goes on." in widget.press(widget.view().call("Resume all")).text
    assert pipeline.pauses() == []
