"""Reading in a process of its own: real forks, which crash, hang and run out of memory."""

from __future__ import annotations

import os
import signal
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from documents.reading.apart import ApartReader, CarefulReader
from documents.reading.bounds import HeavyDocumentError
from documents.reading.extracted import ExtractedDocument
from documents.reading.reader import PdfReader
from status_tracker import NonRetryableError
from tests.support.pdf_files import PdfFile, forms_within_forms, stream, text

INVOICE = PdfFile([text("Total: 5")]).to_bytes()


class Reader:
    """Does something instead of reading."""

    def __init__(self, does: Callable[[], object]) -> None:
        self._does = does

    def read(self, _content: bytes) -> ExtractedDocument:
        self._does()
        raise AssertionError("it came back")


def hang() -> None:
    while True:
        time.sleep(60)


def eat() -> None:
    bytearray(2 << 30)


def test_what_is_read_comes_back_as_it_is() -> None:
    assert ApartReader(PdfReader(), seconds=60).read(INVOICE) == PdfReader().read(INVOICE)


def test_a_reason_comes_back() -> None:
    with pytest.raises(NonRetryableError, match="The file is empty"):
        ApartReader(PdfReader(), seconds=60).read(b"")


@pytest.mark.parametrize("end", [signal.SIGSEGV, signal.SIGABRT, signal.SIGTRAP])
def test_a_crash_is_told(end: signal.Signals) -> None:
    reader = Reader(lambda: os.kill(os.getpid(), end))
    with pytest.raises(NonRetryableError, match=rf"The reader crashed on this PDF.* \({end.name}\)\. Print it"):
        ApartReader(reader, seconds=60).read(INVOICE)


def test_what_takes_too_long_is_ended_and_told() -> None:
    with pytest.raises(NonRetryableError, match=r"takes longer than 0 s\..* split it .* raise the step's timeout"):
        ApartReader(Reader(hang), seconds=0.3).read(INVOICE)


def test_memory_has_a_bound() -> None:
    with pytest.raises(NonRetryableError, match="needs more memory than the function has"):
        ApartReader(Reader(eat), seconds=60, memory_bytes=200 << 20).read(INVOICE)


def test_memory_that_the_process_had_before_is_none_that_reading_takes() -> None:
    reader, mine = Reader(lambda: os.kill(os.getpid(), signal.SIGSEGV)), b"x" * (300 << 20)
    with pytest.raises(NonRetryableError, match="The reader crashed on this PDF"):
        ApartReader(reader, seconds=60, memory_bytes=len(mine)).read(INVOICE)


def test_other_errors_are_worth_a_retry() -> None:
    with pytest.raises(RuntimeError, match="AssertionError: it came back"):
        ApartReader(Reader(lambda: None), seconds=60).read(INVOICE)


def test_no_process_is_left(tmp_path: Path) -> None:
    told = tmp_path / "process"
    reader = Reader(lambda: told.write_text(str(os.getpid())))
    with pytest.raises(RuntimeError, match="it came back"):
        ApartReader(reader, seconds=60).read(INVOICE)
    with pytest.raises(ProcessLookupError):  # one that nobody has waited for would still be there
        os.kill(int(told.read_text()), 0)


def test_only_what_is_heavy_is_read_apart() -> None:
    def fail() -> None:
        raise HeavyDocumentError

    light = CarefulReader(PdfReader(heavy=False), Reader(hang))
    heavy = CarefulReader(Reader(fail), PdfReader())
    assert light.read(INVOICE) == heavy.read(INVOICE) == PdfReader().read(INVOICE)


@pytest.mark.parametrize(
    "entries",
    ["/Filter 1000 0 R", "/Filter [1000 0 R]", "/Filter/Fl#61teDecode", f"/Filter/FlateDecode/X({5000 * 'x'})"],
)
def test_what_a_page_unpacks_to_is_known_or_read_apart(entries: str) -> None:
    page = zlib.compress(80_000 * b"0 0 m 600 800 l 0 800 l 600 0 l 300 300 l 200 700 l 5 9 l h f\n")
    content = PdfFile([stream(page, entries)], {1000: b"/FlateDecode"}).to_bytes()
    with pytest.raises(HeavyDocumentError):
        PdfReader(heavy=False).read(content)


def test_memory_that_pdfium_does_not_get_is_told() -> None:
    with pytest.raises(NonRetryableError, match=r"needs more memory than the function has \(SIG.*split it"):
        ApartReader(PdfReader(), seconds=60, memory_bytes=100 << 20).read(forms_within_forms(levels=40))
