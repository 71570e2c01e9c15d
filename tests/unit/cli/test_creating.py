"""`create`: tasks by their ids, or by the lines of a file."""

from __future__ import annotations

import io
import json
import os
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from status_tracker.testing import Fault, MemoryTask
from tests.unit.cli.conftest import fail, stored
from tests.unit.cli.shop import Order

LINES = b"""\xef\xbb\xbfa
{"id": "b", "data": {"pages": 3}}

  c d \r
{"id": 7}
a
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ids.txt"
    path.write_bytes(LINES)
    return path


def test_tasks_are_created_by_their_ids(run: Any) -> None:
    fail("b")
    answer = run("create", "a", "b")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.split() == ["Outcome", "Tasks", "created", "1", "existed", "1"]
    assert (stored("a").status_name, stored("b").status_name) == ("pending", "failed")
    assert Order.dispatched == []


def test_tasks_are_created_by_the_lines_of_a_file(run: Any, file: Path) -> None:
    answer = run("create", "--from", str(file), "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json == {"counts": {"created": 4, "existed": 1}, "troubles": [], "stopped": False}
    assert [stored(each).data for each in ("a", "b", "c d", "7")] == [{}, {"pages": 3}, {}, {}]
    again = run("create", "--from", "-", "--json", typed=LINES.decode("utf-8"))
    assert (again.code, again.json["counts"]) == (0, {"existed": 5})


def test_wrong_lines_are_told_by_their_numbers_and_the_others_go_on(run: Any, file: Path) -> None:
    wrong = [
        b'{"id": "x", "Data": {}}',
        b'{"id": ',
        b"\xff\xfe",
        b'{"id": ""}',
        b"y" * 3000,
        b'{"id": "v", "data": [1]}',
    ]
    file.write_bytes(b"a\n" + b"\n".join(wrong) + b"\nz")
    answer = run("create", "--from", str(file))
    assert answer.code == 1
    assert answer.out.split() == ["Outcome", "Tasks", "created", "2", "failed", "6"]
    told = [line.split(": ")[0] for line in answer.err.splitlines()]
    assert sorted(told) == [f"line {number}" for number in range(2, 8)]
    assert 'line 2: failed: It has Data, id: give {"id": …}' in answer.err
    assert stored("z").is_pending()


@pytest.mark.parametrize(
    ("lines", "wrong", "message"),
    [
        (b'"a"\n"b"\n', 2, 'It begins as JSON, and is no object: give an id, or {"id": …}.'),
        (b'["a", "b"]\n', 1, "It begins as JSON, and is no object"),
        (b'[\n  {\n    "id": "a"\n  }\n]\n', 5, "It begins as JSON, and is no object"),
        (b"a\rb\rc\r", 1, "It holds a carriage return: end each line with a line feed."),
    ],
)
def test_a_file_of_another_format_creates_nothing(run: Any, file: Path, lines: bytes, wrong: int, message: str) -> None:
    """As `jq` writes what it finds without `--raw-output`, and as old spreadsheets end their lines."""
    file.write_bytes(lines)
    answer = run("create", "--from", str(file), "--json")
    assert (answer.code, answer.json["counts"]) == (1, {"failed": wrong})
    assert message in answer.json["troubles"][0]["message"]
    assert not list(MemoryTask.storage.tasks())


def test_an_id_that_looks_like_json_is_given_in_an_object(run: Any, file: Path) -> None:
    file.write_bytes(b'{"id": "[1]"}\n')
    assert run("create", "--from", str(file)).code == 0
    assert stored("[1]").is_pending()


def test_a_file_of_another_encoding_creates_nothing(run: Any, file: Path) -> None:
    """As a shell of Windows writes what is redirected: from the second line on it would be UTF-8."""
    file.write_bytes("a\nb\nc\n".encode("utf-16"))
    answer = run("create", "--from", str(file), "--json")
    assert (answer.code, answer.json["counts"]) == (1, {"failed": 4})
    assert "save the file as UTF-8" in answer.json["troubles"][1]["message"]
    assert not list(MemoryTask.storage.tasks())


def test_what_was_created_before_the_file_could_not_be_read_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Torn(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            if line := super().readline(size):
                return line
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("status_tracker.cli.creating._opened", lambda _: nullcontext(Torn(b"a\n")))
    answer = run("create", "--from", "torn.txt", "--json")
    assert (answer.code, answer.json["counts"]) == (2, {"created": 1})
    assert answer.err.endswith("Error: --from torn.txt cannot be read: Input/output error.\n")


def test_a_line_without_an_end_is_not_read_whole(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    class Watched(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            line = super().readline(size)
            read.append(len(line))
            return line

    lines = b"a\n" + b"b" * 990 + b"\n" + b"x" * 5000 + b"\nc\n" + b"\0" * 5000
    monkeypatch.setattr("status_tracker.cli.creating._opened", lambda _: nullcontext(Watched(lines)))
    monkeypatch.setattr("status_tracker.cli.creating.LONGEST_LINE", 1000)
    answer = run("create", "--from", "image.bin", "--json")
    assert (answer.code, answer.json["counts"], max(read)) == (1, {"created": 3, "failed": 2}, 1001)
    assert [each["line"] for each in answer.json["troubles"]] == [3, 5]
    assert "more than 1,000 bytes" in answer.json["troubles"][0]["message"]


def test_a_dry_run_checks_the_lines_and_creates_nothing(run: Any, file: Path) -> None:
    answer = run("create", "--from", str(file), "--dry-run")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "Valid: 5 tasks. Nothing was created, nor looked for.\n"
    file.write_bytes(LINES + json.dumps({"id": "large", "data": {"text": "x" * 400_000}}).encode())
    answer = run("create", "--from", str(file), "--dry-run", "--json")
    assert (answer.code, answer.json["valid"], answer.json["failed"]) == (1, 5, 1)
    assert [(each["line"], each["task_id"]) for each in answer.json["troubles"]] == [(7, "large")]
    assert not list(MemoryTask.storage.tasks())


def test_their_work_is_started_where_it_is_asked_for(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Order.make_and_save("waits")
    fail("failed")
    assert run("create", "new", "waits", "failed", "--dispatch").code == 0
    assert Order.dispatched == ["new", "waits"]

    def broken(_task: object) -> None:
        raise RuntimeError("no such workflow")

    monkeypatch.setattr(Order, "dispatch", broken)
    answer = run("create", "other", "--dispatch", "--json")
    assert (answer.code, answer.json["counts"]) == (1, {"created": 1, "undispatched": 1})
    assert answer.json["troubles"] == [
        {"task_id": "other", "outcome": "undispatched", "message": "RuntimeError: no such workflow"}
    ]


def test_it_stops_where_task_after_task_fails(run: Any, file: Path) -> None:
    file.write_text("\n".join(map(str, range(100))))
    MemoryTask.storage.befall(Fault.BROKEN, times=1000)
    answer = run("create", "--from", str(file))
    MemoryTask.storage.forget_faults()
    assert (answer.code, answer.out.split()[-2:]) == (3, ["failed", "20"])
    assert answer.err.splitlines()[-1].startswith("Stopped: task after task failed")
    assert "… more of them with --json" in answer.err
    assert run("create", "--from", str(file), "--json").json["counts"] == {"created": 100}


def test_ctrl_c_tells_what_was_done(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Order.make

    def interrupted(task_id: str, *rest: Any) -> Any:
        if task_id == "c":
            os.kill(os.getpid(), signal.SIGINT)
        return make(task_id, *rest)

    monkeypatch.setattr(Order, "make", interrupted)
    answer = run("create", "a", "b", "c", "d", "--json")
    assert (answer.code, answer.json["counts"]) == (130, {"created": 3})
    assert answer.err.splitlines()[-2:] == ["The same call again creates what is missing.", "Error: Interrupted."]
    assert Order.get_one_or_none("d") is None


def test_ctrl_c_ends_the_wait_for_a_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            if line := super().readline(size):
                return line
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the signal is raised here")

    monkeypatch.setattr("status_tracker.cli.creating._opened", lambda _: nullcontext(Pipe(b"a\nb\n")))
    answer = run("create", "--from", "-", "--json")
    assert (answer.code, answer.json["counts"]) == (130, {"created": 2})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Give either task ids or --from FILE"),
        (("a", "--from", "-"), "Give either task ids or --from FILE"),
        (("--from", "/no/such/file"), "--from /no/such/file cannot be read: No such file or directory."),
        (("--from", "/"), "--from / cannot be read: Is a directory."),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Any, arguments: tuple[str, ...], told: str) -> None:
    answer = run("create", *arguments)
    assert answer.code == 2
    assert told in answer.err


def test_an_empty_file_creates_nothing_and_says_so(run: Any) -> None:
    answer = run("create", "--from", "-", typed="\n\n")
    assert (answer.code, answer.out, answer.err) == (1, "", "There is no id.\n")


def test_a_class_that_creates_by_its_own_means_is_refused(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(MemoryTask, "create_many")
    answer = run("create", "a")
    assert (answer.code, "has no create_many" in answer.err) == (2, True)
