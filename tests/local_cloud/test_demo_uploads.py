"""What the demo uploads of a folder, and what it says of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.running import find_documents, upload_documents
from demo.tracking import STACK
from status_tracker_local.cloud import LocalCloud


def write(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name.encode(errors="replace").decode())


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / ".a folder that is asked for"
    write(folder, "b.pdf", "sub/a.pdf", ".DS_Store", ".git/config", "sub/.cache/x.pdf")
    found = find_documents(folder)
    assert [file.relative_to(folder).as_posix() for file in found.files] == ["b.pdf", "sub/a.pdf"]
    assert found.hidden == 3


def test_a_folder_with_hidden_files_only_is_told(tmp_path: Path) -> None:
    write(tmp_path, ".git/config")
    with pytest.raises(ValueError, match="no files in it but hidden ones"):
        find_documents(tmp_path)


def test_a_file_that_cannot_be_uploaded_keeps_no_other_from_it(
    cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(cloud.outputs, STACK, {"DocumentBucketName": "uploads-of-a-demo"})
    cloud.client("s3").create_bucket(Bucket="uploads-of-a-demo")
    write(tmp_path, "a.pdf", "new\nline.pdf", os.fsdecode(b"not-\xff-utf8.pdf"), "vanished.pdf", "z.pdf")
    found = find_documents(tmp_path)
    (tmp_path / "vanished.pdf").unlink()
    documents, failures = upload_documents(cloud, found)
    assert [document.key for document in documents] == ["a.pdf", "z.pdf"]
    newline, not_utf8, vanished = failures
    assert newline.startswith("new?line.pdf: its name has a control character")
    assert not_utf8 == "not-?-utf8.pdf: its name is not UTF-8; rename it"
    assert vanished == "vanished.pdf: No such file or directory"
    assert capsys.readouterr().out.splitlines() == [f"Not uploaded: {line}" for line in failures]
