"""`stats`, `ls`, `show`, `export`, `watch`."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing.listing import MemoryQuery
from tests.unit.cli.conftest import fail, stored
from tests.unit.cli.shop import CLOCK, Order

PIPELINE = "tests.unit.cli.shop:PIPELINE"
HOSTILE = "a\x1b[31m\u202e[bold]b[/bold]\n\r\x07=1"


def succeed(task_id: str, data: Any = None) -> None:
    with Order.start(task_id, create=True) as ctx:
        ctx.set_data(data)


def test_stats_counts_and_tells_the_oldest(run: Any) -> None:
    fail("a")
    CLOCK.move(7200)
    succeed("b")
    answer = run("stats")
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["failed", "30", "1", "2", "h"] in rows
    assert ["succeeded", "40", "1"] in rows  # nothing waits there
    assert ["total", "2"] in rows
    told = run("stats", "--json").json
    assert (told["use_case_id"], told["total"]) == ("shop", 2)
    assert [(each["status"], each["tasks"]) for each in told["statuses"]] == [
        *(("pending", 0), ("in_progress", 0), ("failed", 1), ("succeeded", 1), ("ignored", 0))
    ]


def test_ls_gives_the_newest_first_and_goes_on(run: Any) -> None:
    for name in "abc":
        fail(name)
        CLOCK.move(60)
    answer = run("ls", "--json", "--limit", "2")
    assert [each["task_id"] for each in answer.json["tasks"]] == ["c", "b"]
    rest = run("ls", "--json", "--limit", "2", "--cursor", answer.json["cursor"]).json
    assert ([each["task_id"] for each in rest["tasks"]], rest["cursor"]) == (["a"], None)
    oldest = run("ls", "--oldest", "--status", "30").out.splitlines()
    assert [line.split()[0] for line in oldest] == ["Task", "a", "b", "c"]
    assert oldest[1].split("  ")[-1] == "OutOfStockError('none left')"


def unreadable(monkeypatch: pytest.MonkeyPatch, task_id: str) -> None:
    """Let no listing read that task."""
    give = MemoryQuery.__next__

    def refuse(self: Any) -> Any:
        task = give(self)
        if task.task_id == task_id:
            raise st.TaskUnreadableError(f"The item 'shop____{task_id}' cannot be read", task_id=task_id)
        return task

    monkeypatch.setattr(MemoryQuery, "__next__", refuse)


def test_ls_tells_of_what_cannot_be_read_and_lists_the_others(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcd":
        fail(name)
        CLOCK.move(60)
    unreadable(monkeypatch, "c")
    answer = run("ls", "--json", "--limit", "3")
    assert [each["task_id"] for each in answer.json["tasks"]] == ["d", "b"]
    assert (answer.code, answer.err) == (1, "Left out: The item 'shop____c' cannot be read\n")
    rest = run("ls", "--json", "--limit", "3", "--cursor", answer.json["cursor"])
    assert (rest.code, [each["task_id"] for each in rest.json["tasks"]]) == (0, ["a"])


def test_what_cannot_be_read_hides_no_other_behind_a_limit(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        fail(name)
        CLOCK.move(60)
    unreadable(monkeypatch, "b")
    found = run("ls", "--error-text", "none", "--limit", "1", "--json").json
    assert [each["task_id"] for each in found["tasks"]] == ["a"]
    assert "There may be more: --limit, or --cursor " in run("ls", "--limit", "1").err


def test_a_listing_that_breaks_off_tells_how_it_goes_on(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output = tmp_path / "all.csv"
    for name in "abc":
        fail(name)
        CLOCK.move(60)
    give, left = MemoryQuery.__next__, iter(range(2))

    def throttled(query: Any) -> Any:
        if next(left, None) is None:
            raise st.TaskExecutionError("throttled")
        return give(query)

    with monkeypatch.context() as failing:
        failing.setattr(MemoryQuery, "__next__", throttled)
        answer = run("export", "--output", str(output))
    assert (answer.code, output.exists()) == (1, False)
    cursor = answer.err.splitlines()[-2].rpartition("--cursor ")[2]
    assert run("export", "--output", str(output), "--cursor", cursor).code == 0
    assert [line[0] for line in output.read_text().splitlines()[1:]] == list("abc")
    assert [path.name for path in tmp_path.iterdir()] == ["all.csv"]


def test_export_and_watch_leave_out_what_cannot_be_read(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in "abc":
        fail(name)
    unreadable(monkeypatch, "a")
    answer = run("export", "--output", str(tmp_path / "all.jsonl"))
    lines = [json.loads(line)["task_id"] for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert (answer.code, lines) == (1, ["b", "c"])
    assert [line.partition(":")[0] for line in answer.err.splitlines()] == ["Left out", str(tmp_path / "all.jsonl")]
    watched = run("watch", "--looks", "1", "--interval", "0.001")
    assert (watched.code, watched.err) == (4, "")


def test_ls_filters(run: Any) -> None:
    fail("a/1")
    fail("b/1", "no truck")
    succeed("a/2")
    CLOCK.move(3600)
    fail("a/3")

    def ids(*options: str) -> list[str]:
        return sorted(each["task_id"] for each in run("ls", "--json", *options).json["tasks"])

    assert ids("--status", "failed") == ["a/1", "a/3", "b/1"]
    assert ids("--status", "failed", "--status", "40", "--id-prefix", "a/") == ["a/1", "a/2", "a/3"]
    assert ids("--error-text", "TRUCK") == ["b/1"]
    assert ids("--error-class", "OutOfStockError", "--since", "30m") == ["a/3"]
    assert ids("--until", "2026-01-02T12:30:00Z") == ["a/1", "a/2", "b/1"]
    assert ids("--since", "2026-01-02T13:30+01:00", "--status", "failed") == ["a/3"]


def test_nothing_found_is_no_failure_of_a_list(run: Any) -> None:
    answer = run("ls")
    assert (answer.code, answer.out, answer.err) == (0, "", "No task matches.\n")


def test_show_tells_all_of_a_task(run: Any) -> None:
    fail("a")
    Order.rerun("a", reason="refilled", by="ann")
    succeed("a", {"pages": [1, 2]})
    answer = run("show", "a")
    assert answer.code == 0
    for told in ("succeeded, code 40", "OutOfStockError('none left')", "Traceback", "reason: refilled", "by: ann"):
        assert told in answer.out
    assert run("show", "shop____a", "--json").json["data"] == {"pages": [1, 2]}


def test_show_of_no_task(run: Any) -> None:
    answer = run("show", "x\x1b")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.splitlines()[0] == "Error: there is no task 'x\\x1b' in the use case 'shop'."


def test_stuck_and_locked_are_told(run: Any) -> None:
    Order.start("a", create=True).__enter__()
    assert run("show", "a", "--json").json["locked_until"] == "2026-01-02T12:01:00+00:00"
    CLOCK.move(60)
    task = run("show", "a", "--json").json
    assert (task["locked_until"], task["stuck"]) == (None, True)
    assert "in_progress (stuck)" in run("ls").out


def test_lock_of_an_older_library_is_told_with_the_end_of_its_lease(run: Any) -> None:
    Order.start("a", create=True).__enter__()
    older = replace(stored("a"), lock_expire_time=None)
    store = Order.storage.store(older.key)
    store.delete()
    store.create(older)
    assert run("show", "a", "--json").json["locked_until"] == "2026-01-02T12:01:00+00:00"


@pytest.mark.parametrize("command", [["ls"], ["show", HOSTILE], ["export"], ["export", "--format", "jsonl"]])
def test_hostile_tasks_cannot_speak_to_the_terminal(run: Any, command: list[str]) -> None:
    Order.make_and_save(HOSTILE, {"text": HOSTILE})
    fail(HOSTILE, HOSTILE)
    answer = run(*command)
    assert answer.code == 0
    assert not set("\x1b\u202e\r\x07") & set(answer.out)
    assert "[bold]b[/bold]" in answer.out


def test_export_as_csv_is_safe_in_a_spreadsheet(run: Any) -> None:
    fail("=cmd|'/c calc'!A0")
    succeed("b", {"n": 1})
    rows = list(csv.DictReader(io.StringIO(run("export").out)))
    assert [(row["task_id"], row["status"], row["data"]) for row in rows] == [
        ("'=cmd|'/c calc'!A0", "failed", "{}"),
        ("b", "succeeded", '{"n": 1}'),
    ]


def test_export_to_a_file_is_whole_or_not_there(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail("a")
    fail("b")
    output = tmp_path / "tasks.jsonl"
    answer = run("export", "--output", str(output), "--status", "failed")
    assert (answer.code, answer.out, answer.err) == (0, "", f"{output}: 2 tasks\n")
    tasks = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(each["task_id"], len(each["errors"]["history"])) for each in tasks] == [("a", 1), ("b", 1)]

    monkeypatch.setattr("status_tracker.cli.exporting._writer", lambda *_: _raise)
    with pytest.raises(ZeroDivisionError):
        run("export", "--output", str(output))
    assert [path.name for path in tmp_path.iterdir()] == ["tasks.jsonl"]
    assert len(output.read_text().splitlines()) == 2


def _raise(*_: object) -> None:
    raise ZeroDivisionError


def test_watch_tells_counts_and_changes(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail("before")
    CLOCK.move(60)
    coming = iter([lambda: fail("a"), lambda: succeed("a"), lambda: None])

    def happen(seconds: float) -> None:
        CLOCK.move(seconds)
        next(coming)()

    monkeypatch.setattr("status_tracker.cli.watching.time.sleep", happen)
    answer = run("watch", "--looks", "4", "--interval", "2")
    assert answer.code == 0  # what failed meanwhile has succeeded since
    assert answer.out.splitlines() == [
        "pending 0, in_progress 0, failed 1, succeeded 0, ignored 0",
        "pending 0, in_progress 0, failed 2, succeeded 0, ignored 0",
        "  a: failed: OutOfStockError('none left')",
        "pending 0, in_progress 0, failed 1, succeeded 1, ignored 0",
        "  a: succeeded: OutOfStockError('none left')",
    ]


def test_watch_for_machines_and_its_end(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    fail("a")
    monkeypatch.setattr("status_tracker.cli.watching.time.sleep", interrupt)
    answer = run("watch", "--json")
    assert answer.code == 4
    assert answer.json["counts"]["failed"] == 1
    assert [each["task_id"] for each in answer.json["changed"]] == ["a"]


@pytest.mark.parametrize(
    ("code", "told", "steps"),
    [
        (30, "Order failed, code 30", {"Order": "failed"}),
        (40, "Order succeeded, Delivery pending, code 40", {"Order": "succeeded", "Delivery": "pending"}),
        (90, "Delivery succeeded, code 90", {"Delivery": "succeeded"}),
        (99, "99, code 99", None),
    ],
)
def test_show_names_the_status_by_the_steps_of_the_pipeline(run: Any, code: int, told: str, steps: Any) -> None:
    Order.make_and_save("a", _status=code)
    lines = [line.rstrip() for line in run("show", "a", "--task", PIPELINE).out.splitlines()]
    assert f"Status           {told}" in lines
    assert run("show", "a", "--task", PIPELINE, "--json").json.get("steps") == steps
    assert "steps" not in run("show", "a", "--json").json


@pytest.mark.parametrize("command", [["ls"], ["rerun", "--dry-run"]])
def test_lists_name_the_statuses_of_other_steps_by_the_pipeline(run: Any, command: list[str]) -> None:
    Order.make_and_save("a", _status=90)
    Order.make_and_save("b", _status=40)
    lines = run(*command, "--status", "90", "--status", "40", "--task", PIPELINE).out.splitlines()
    assert {line[0]: line[1 : line.index("0")].strip() for line in lines[1:]} == {
        "a": "Delivery succeeded",
        "b": "Delivery pending",
    }


def test_names_of_other_steps_are_their_codes(run: Any) -> None:
    Order.make_and_save("a", _status=70)
    assert [each["status"] for each in run("ls", "--status", "70", "--json").json["tasks"]] == ["70"]
    assert stored("a").status == 70
    assert st.__version__ in run("--version").out
