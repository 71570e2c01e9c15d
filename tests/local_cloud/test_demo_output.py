"""What the demo shows of documents: live, line by line, and at the end."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

import status_tracker as st
from demo.display import LiveTable, PlainLines, printable, say
from demo.running import tell_outcome, write_report
from demo.tracking import Document, locate, plain_reason
from status_tracker.operations.pipeline import Pipeline


def document(key: str, step: str, status: str, *reasons: str, ended: bool = False) -> Document:
    return Document(
        key=key, task_id=f"{key}#etag", step=step, status=status, attempts=1, reasons=list(reasons), ended=ended
    )


SUCCEEDED = document("a.pdf", "Answer", "succeeded", ended=True)
IGNORED = document("b.pdf", "Extract", "ignored", "It is a video.", ended=True)
RUNNING = document("c.pdf", "Extract", "in_progress", "LeaseExpired")


def test_the_demo_has_succeeded_when_all_are_accounted_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_outcome([SUCCEEDED, IGNORED], patience=60, logs=Path("logs")) == 0
    output = capsys.readouterr().out
    assert "2 documents: 1 succeeded, 1 ignored" in output
    assert "b.pdf: It is a video." in output


def test_the_demo_has_failed_when_a_document_has_not_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_outcome([SUCCEEDED, RUNNING], patience=60, logs=Path("some/logs")) == 1
    output = capsys.readouterr().out
    assert "1 documents have not ended well within 60 s" in output
    assert "c.pdf is in progress in Extract: LeaseExpired" in output
    assert "some/logs" in output


def test_the_demo_has_failed_when_a_document_was_set_aside_without_a_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tell_outcome([document("d.pdf", "Extract", "ignored", ended=True)], patience=60, logs=Path("logs")) == 1
    assert "no reason was recorded" in capsys.readouterr().out


def test_the_demo_has_failed_when_a_file_was_not_uploaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_outcome([SUCCEEDED], patience=60, logs=Path("logs"), not_uploaded=["x.pdf: Permission denied"]) == 1
    assert "Not uploaded: 1 files\n  x.pdf: Permission denied" in capsys.readouterr().out


def test_documents_without_answers_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    other = document("z.pdf", "Answer", "succeeded", ended=True)
    tell_outcome([SUCCEEDED, other], patience=60, logs=Path("logs"))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "is answered in" in line]
    assert re.fullmatch(
        r"None of the \d+ questions of lambdas/documents/questions\.json is answered in: a\.pdf, z\.pdf", line
    )


def test_the_answers_of_many_documents_are_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = [document(f"{number}.pdf", "Answer", "succeeded", ended=True) for number in range(21)]
    documents[0].answers = {"total": "EUR 1"}
    scans = [document(f"scan-{number}.pdf", "Extract", "ignored", "It is a scan.", ended=True) for number in range(2)]
    assert tell_outcome([*documents, *scans], patience=60, logs=tmp_path) == 0
    output = capsys.readouterr().out
    assert "EUR 1" not in output
    assert str(tmp_path / "answers.json") in output
    assert "  scan-0.pdf, scan-1.pdf: It is a scan." in output
    assert json.loads((tmp_path / "answers.json").read_text("utf-8")) == {"0.pdf": {"total": "EUR 1"}}


def test_what_is_undecided_or_missing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    read = document("a.pdf", "Answer", "succeeded", ended=True)
    read.also_found, read.warnings = {"total": ["EUR 1", "EUR 2"]}, ["Page 3 of 3 cannot be read."]
    tell_outcome([read], patience=60, logs=Path("logs"))
    output = capsys.readouterr().out
    assert re.search(r"total +undecided: EUR 1 or EUR 2", output)
    assert "Note: Page 3 of 3 cannot be read." in output


def test_the_report_has_every_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read = document("a.pdf", "Answer", "succeeded", ended=True)
    read.answers, read.pages = {"total": "EUR 1"}, 2
    write_report(tmp_path / "report.json", [read, IGNORED, RUNNING])
    found, ignored, running = json.loads((tmp_path / "report.json").read_text("utf-8"))["documents"]
    assert (found["key"], found["status"], found["reason"], found["pages"]) == ("a.pdf", "succeeded", None, 2)
    assert found["answers"]["total"] == "EUR 1"
    assert found["answers"]["due_date"] is None
    assert (ignored["status"], ignored["reason"], ignored["answers"]) == ("ignored", "It is a video.", {})
    assert running["status"] == "in_progress in Extract"
    assert str(tmp_path / "report.json") in capsys.readouterr().out.replace("\n", "")


def test_a_long_line_is_broken_between_words_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    say("\n  some words, too many for-one line")
    assert capsys.readouterr().out == "\n  some words, too\n    many for-one\n    line\n"


def test_plain_lines_tell_each_move_once(capsys: pytest.CaptureFixture[str]) -> None:
    moving = document("tab\there.pdf", "Extract", "pending")
    with PlainLines() as lines:
        for status in ("pending", "in_progress", "in_progress", "succeeded"):
            moving.status = status
            lines.show([moving])
    output = capsys.readouterr().out.splitlines()
    assert [line.partition("tab?here.pdf  ")[2] for line in output] == [
        "Extract pending",
        "Extract in progress",
        "Extract succeeded",
    ]
    assert all(line.isprintable() for line in output)


def test_the_live_table_shows_every_document_and_how_many_have_ended() -> None:
    screen = io.StringIO()
    with LiveTable(Console(file=screen, force_terminal=True, width=120, height=40)) as table:
        table.show([SUCCEEDED, IGNORED, RUNNING, document("[bold]e.pdf", "Intake", "uploaded")])
    output = screen.getvalue()
    for text in ("a.pdf", "It is a video.", "in progress", "[bold]e.pdf", "2 of 4 documents have ended"):
        assert text in output


def test_the_live_table_never_outgrows_the_screen_and_keeps_the_unfinished_in_sight() -> None:
    screen = io.StringIO()
    documents = [document(f"{number}.pdf", "Answer", "succeeded", ended=True) for number in range(100)] + [RUNNING]
    with LiveTable(Console(file=screen, force_terminal=True, width=120, height=20)) as table:
        table.show(documents)
    output = screen.getvalue()
    assert "c.pdf" in output
    assert "and 89 more" in output


def test_a_table_that_was_cut_is_shown_whole_when_all_have_ended() -> None:
    screen = io.StringIO()
    documents = [document(f"{number}.pdf", "Answer", "succeeded", ended=True) for number in range(100)]
    with LiveTable(Console(file=screen, force_terminal=True, width=120, height=20)) as table:
        table.show(documents)
    whole = screen.getvalue().rpartition("Document")[2]
    assert all(f" {number}.pdf " in whole for number in range(100))


def test_a_long_name_keeps_its_end_in_a_narrow_terminal() -> None:
    screen = io.StringIO()
    named = document("a folder/with a very long name of a document-17.pdf", "Extract", "ignored", "x" * 99, ended=True)
    with LiveTable(Console(file=screen, force_terminal=True, width=90, height=20)) as table:
        table.show([named])
    assert "a folder/wi…ument-17.pdf │ Extract │" in screen.getvalue()


def step(pending: int, succeeded: int) -> type[st.BaseTask]:
    class Step(st.BaseTask):
        config = st.TrackerConfig.make("c", pending, pending + 1, pending + 2, succeeded, pending + 4, 1, 1, 1, 1, 1)

    return Step


PIPELINE = Pipeline({"Scan": step(10, 20), "Read": step(20, 30), "File": step(30, 40)})


@pytest.mark.parametrize(
    ("code", "step", "status", "ended"),
    [
        (10, "Scan", "pending", False),
        (14, "Scan", "ignored", True),
        (20, "Scan", "succeeded", False),
        (22, "Read", "failed", False),
        (30, "Read", "succeeded", False),
        (34, "File", "ignored", True),
        (40, "File", "succeeded", True),
    ],
)
def test_a_document_is_where_its_status_belongs_and_ends_with_the_last_step(
    code: int, step: str, status: str, ended: bool
) -> None:
    assert locate(code, PIPELINE) == (step, status, ended)


def test_a_status_of_no_step_is_told() -> None:
    with pytest.raises(ValueError, match="status 99, and no step"):
        locate(99, PIPELINE)


@pytest.mark.parametrize(
    ("recorded", "reason"),
    [
        ("NonRetryableError('It is a scan.')", "It is a scan."),
        ('ValueError("it\'s (not) good")', "it's (not) good"),
        ("KeyError(3)", "KeyError(3)"),
        ("OSError(2, 'No such file')", "OSError(2, 'No such file')"),
        ("cut off('in the mid", "cut off('in the mid"),
        ("Empty()", "Empty()"),
    ],
)
def test_a_recorded_error_is_told_in_words(recorded: str, reason: str) -> None:
    assert plain_reason(recorded) == reason


def test_printable_text_is_left_alone() -> None:
    assert printable("ünï 文書 ✓") == "ünï 文書 ✓"
    assert printable("a\x1b[31mb\nc") == "a?[31mb?c"
