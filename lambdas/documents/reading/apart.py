"""Reading in a process of its own, which may crash, hang or eat memory without taking the function with it."""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from documents.reading.bounds import HeavyDocumentError
from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from documents.reading.extracted import ExtractedDocument
    from documents.reading.reader import DocumentReader

_PIECE = 1 << 20
_FULL = 0.9
_TOO_MUCH_MEMORY = "Reading the PDF needs more memory than the function has"
_DO = " Print it to a new PDF and upload that, or split it into smaller documents."


class CarefulReader:
    """Reads `here`, and `apart` what is too heavy for that; see `HeavyDocumentError`."""

    def __init__(self, here: DocumentReader, apart: DocumentReader) -> None:
        self._here, self._apart = here, apart

    def read(self, content: bytes) -> ExtractedDocument:
        """Read a whole file; see `DocumentReader.read`."""
        try:
            return self._here.read(content)
        except HeavyDocumentError:
            return self._apart.read(content)


class ApartReader:
    """
    Reads with another reader in a fork of this process.

    A fork costs more than reading most documents: it is for one that may be too heavy, and for one on which an attempt
    has vanished already.

    Args:
        seconds: how long reading may take.
        memory_bytes: how much memory it may take besides what the process has; None for no bound.
    """

    def __init__(self, reader: DocumentReader, *, seconds: float, memory_bytes: int | None = None) -> None:
        self._reader, self._seconds, self._memory_bytes = reader, seconds, memory_bytes

    def read(self, content: bytes) -> ExtractedDocument:
        """Read a whole file; see `DocumentReader.read`. A crash, and too much time or memory, are the file's."""
        answers, asks = os.pipe()
        had = _bytes_of("RssAnon")  # of what is mapped from files a fork begins with nothing
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads are not needed where this reads
            child = os.fork()
        if child == 0:
            self._read_as_child(content, asks)
        os.close(asks)
        try:
            answer = _all_from(answers, time.monotonic() + self._seconds)
        finally:
            os.close(answers)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
        if answer is None:
            raise NonRetryableError(
                f"Reading the PDF takes longer than {self._seconds:.0f} s.{_DO} Or raise the step's timeout and memory."
            )
        if not answer:
            raise NonRetryableError(
                f"{self._why_ended(status, usage.ru_maxrss * 1024 - had)} ({_end_of(status)}).{_DO}"
            )
        return _unpacked(answer)

    def _why_ended(self, status: int, peak: int) -> str:
        """What has ended it; the system ends what takes too much by SIGKILL.

        Args:
            peak: the bytes of memory that it had at most, besides what it began with.
        """
        is_full = self._memory_bytes is not None and peak >= _FULL * self._memory_bytes
        if is_full or os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
            return _TOO_MUCH_MEMORY
        if os.waitstatus_to_exitcode(status) == -signal.SIGABRT:
            return "The reader crashed on this PDF, or had not enough memory"
        return "The reader crashed on this PDF"

    def _read_as_child(self, content: bytes, asks: int) -> NoReturn:
        try:
            if self._memory_bytes is not None:
                bound = _bytes_of("VmData") + self._memory_bytes
                resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))
            try:
                answer: tuple[str, Any] = ("read", self._reader.read(content))
            except NonRetryableError as error:
                answer = ("refused", str(error))
            except MemoryError:
                answer = ("refused", f"{_TOO_MUCH_MEMORY}.{_DO}")
            except Exception as error:  # noqa: BLE001  # told by the parent
                answer = ("failed", f"{type(error).__name__}: {error}")
            with os.fdopen(asks, "wb") as file:
                pickle.dump(answer, file)
        finally:
            os._exit(0)


def _unpacked(answer: bytes) -> ExtractedDocument:
    what, told = pickle.loads(answer)  # noqa: S301  # of a fork of this process
    if what == "refused":
        raise NonRetryableError(told)
    if what == "failed":
        raise RuntimeError(told)
    document: ExtractedDocument = told
    return document


def _all_from(answers: int, end: float) -> bytes | None:
    """All that the child writes; None where it is not done in time."""
    pieces: list[bytes] = []
    while select.select([answers], [], [], max(end - time.monotonic(), 0))[0]:
        piece = os.read(answers, _PIECE)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
    return None


def _end_of(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _bytes_of(name: str) -> int:
    """How much memory of that kind this process has."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(f"{name}:"))
