"""
What becomes of the PDF files of a folder, without a cloud: `python -m documents.report FOLDER FILE`.

Each file is read and answered as Extract and Answer do by default. FILE gets
`{"documents": [{"key", "status", "reason", "answers", "also_found", "warnings", "pages"}]}`. `answers` has each
question, with null where there is no answer.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from documents.answering.answers import KeyValueAnswerer, summarize, summarize_undecided
from documents.questions import load_questions, load_vocabulary
from documents.reading.apart import ApartReader
from documents.reading.bounds import SECONDS
from documents.reading.reader import PdfReader
from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MEMORY_BYTES = 1 << 30
"""What reading one file may take, so that it ends no report of others; about what the deployed Extract has."""


def report_on(key: str, content: bytes) -> dict[str, Any]:
    """The entry of one document."""
    try:
        document = ApartReader(PdfReader(), seconds=2 * SECONDS, memory_bytes=_MEMORY_BYTES).read(content)
    except NonRetryableError as error:
        return entry(key, "ignored", reason=str(error))
    except RuntimeError as error:
        return entry(key, "failed", reason=str(error))
    answers = KeyValueAnswerer(load_vocabulary()).answer(document, load_questions()).answers
    return entry(
        key,
        "succeeded",
        answers=summarize(answers),
        also_found=summarize_undecided(answers),
        warnings=document.warnings,
        pages=len(document.pages),
    )


def entry(
    key: str,
    status: str,
    *,
    reason: str | None = None,
    answers: Mapping[str, str] = MappingProxyType({}),
    also_found: Mapping[str, Sequence[str]] = MappingProxyType({}),
    warnings: Sequence[str] = (),
    pages: int | None = None,
) -> dict[str, Any]:
    """One document of a report.

    Args:
        status: the status of its step, such as ``succeeded``.
        reason: why it was not read, or not yet.
        answers: what was found, by the ids of the questions.
        also_found: what was found for a question that has no answer, as several were equally right.
        warnings: what is missing or unreadable in it.
        pages: how many it has, where that is known.
    """
    asked = [question.id for question in load_questions()] if status == "succeeded" else []
    return {
        "key": key,
        "status": status,
        "reason": reason,
        "answers": {question: answers.get(question) for question in asked},
        "also_found": {question: list(values) for question, values in also_found.items()},
        "warnings": list(warnings),
        "pages": pages,
    }


def write(file: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write the report of these documents."""
    file.write_text(json.dumps({"documents": entries}, ensure_ascii=False, indent=1), "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m documents.report", description="Report on a folder of PDF files.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="its files *.pdf are read, those in folders too")
    parser.add_argument("file", type=Path, metavar="FILE", help="the report, as JSON")
    options = parser.parse_args(arguments)
    paths = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() == ".pdf")
    if not paths:
        parser.error(f"{options.folder} has no PDF files (*.pdf)")
    write(options.file, [report_on(path.relative_to(options.folder).as_posix(), path.read_bytes()) for path in paths])


if __name__ == "__main__":
    main()
