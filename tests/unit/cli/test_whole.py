"""Commands that read show a use case as a whole: all its steps, how fast it goes, what is paused."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import GetError

import status_tracker as st
from status_tracker.cli.app import app
from status_tracker.cli.progress import Reading
from status_tracker.core.port import KeptCounts, Look
from status_tracker.testing.listing import MemoryQuery
from tests.unit.cli.conftest import OutOfStockError, fail
from tests.unit.cli.shop import CLOCK, PIPELINE, Delivery, Order, Refund
from tests.unit.steps import NOON

SHOP = "tests.unit.cli.shop:PIPELINE"
REFUNDS = "tests.unit.cli.shop:REFUNDS"
LONG = "invoices/2026-007-the-second-part.pdf#8f14e45fceea167a5a36dedd4bea2543"


@pytest.fixture(autouse=True)
def _whole(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("STATUS_TRACKER_TASK", SHOP)
    yield
    PIPELINE.resume()


def deliver(task_id: str) -> None:
    for step in (Order, Delivery):
        with step.start(task_id, create=step is Order):
            pass


def some_of_each() -> None:
    fail("broken")
    Order.make_and_save("new")
    with Order.start("sent", create=True):
        pass
    deliver("done")


class Board:
    """Counts that are kept."""

    def __init__(self, counts: KeptCounts) -> None:
        self._counts = counts

    def read(self) -> KeptCounts:
        return self._counts

    def disown(self) -> None:
        self._counts = replace(self._counts, exact=False, error=None, recounted_at=None)


def keep_counts(monkeypatch: pytest.MonkeyPatch, *, error: int | None, counted: bool = True) -> None:
    counts = KeptCounts({10: 2_000_000, 30: -1, 90: 7}, error == 0, NOON if counted else None, error=error)
    monkeypatch.setattr(Order, "count_board", lambda: Board(counts))


def test_stats_of_a_pipeline_are_of_all_its_steps(run: Any) -> None:
    some_of_each()
    rows = [line.split() for line in run("stats").out.splitlines()]
    assert ["Order", "pending", "10", "1", "0", "s"] in rows
    assert ["Delivery", "pending", "40", "1", "0", "s"] in rows
    assert ["succeeded", "90", "1"] in rows
    assert ["total", "4"] in rows
    told = run("stats", "--json").json
    assert {(each["step"], each["status"]): each["tasks"] for each in told["statuses"] if each["tasks"]} == {
        ("Order", "pending"): 1,
        ("Order", "failed"): 1,
        ("Delivery", "pending"): 1,
        ("Delivery", "succeeded"): 1,
    }


def test_step_narrows(run: Any) -> None:
    some_of_each()
    assert run("stats", "--step", "Delivery", "--json").json["total"] == 2
    listed = run("ls", "--step", "Order", "--json").json["tasks"]
    assert {each["task_id"]: each["status"] for each in listed} == {
        "broken": "failed",
        "new": "pending",
        "sent": "succeeded",
    }
    refused = run("stats", "--step", "Parcel")
    assert refused.code == 2
    assert "There is no step 'Parcel' in tests.unit.cli.shop:PIPELINE; its steps are Order, Delivery." in refused.err


def test_ls_and_export_name_step_and_status(run: Any) -> None:
    some_of_each()
    places = {
        "broken": "Order failed",
        "new": "Order pending",
        "sent": "Delivery pending",
        "done": "Delivery succeeded",
    }
    lines = run("ls").out.splitlines()[1:]
    assert {line.split()[0]: " ".join(line.split()[1:3]) for line in lines} == places
    assert [each["task_id"] for each in run("ls", "-s", "pending", "--oldest", "--json").json["tasks"]] == [
        "new",
        "sent",
    ]
    assert [each["task_id"] for each in run("ls", "-s", "succeeded", "--json").json["tasks"]] == ["done"]
    exported = [json.loads(line) for line in run("export", "--format", "jsonl").out.splitlines()]
    assert {each["task_id"]: f"{each['step']} {each['status']}" for each in exported} == places
    assert {each["use_case_id"] for each in exported} == {"shop"}


def test_several_use_cases_at_once(run: Any) -> None:
    fail("a")
    Refund.make_and_save("r")
    both = f"{SHOP},{REFUNDS}"
    stats = [json.loads(line) for line in run("stats", "--json", "--task", both).out.splitlines()]
    assert [(each["use_case_id"], each["total"]) for each in stats] == [("shop", 1), ("refunds", 1)]
    listed = run("ls", "--task", both).out.splitlines()
    assert [listed[0], listed[3]] == ["shop:", "refunds:"]
    assert f"There may be more: --limit, or --task {SHOP} --cursor " in run("ls", "--limit", "1", "--task", both).err
    exported = run("export", "--format", "jsonl", "--task", both).out.splitlines()
    assert [json.loads(line)["use_case_id"] for line in exported] == ["shop", "refunds"]
    watched = run("watch", "--looks", "1", "--task", both).out.splitlines()
    assert [line.partition(":")[0] for line in watched if ", " in line] == ["shop", "refunds"]
    for refused in (["show", "a"], ["rerun", "a", "--reason", "no"], ["ls", "--cursor", "e30="]):
        assert run(*refused, "--task", both).code == 2, refused


def test_classes_of_one_use_case_are_shown_as_one(run: Any) -> None:
    some_of_each()
    alone = run("stats", "--json", "--task", "tests.unit.cli.shop:Order").json
    assert (alone["total"], "step" in alone["statuses"][0]) == (3, False)


def test_pace_and_what_is_left(run: Any) -> None:
    for number in range(6):
        deliver(f"done-{number}")
        CLOCK.move(60)
    for number in range(12):
        Order.make_and_save(f"new-{number}")
    assert "Finished: 1.0 a minute over the last 6 min; 12 left, about 12 min." in run("stats").out.splitlines()
    told = run("stats", "--json").json
    assert (told["finished_per_minute"], told["seconds_left"]) == (1.0, 720)
    of_first_step = run("stats", "--step", "Order", "--json").json  # what has succeeded there does not stay there
    assert (of_first_step["finished_per_minute"], of_first_step["seconds_left"]) == (None, None)
    PIPELINE.pause(reason="new prices", by="ann")
    assert run("stats", "--json").json["seconds_left"] is None


def test_without_ends_nobody_knows_how_long_it_takes(run: Any) -> None:
    assert "inished" not in run("stats").out
    Order.make_and_save("new")
    assert "Nothing has finished in the last 10 min." in run("stats").out.splitlines()


def test_pauses_are_told_by_whom_since_when_and_why(run: Any) -> None:
    PIPELINE.pause("Delivery", reason="strike", by="ann")
    line = "Delivery is paused by ann since 2026-01-02T12:00:00+00:00: strike"
    assert line in run("stats").out.splitlines()
    assert line in run("watch", "--looks", "2", "--interval", "0.001").out.splitlines()
    assert run("watch", "--looks", "1", "--json").json["pauses"][0]["reason"] == "strike"
    assert run("stats", "--step", "Order", "--json").json["pauses"] == []


def test_kept_counts_are_told_instead_of_counting(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_counts(monkeypatch, error=0)
    answer = run("stats")
    assert ["Order", "pending", "10", "2,000,000"] in [line.split() for line in answer.out.splitlines()]
    assert answer.err == ""
    assert run("watch", "--looks", "1", "--json").json["counts"]["Delivery succeeded"] == 7


def minutes_ago(number: float) -> datetime:
    return CLOCK() - timedelta(minutes=number)


def asking_for_tasks(*_: Any, **__: Any) -> Any:
    raise AssertionError("The index is asked.")


def test_what_the_last_sweeps_saw_is_told_as_of_then_and_the_index_is_not_asked(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [
        Look(minutes_ago(12), {90: 40, 100: 0}),
        Look(minutes_ago(3), {90: 80}, {10: minutes_ago(63), 20: minutes_ago(4)}),
    ]
    ended = {90: 100, 100: 1, 50: 2, 40: 1000}
    counts = KeptCounts({10: 630, 30: 4, 90: 7}, True, NOON, ended=ended, looks=looks)
    monkeypatch.setattr(Order, "count_board", lambda: Board(counts))
    monkeypatch.setattr(Order, "query_by_status", asking_for_tasks)
    lines = run("stats").out.splitlines()
    assert lines[0].split() == ["Step", "Status", "Code", "Tasks", "Oldest,", "3", "min", "ago"]
    assert lines[1].split() == ["Order", "pending", "10", "630", "60", "min"]
    assert "failed 30 4" in " ".join(lines[3].split())
    assert "Finished: 5.2 a minute over the last 12 min; 634 left, about 2 h." in lines
    told = run("stats", "--json").json
    assert (told["oldest_as_of"], told["finished_per_minute"]) == (minutes_ago(3).isoformat(), 5.25)
    assert [each["oldest"] for each in told["statuses"] if each["oldest"]] == [minutes_ago(63).isoformat()]


def test_what_became_so_after_the_sweep_began_has_not_waited(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep takes minutes, and what is pending may come and go within seconds."""
    look = Look(minutes_ago(5), {}, {10: minutes_ago(3)})
    monkeypatch.setattr(Order, "count_board", lambda: Board(KeptCounts({10: 1}, True, NOON, looks=[look])))
    assert run("stats").out.splitlines()[1].split() == ["Order", "pending", "10", "1", "0", "s"]


@pytest.mark.parametrize("age", [121, None])
def test_without_a_recent_sweep_the_index_tells_the_oldest(
    run: Any, monkeypatch: pytest.MonkeyPatch, age: int | None
) -> None:
    looks = [] if age is None else [Look(minutes_ago(age), {}, {10: minutes_ago(200)})]
    counts = KeptCounts({10: 1}, True, NOON, ended={90: 1}, looks=looks)
    monkeypatch.setattr(Order, "count_board", lambda: Board(counts))
    Order.make_and_save("new")
    lines = run("stats").out.splitlines()
    assert lines[0].split() == ["Step", "Status", "Code", "Tasks", "Oldest"]
    assert lines[1].split() == ["Order", "pending", "10", "1", "0", "s"]
    assert "Nothing has finished in the last 10 min." in lines


def test_kept_counts_that_nothing_keeps_any_more_are_not_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_counts(monkeypatch, error=0)
    monkeypatch.setenv("STATUS_TRACKER_COUNTS", "0")
    some_of_each()
    assert run("stats", "--json").json["total"] == 4


def test_counts_that_nothing_keeps_any_more_can_be_forgotten(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(KeptCounts({10: 2_000_000}, True, NOON, error=0))
    monkeypatch.setattr(Order, "count_board", lambda: board)
    some_of_each()
    answer = run("recount", "--forget", "--dry-run")
    assert (answer.code, run("stats", "--json").json["total"]) == (2, 2_000_000)
    for forgotten in (True, False):
        answer = run("recount", "--forget", "--json")
        assert (answer.code, answer.json) == (0, {"forgotten": forgotten})
    assert run("stats", "--json").json["total"] == 4


def test_kept_counts_that_are_nearly_right_are_told_as_such(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_counts(monkeypatch, error=3)
    answer = run("stats")
    assert ["total", "≈2,000,007"] in [line.split() for line in answer.out.splitlines()]
    assert "status-tracker recount" in answer.err
    assert run("stats", "--json").json["exact"] is False


def test_kept_counts_that_are_known_to_be_wrong_are_not_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_counts(monkeypatch, error=None)
    some_of_each()
    assert ["Order", "pending", "10", "1", "0", "s"] in [line.split() for line in run("stats").out.splitlines()]


def test_where_there_is_no_right_to_the_kept_counts_the_tasks_are_counted(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        refusal = {"Error": {"Code": "AccessDeniedException"}}
        raise GetError(cause=ClientError(refusal, "BatchGetItem"))  # type: ignore[arg-type]

    monkeypatch.setattr(Order, "count_board", refused)
    some_of_each()
    answer = run("stats")
    assert ["Order", "pending", "10", "1", "0", "s"] in [line.split() for line in answer.out.splitlines()]
    assert "dynamodb:BatchGetItem" in answer.err


def test_where_counts_are_kept_and_nothing_changes_watch_looks_for_no_tasks(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_counts(monkeypatch, error=0)
    fail("before")
    asked: list[int] = []
    ask = Order.query_by_status

    def asking(*arguments: Any, **more: Any) -> Any:
        asked.append(looks[0])
        return ask(*arguments, **more)

    looks = [0]

    def wait(_: float) -> None:
        looks[0] += 1
        if looks[0] == 1:
            fail("meanwhile")

    monkeypatch.setattr(Order, "query_by_status", asking)
    monkeypatch.setattr("status_tracker.cli.watching.time.sleep", wait)
    answer = run("watch", "--looks", "6")
    assert "  meanwhile: Order failed: OutOfStockError('none left')" in answer.out.splitlines()
    assert (answer.code, {3, 4} & set(asked)) == (4, set())


def test_where_counts_are_kept_watch_lists_only_what_tasks_may_have_come_to(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the numbers tell it all, that; where tasks have come and gone, all but the ends that none has come to."""
    at_first = KeptCounts({10: 5, 90: 7}, exact=True, recounted_at=NOON, changes=(12, 0), ended={90: 7})
    failed = replace(at_first, by_code={10: 4, 30: 1, 90: 7}, changes=(13, 0))
    passing = replace(failed, changes=(13, 2))
    counts = iter([*[at_first] * 4, *[failed] * 3, *[passing] * 4])
    happening = {4: lambda: fail("meanwhile"), 7: lambda: deliver("sent")}
    asked: list[set[int]] = []
    ask, waits = Order.query_by_status, itertools.count(1)

    def asking(status: Any, limit: Any = 10, *arguments: Any, **more: Any) -> Any:
        if limit == 200:
            asked.append(set(status))
        return ask(status, limit, *arguments, **more)

    monkeypatch.setattr(Order, "count_board", lambda: Board(next(counts)))
    monkeypatch.setattr(Order, "query_by_status", asking)
    monkeypatch.setattr("status_tracker.cli.watching.time.sleep", lambda _: happening.get(next(waits), str)())
    answer = run("watch", "--looks", "11")
    everything = {code for step in PIPELINE for code in step.statuses.values()}
    under_way = {code for code in everything if not PIPELINE.is_ended(code)}
    assert asked == [*[everything] * 3, *[{30}] * 3, *[under_way] * 3]
    told = [line for line in answer.out.splitlines() if line.startswith("  ")]
    assert told == ["  meanwhile: Order failed: OutOfStockError('none left')"]


def test_before_the_first_count_tasks_are_counted_by_the_index(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_counts(monkeypatch, error=None, counted=False)
    some_of_each()
    told = run("stats", "--json").json
    assert (told["total"], told["exact"]) == (4, True)


def test_by_error_what_can_match_first_is_read_first(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        fail(name)
        CLOCK.move(1)
    for number in range(50):
        deliver(f"done-{number}")
    read: list[str] = []
    give = MemoryQuery.__next__

    def noting(self: Any) -> Any:
        task = give(self)
        read.append(task.task_id)
        return task

    monkeypatch.setattr(MemoryQuery, "__next__", noting)
    answer = run("ls", "--error-text", "none left", "--limit", "2", "--json")
    assert ([each["task_id"] for each in answer.json["tasks"]], read) == (["b", "a"], ["b", "a"])
    assert answer.err == "2 failed, ignored read, 2 match.\n"
    rest = run("ls", "--error-text", "none left", "--limit", "2", "--json", "--cursor", answer.json["cursor"])
    assert rest.json == {"tasks": [], "cursor": None}
    assert rest.err.startswith("0 failed, ignored; 50 pending, in_progress, succeeded read, 0 match.\n")


def interrupt_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Ctrl-C while that many tasks have been read."""
    looks = iter(range(count))
    look = Reading.look

    def interrupted(self: Any, done: Any) -> None:
        if next(looks, None) is None:
            os.kill(os.getpid(), signal.SIGINT)
        look(self, done)

    monkeypatch.setattr(Reading, "look", interrupted)


def told_cursor(err: str) -> str:
    assert err.splitlines()[-1].startswith(f"To go on, give the same command with --task {SHOP} --cursor ")
    return err.rsplit(maxsplit=1)[-1]


def test_interrupted_list_goes_on(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        fail(f"t-{number}")
        CLOCK.move(1)
    with monkeypatch.context() as patched:
        interrupt_after(patched, 4)
        answer = run("ls", "--json")
    assert answer.code == 130
    assert answer.err.startswith("Interrupted: 4 pending, in_progress, failed, ignored, succeeded read, 4 match.")
    rest = run("ls", "--json", "--cursor", told_cursor(answer.err)).json
    listed = [each["task_id"] for part in (answer.json, rest) for each in part["tasks"]]
    assert listed == [f"t-{number}" for number in reversed(range(9))]


def test_interrupt_while_tasks_are_counted_ends_stats_and_watch(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> dict[int, int]:
        os.kill(os.getpid(), signal.SIGINT)
        return {}

    monkeypatch.setattr(Order, "count_by_status", interrupted)
    assert (run("stats").code, run("stats").err) == (130, "Error: Interrupted.\n")
    assert run("watch").code == 0


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_interrupted_export_goes_on_to_the_same_file(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suffix: str
) -> None:
    for number in range(9):
        fail(f"t-{number}")
        CLOCK.move(1)
    whole, parted = tmp_path / f"whole.{suffix}", tmp_path / f"parted.{suffix}"
    with monkeypatch.context() as patched:
        interrupt_after(patched, 4)
        answer = run("export", "--output", str(parted))
    assert (answer.code, parted.exists()) == (130, False)
    assert f"They are in {parted}.part." in answer.err
    going_on = ("export", "--output", str(parted), "--cursor", told_cursor(answer.err))
    for other in (["--status", "failed"], ["--cursor", "e30="], ["--output", str(whole)]):
        assert run(*going_on, *other).code == 2
    assert run("export", "--output", str(parted), "--cursor", told_cursor(answer.err)).code == 0
    assert run("export", "--output", str(whole)).code == 0
    assert parted.read_text() == whole.read_text()
    assert len(list(tmp_path.iterdir())) == 2


def test_ids_are_taken_as_a_list_shows_them(run: Any) -> None:
    Order.make_and_save("a\x1b[31m\nb")
    Order.make_and_save("c\\x41")
    for task_id in ("a\\x1b[31m\\nb", "a\x1b[31m\nb", "shop____a\\x1b[31m\\nb"):
        assert run("show", task_id, "--json").json["task_id"] == "a\x1b[31m\nb"
    assert run("show", "c\\x41", "--json").json["task_id"] == "c\\x41"
    assert run("rerun", "a\\x1b[31m\\nb", "--reason", "again").code == 0


def test_beginning_of_an_id_is_answered_with_those_that_begin_so(run: Any) -> None:
    for name in ("invoice-1", "invoice-2", "order-1"):
        Order.make_and_save(name)
    told = run("show", "invoice").err
    assert "Did you mean 'invoice-2', 'invoice-1'? Searched were the newest 500 tasks of each status (3)." in told
    assert "Did you mean 'order-1'" in run("show", "oder-1").err
    assert "No id among the newest 500 tasks of each status (3) begins with it or is similar." in run("show", "xyz").err


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ls --status f", ["failed"]),
        ("ls --step ", ["Order", "Delivery"]),
        ("stats --step D", ["Delivery"]),
        ("show inv", ["invoice-2", "invoice-1"]),
        ("rerun order-1 inv", ["invoice-2", "invoice-1"]),
        ("show --task no.such:THING inv", []),
    ],
)
def test_the_shell_completes_statuses_steps_and_ids(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, offered: list[str]
) -> None:
    for name in ("invoice-1", "invoice-2", "order-1"):
        Order.make_and_save(name)
        CLOCK.move(1)
    monkeypatch.setenv("_STATUS_TRACKER_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"status-tracker {line}")
    with pytest.raises(SystemExit):
        app(prog_name="status-tracker")
    out = capsys.readouterr().out
    assert [
        name for name in ("failed", "Order", "Delivery", "invoice-2", "invoice-1", "order-1") if f'"{name}"' in out
    ] == (offered)


class Terminal(io.StringIO):
    """A terminal of 80 columns that knows no colours."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Any:
    def seen(*arguments: str) -> list[str]:
        terminal = Terminal()
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr(sys, "stdout", terminal)
        app(arguments, standalone_mode=False)
        return [line.rstrip() for line in terminal.getvalue().splitlines()]

    return seen


def test_ls_at_80_columns(seen: Any) -> None:
    with pytest.raises(OutOfStockError), Order.start("invoice-1", create=True):
        raise OutOfStockError("none left, and " * 9)
    CLOCK.move(300)
    Order.make_and_save("invoice-2")
    assert seen("ls") == [
        "",
        " Task        Status          Failed   Run   Since   Last error",
        " ───────────────────────────────────────────────────────────────────────────",
        " invoice-2   Order pending        0     0     0 s",
        " invoice-1   Order failed         1     0   5 min   OutOfStockError('none l…",
        "",
    ]


def test_a_long_id_is_never_broken_at_80_columns(seen: Any) -> None:
    fail(LONG)
    Order.make_and_save("b")
    assert seen("ls") == [
        "",
        " Status          Failed   Run   Since   Last error",
        " ───────────────────────────────────────────────────────────────────",
        LONG,
        " Order failed         1     0     0 s   OutOfStockError('none left')",
        "b",
        " Order pending        0     0     0 s",
        "",
    ]


def test_stats_at_80_columns(seen: Any) -> None:
    some_of_each()
    PIPELINE.pause(reason="maintenance of the warehouse, until the last lorry is unloaded", by="ann@example.com")
    assert seen("stats") == [
        "",
        " Step       Status        Code   Tasks   Oldest",
        " ──────────────────────────────────────────────",
        " Order      pending         10       1      0 s",
        "            in_progress     20       0",
        "            failed          30       1      0 s",
        "            ignored         50       0",
        " Delivery   pending         40       1      0 s",
        "            in_progress     70       0",
        "            failed          80       0",
        "            succeeded       90       1",
        "            ignored        100       0",
        "",
        " total                               4",
        "",
        "Everything is paused by ann@example.com since 2026-01-02T12:00:00+00:00:",
        "maintenance of the warehouse, until the last lorry is unloaded",
        "Finished: 1.0 a minute over the last 60 s.",
    ]


def test_watch_at_80_columns(seen: Any) -> None:
    Order.make_and_save(LONG)
    shown = seen("watch", "--looks", "1")
    assert shown[0] == "shop, 12:00:00 UTC"
    assert LONG in shown
    assert max(map(len, shown)) <= 80


def test_show_of_what_cannot_be_read_says_what_its_backend_says(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "The item 'shop____a' cannot be read: attribute run: TypeError: one. Mend it in the table, or delete it."

    def refuse(*_: Any, **__: Any) -> None:
        raise st.TaskUnreadableError(told, task_id="a")

    Order.make_and_save("a")
    monkeypatch.setattr(Order, "get_one_or_none", refuse)
    answer = run("show", "a")
    assert (answer.code, answer.out, answer.err) == (1, "", f"Error: {told}\n")
