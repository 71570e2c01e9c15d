"""``python -m bench.reading [FOLDER …]``: the CPU of reading documents with PDFium beside that with pypdf.

Each reader reads all PDF files of the folders (the samples by default) in a process of its own: its start, its imports
and every file count, refused ones too. Rounds alternate between both; the figures are medians.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from bench.conductor import ROOT
from bench.stats import ratio, spread

ROUNDS = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description="Measure the readers of documents.")
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT / "samples" / "documents"])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--reader", choices=READERS, help="read with this one, here, and measure nothing")
    asked = parser.parse_args()
    files = sorted(path for folder in asked.folders for path in folder.glob("*.pdf"))
    if not files:
        parser.error(f"no *.pdf in {', '.join(map(str, asked.folders))}")
    if asked.reader:
        read_all(READERS[asked.reader], files)
        return 0
    print(table(measured(asked.folders, asked.rounds), len(files)))  # noqa: T201
    return 0


def measured(folders: list[Path], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each reader's whole process, round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(rounds):
        for name, found in seconds.items():
            found.append(_cpu_of([sys.executable, "-m", "bench.reading", "--reader", name, *map(str, folders)]))
    return seconds


def table(seconds: dict[str, list[float]], files: int) -> str:
    """The figures in words, one line a reader and one for their ratio."""
    lines = [f"{name:8} {spread(found).median:6.2f} s of CPU for {files} files" for name, found in seconds.items()]
    return "\n".join([*lines, f"ratio    {ratio(seconds['pdfium'], seconds['pypdf']).median:6.2f}"])


def _cpu_of(command: list[str]) -> float:
    process = subprocess.Popen(command, cwd=ROOT, env=_environment())  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("layer", "lambdas", ""))}


def read_all(load: Callable[[], Callable[[bytes], object]], files: list[Path]) -> None:
    """Read every file, whatever becomes of it."""
    read = load()
    for path in files:
        try:
            read(path.read_bytes())
        except Exception:  # noqa: BLE001, S112  # a file that is refused has cost its time too
            continue


def _pdfium() -> Callable[[bytes], object]:
    from documents.reading.reader import PdfReader  # noqa: PLC0415

    return PdfReader().read


def _pypdf() -> Callable[[bytes], object]:
    """What Extract did until it read with PDFium."""
    import logging  # noqa: PLC0415

    import pypdf  # noqa: PLC0415

    import status_tracker  # noqa: F401, PLC0415  # as every function of a step
    from documents.reading.key_values import find_key_values  # noqa: PLC0415

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)

    def read(content: bytes) -> object:
        document = pypdf.PdfReader(BytesIO(content))
        if document.is_encrypted:
            document.decrypt("")
        pages = [page.extract_text() for page in document.pages]
        return document.get_fields(), [find_key_values(text, number) for number, text in enumerate(pages, 1)]

    return read


READERS = {"pdfium": _pdfium, "pypdf": _pypdf}


if __name__ == "__main__":
    sys.exit(main())
