"""`rerun`, `ignore`, `unignore`, `unlock`."""

from __future__ import annotations

from typing import Any

import pytest

import status_tracker as st
from status_tracker.cli.errors import Code
from status_tracker.cli.tally import Tally
from status_tracker.operations.actions import Action, ActionOutcome, Kind
from status_tracker.operations.filters import Matching
from status_tracker.testing import BackendError, Fault
from tests.unit.cli.conftest import fail, stored
from tests.unit.cli.shop import CLOCK, Order

PIPELINE = "tests.unit.cli.shop:PIPELINE"
MENDED = ("--reason", "mended")


def actions(task_id: str) -> list[tuple[str, str, str]]:
    return [(each["action"], each["reason"], each["by"]) for each in stored(task_id).errors.get("actions", [])]


def test_tasks_are_rerun_by_their_ids(run: Any) -> None:
    fail("a")
    fail("b")
    answer = run("rerun", "a", "shop____b", *MENDED)
    assert answer.code == 0
    assert answer.out.splitlines()[-1].split() == ["done", "2"]
    assert actions("a") == actions("b") == [("rerun", "mended", "ann@laptop")]
    assert Order.dispatched == ["a", "b"]


@pytest.mark.parametrize(("typed", "code", "status"), [("y\n", 0, 10), ("n\n", 1, 90)])
def test_a_person_is_asked_before_a_task_leaves_a_later_step(
    run: Any, typed: str, code: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker.cli.acting.can_ask", lambda: True)
    Order.make_and_save("a", _status=90)
    fail("b")
    answer = run("rerun", "a", "b", *MENDED, "--task", PIPELINE, typed=typed)
    assert answer.code == code
    assert answer.err.startswith("a has succeeded in Delivery; this restarts it at Order\nrerun 2 tasks? [y/N]:")
    assert (stored("a").status, stored("b").status) == (status, min(status, 30))


def test_a_task_leaves_a_later_step_only_if_that_is_meant(run: Any) -> None:
    Order.make_and_save("done", _status=90)
    Order.make_and_save("waiting", _status=40)
    answer = run("rerun", "done", "waiting", "none", *MENDED, "--task", PIPELINE)
    assert (answer.code, Order.dispatched) == (2, [])
    assert answer.err.splitlines() == [
        "done has succeeded in Delivery; this restarts it at Order",
        "Error: Nobody can be asked here: give --yes to restart at Order.",
    ]
    assert run("rerun", "done", "waiting", *MENDED, "--task", PIPELINE, "--yes").code == 0
    assert (stored("done").status, stored("waiting").status) == (10, 40)
    assert run("rerun", "waiting", *MENDED).code == 0, "the class was named"
    assert stored("waiting").status == 10


def test_what_waits_for_the_second_step_has_not_succeeded(run: Any) -> None:
    Order.make_and_save("done", _status=90)
    Order.make_and_save("waiting", _status=40)
    succeeded = ("rerun", "--status", "succeeded", *MENDED, "--task", PIPELINE)
    answer = run(*succeeded, "--dry-run")
    assert answer.err == "Tasks that are succeeded in Delivery restart at Order.\nMatching: 1 task.\n"
    assert answer.out.splitlines()[1].split()[:3] == ["done", "Delivery", "succeeded"]
    assert run(*succeeded, "--yes").code == 0
    assert (stored("done").status, stored("waiting").status) == (10, 40)


def test_a_task_of_the_first_step_is_rerun_unasked(run: Any) -> None:
    fail("a")
    assert run("rerun", "a", *MENDED, "--task", PIPELINE).code == 0


def test_each_of_several_ids_is_told_of(run: Any) -> None:
    fail("a")
    Order.start("held", create=True).__enter__()
    answer = run("rerun", "none", "held", "a", *MENDED, "--by", "bob", "--json")
    assert answer.code == 1
    assert answer.json["counts"] == {"vanished": 1, "locked": 1, "done": 1}
    assert [(each["task_id"], each["outcome"]) for each in answer.json["troubles"]] == [
        ("none", "vanished"),
        ("held", "locked"),
    ]
    assert actions("a") == [("rerun", "mended", "bob")]
    assert stored("held").is_in_progress()
    assert actions("held") == []


def test_running_task_is_refused_and_left_as_it_is(run: Any) -> None:
    Order.start("a", create=True).__enter__()
    before = stored("a")
    answer = run("rerun", "a", *MENDED)
    assert answer.code == 1
    assert "a: locked: Task(use_case_id='shop', task_id='a') is locked by another worker until" in answer.err
    assert stored("a") == before


def test_all_that_match_are_rerun(run: Any) -> None:
    for n in range(15):
        fail(f"{'ab'[n % 2]}/{n}")
    answer = run("rerun", "--status", "failed", "--id-prefix", "a/", *MENDED, "--yes", "--json", "--run-id", "r1")
    assert answer.code == 0
    assert answer.json["counts"] == {"done": 8}
    assert "--run-id r1 completes it" in answer.err
    assert Order.count_by_status()[10] == 8
    again = run("rerun", "--status", "failed", "--id-prefix", "a/", *MENDED, "--yes", "--json", "--run-id", "r1")
    assert (again.code, again.json["counts"]) == (0, {"repeated": 8})
    assert {stored(f"a/{n}").run for n in range(0, 15, 2)} == {1}


def test_failed_and_ignored_ones_are_meant_unless_said(run: Any) -> None:
    fail("failed")
    Order.make_and_save("pending")
    Order.make_and_save("ignored")
    Order.ignore("ignored", reason="no")
    assert run("rerun", "--since", "1h", *MENDED, "-y", "--json").json["counts"] == {"done": 2}
    assert actions("pending") == []


def test_dry_run_tells_how_many_and_the_first(run: Any) -> None:
    for n in range(12):
        fail(f"{n:02}")
    answer = run("rerun", "--status", "failed", "--dry-run")
    assert answer.code == 0
    assert answer.err == "Matching: 12 tasks.\n"
    assert [line.split()[0] for line in answer.out.splitlines()[1:]] == [f"{n:02}" for n in range(10)]
    told = run("rerun", "--status", "failed", "--dry-run", "--json", "--limit", "5").json
    assert (told["matching"], len(told["sample"])) == (5, 5)
    assert Order.count_by_status()[30] == 12


@pytest.mark.parametrize(("typed", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 2), ("", 1, 2)])
def test_a_person_is_asked_first(run: Any, typed: str, code: int, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("status_tracker.cli.acting.can_ask", lambda: True)
    fail("a")
    fail("b")
    answer = run("rerun", "--status", "failed", *MENDED, typed=typed)
    assert answer.code == code
    assert "Matching: 2 tasks." in answer.err
    assert Order.count_by_status()[30] == left


def test_without_anybody_to_ask_nothing_is_done(run: Any) -> None:
    fail("a")
    answer = run("rerun", "--status", "failed", *MENDED)
    assert answer.code == 2
    assert "give --yes" in answer.err
    assert stored("a").is_failed()


def test_nothing_matches(run: Any) -> None:
    answer = run("rerun", "--status", "failed", *MENDED, "--yes")
    assert answer.code == 1
    assert answer.err.endswith("No task matches.\n")


def test_limit_and_cursor(run: Any) -> None:
    for n in range(5):
        fail(str(n))
        CLOCK.move(1)
    filters = ("--status", "failed", *MENDED, "--yes", "--json")
    first = run("rerun", *filters, "--limit", "2")
    assert first.json["counts"] == {"done": 2}
    rest = run("rerun", *filters, "--cursor", first.json["cursor"])
    assert rest.json["counts"] == {"done": 3}


def test_ignore_unignore_and_unlock(run: Any) -> None:
    fail("a")
    assert run("ignore", "--status", "failed", *MENDED, "-y").code == 0
    assert stored("a").is_ignored()
    assert run("ignore", "a", *MENDED).code == 1
    assert run("unignore", "--since", "1h", *MENDED, "-y").code == 0
    assert stored("a").is_pending()
    Order.start("a").__enter__()
    assert run("unlock", "a", *MENDED).code == 0
    assert not stored("a").is_locked()
    assert [each[0] for each in actions("a")] == ["ignore", "unignore", "unlock"]
    assert run("unlock", "a", *MENDED).code == 1


def test_what_cannot_be_dispatched_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: Any) -> None:
        raise ConnectionError("no \x1b route")

    fail("a")
    monkeypatch.setattr(Order, "dispatch", unreachable)
    answer = run("rerun", "a", *MENDED, "--run-id", "r1")
    assert answer.code == 1
    assert "a: undispatched: The rerun is recorded, but the task could not be dispatched" in answer.err
    assert "\x1b" not in answer.err


def test_run_that_has_only_to_dispatch_is_completed(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail("a")
    Order.rerun("a", reason="mended", request_id="r1")
    monkeypatch.setattr("status_tracker.cli.acting.can_ask", lambda: True)
    answer = run("rerun", "--status", "failed", *MENDED, "--run-id", "r1", typed="y\n")
    assert answer.code == 0
    assert Order.dispatched == ["a"]


def test_outage_in_the_middle_ends_it_with_what_was_done(run: Any) -> None:
    for n in range(40):
        fail(f"{n:02}")
        CLOCK.move(1)
    Order.storage.befall(Fault.BROKEN, 30)
    answer = run("rerun", "--status", "failed", *MENDED, "--yes", "--run-id", "r1")
    assert answer.code == 3
    assert "Stopped: 20 tasks failed one after the other" in answer.err
    Order.storage.forget_faults()
    assert run("rerun", "--status", "failed", *MENDED, "--yes", "--run-id", "r1").code == 0
    assert {stored(f"{n:02}").run for n in range(40)} == {1}


def test_all_that_was_done_is_told_where_the_listing_fails(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(40):
        fail(f"{n}")
    CLOCK.move(5)
    following, left = Matching.__next__, iter(range(20))

    def throttled(matching: Any) -> Any:
        if next(left, None) is None:
            raise ConnectionError("throttled")
        return following(matching)

    with monkeypatch.context() as failing, pytest.raises(ConnectionError):
        failing.setattr("status_tracker.cli.acting._count", lambda *_: None)
        failing.setattr("status_tracker.cli.acting.Tally.tell", lambda tally, *_: told.update(tally.counts))
        told: dict[str, int] = {}
        failing.setattr(Matching, "__next__", throttled)
        run("rerun", "--status", "failed", *MENDED, "--yes")
    assert told == {"done": Order.count_by_status()[10]}


def test_outage_from_the_first_task_on_tells_no_place_to_go_on_from(run: Any) -> None:
    for n in range(25):
        fail(f"{n:02}")
    Order.storage.befall(Fault.BROKEN, 60)
    answer = run("rerun", "--status", "failed", *MENDED, "--yes", "--run-id", "r1")
    assert (answer.code, answer.err.rstrip().rpartition("To go on: ")[2]) == (3, "--run-id r1")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Give either task ids or a filter"),
        (["a", "--status", "failed"], "Give either task ids or a filter"),
        (["a", "--limit", "3"], "--limit goes with a filter"),
        (["a", "--dry-run"], "--dry-run goes with a filter"),
        (["--status", "failed", "--yes", "--limit", "0"], "limit is 0"),
        (["--status", "failed", "--yes", "--limit", "-1"], "limit is -1"),
        (["--status", "failed", "--yes", "--rate", "0"], "rate is 0"),
        (["--status", "failed", "--yes", "--run-id", ""], "run_id is ''"),
        (["--status", "failed", "--yes", "--run-id", "x" * 101], "run_id is"),
        (["--status", "failed", "--yes", "--cursor", "x"], "not one that a result gave"),
        (["--status", "broken", "--yes"], "There is no status 'broken': give a code, or one of pending (10)"),
        (["--status", "failed", "--since", "soon", "--yes"], "--since is 'soon': give an age"),
        (["--since", "1h", "--until", "2h", "--yes"], "is not before until"),
        (["--error-text", "", "--yes"], "error_text is ''"),
        (["--id-prefix", "", "--yes"], "--id-prefix is empty"),
        (["--since", "999999w", "--yes"], "--since is '999999w'"),
        (["--since", "0001-01-01T00:00:00+23:00", "--yes"], "--since is '0001-01-01"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_changes(run: Any, arguments: list[str], told: str) -> None:
    fail("a")
    answer = run("rerun", *MENDED, *arguments)
    assert answer.code == 2
    assert answer.err.startswith("Error: ")
    assert told in answer.err
    assert answer.err.count("\n") == 1
    assert stored("a").is_failed()


def test_a_reason_is_wanted(run: Any) -> None:
    fail("a")
    for reason in ([], ["--reason", " "]):
        answer = run("rerun", "a", *reason)
        assert answer.code == 2
        assert "say why with --reason" in answer.err
    assert actions("a") == []


@pytest.mark.parametrize(
    ("error", "code"), [(st.TaskUnreadableError("damaged"), Code.NOT_ALL), (BackendError("gone"), Code.UNREACHABLE)]
)
def test_a_task_that_cannot_be_read_is_no_database_that_cannot_be_reached(error: Exception, code: Code) -> None:
    tally = Tally(Action.IGNORE, "r1")
    tally.add(ActionOutcome("a", Kind.FAILED, str(error), error))
    assert tally.code == code
