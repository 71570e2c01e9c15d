"""``python -m bench.reading [FOLDER …]``: the CPU of reading documents with PDFium beside that with pypdf.

Each reader reads all PDF files of the folders (the samples by default) in a process of its own, refused ones too: once
with its start and its imports, as a function does that is started cold, and once more when it runs. Rounds alternate
between both readers; the figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 5
PASSES = ("with its start", "when it runs")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description="Measure the readers of documents.")
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT / "samples" / "documents"])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--reader", choices=READERS, help="read with this one, here, and print its seconds of CPU")
    asked = parser.parse_args()
    files = sorted(path for folder in asked.folders for path in folder.glob("*.pdf"))
    if not files:
        parser.error(f"no *.pdf in {', '.join(map(str, asked.folders))}")
    if asked.reader:
        print(json.dumps(read_twice(READERS[asked.reader], files)))  # noqa: T201
        return 0
    print(table(measured(asked.folders, asked.rounds), len(files)))  # noqa: T201
    return 0


def measured(folders: list[Path], rounds: int) -> dict[str, list[list[float]]]:
    """CPU seconds of each reader, of both passes, round by round."""
    seconds: dict[str, list[list[float]]] = {name: [] for name in READERS}
    for _ in range(rounds):
        for name, found in seconds.items():
            command = [sys.executable, "-m", "bench.reading", "--reader", name, *map(str, folders)]
            told = subprocess.run(command, cwd=ROOT, env=_environment(), check=True, capture_output=True)  # noqa: S603
            found.append(json.loads(told.stdout))
    return seconds


def table(seconds: dict[str, list[list[float]]], files: int) -> str:
    """The figures in words: of each pass a line a reader, and one for their ratio."""
    from bench.stats import ratio, spread  # noqa: PLC0415  # no part of what is measured

    lines = []
    for number, name in enumerate(PASSES):
        of_pass = {reader: [each[number] for each in found] for reader, found in seconds.items()}
        lines += [f"{reader:8} {spread(found).median:6.2f} s of CPU {name}" for reader, found in of_pass.items()]
        lines.append(f"ratio    {ratio(of_pass['pdfium'], of_pass['pypdf']).median:6.2f}")
    return "\n".join([f"{files} files", *lines])


def _environment() -> dict[str, str]:
    # With compiled modules, as in a layer.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("layer", "lambdas", ""))}


def read_twice(load: Callable[[], Callable[[bytes], object]], files: list[Path]) -> list[float]:
    """The CPU seconds of this process until all files are read, and of reading them once more."""
    read = load()
    ends = [0.0]
    for _ in PASSES:
        for path in files:
            try:
                read(path.read_bytes())
            except Exception:  # noqa: BLE001, S112  # a file that is refused has cost its time too
                continue
        ends.append(time.process_time())
    return [end - start for start, end in pairwise(ends)]


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
