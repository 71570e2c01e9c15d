"""The measure of the readers of documents: both in one run, each in a process of its own."""

from __future__ import annotations

from bench.conductor import ROOT
from bench.reading import READERS, measured, table
from samples import make_samples

SAMPLES = ROOT / "samples" / "documents"


def test_both_readers_are_measured_on_the_same_files() -> None:
    assert {path.name for path in SAMPLES.glob("*.pdf")} == set(make_samples.SAMPLES)
    seconds = measured([SAMPLES], rounds=1)
    assert set(seconds) == set(READERS) == {"pdfium", "pypdf"}
    assert all(start > again > 0 for [[start, again]] in seconds.values())


def test_the_ratio_is_that_of_the_same_rounds() -> None:
    seconds = {"pdfium": [[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]], "pypdf": [[2.0, 1.0], [4.0, 2.0], [6.0, 4.0]]}
    assert table(seconds, files=9).splitlines() == [
        "9 files",
        "pdfium     2.00 s of CPU with its start",
        "pypdf      4.00 s of CPU with its start",
        "ratio      0.50",
        "pdfium     0.50 s of CPU when it runs",
        "pypdf      2.00 s of CPU when it runs",
        "ratio      0.25",
    ]
