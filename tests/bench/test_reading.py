"""The measure of the readers of documents: both in one run, as whole processes."""

from __future__ import annotations

from bench.conductor import ROOT
from bench.reading import READERS, measured, table
from samples import make_samples

SAMPLES = ROOT / "samples" / "documents"


def test_both_readers_are_measured_on_the_same_files() -> None:
    assert {path.name for path in SAMPLES.glob("*.pdf")} == set(make_samples.SAMPLES)
    seconds = measured([SAMPLES], rounds=1)
    assert set(seconds) == set(READERS) == {"pdfium", "pypdf"}
    assert all(found > 0 for [found] in seconds.values())


def test_the_ratio_is_that_of_the_same_rounds() -> None:
    lines = table({"pdfium": [1.0, 2.0, 3.0], "pypdf": [2.0, 4.0, 6.0]}, files=9).splitlines()
    assert lines == ["pdfium     2.00 s of CPU for 9 files", "pypdf      4.00 s of CPU for 9 files", "ratio      0.50"]
