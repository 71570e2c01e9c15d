"""The report on a folder of documents."""

import json
import os
from pathlib import Path
from typing import NoReturn

import pytest

from documents import report
from samples import make_samples

SAMPLES = Path(make_samples.__file__).with_name("documents")


def test_a_report_has_each_document_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("in/invoice-1001.pdf", "hopeless-password.pdf"):
        (tmp_path / name).write_bytes((SAMPLES / Path(name).name).read_bytes())
    (tmp_path / "notes.txt").write_text("no document")
    report.main([str(tmp_path), str(tmp_path / "report.json")])
    refused, answered = json.loads((tmp_path / "report.json").read_text("utf-8"))["documents"]
    assert (refused["key"], refused["status"], refused["answers"]) == ("hopeless-password.pdf", "ignored", {})
    assert "password" in refused["reason"]
    assert (answered["key"], answered["status"], answered["reason"]) == ("in/invoice-1001.pdf", "succeeded", None)
    assert answered["answers"]["total"] == "EUR 1,190.00"
    assert answered["answers"]["term"] is None
    assert (answered["warnings"], answered["also_found"], answered["pages"]) == ([], {}, 1)


class Crashing:
    def read(self, _content: bytes) -> NoReturn:
        os._exit(1)


def test_a_file_that_the_reader_crashes_on_is_an_entry_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PdfReader", Crashing)
    entry = report.report_on("a.pdf", b"%PDF-1.7")
    assert entry["status"] == "ignored"
    assert "The reader crashed" in entry["reason"]


def test_a_folder_without_documents_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report.main([str(tmp_path), str(tmp_path / "report.json")])
    assert "has no PDF files" in capsys.readouterr().err
