"""The examples of docs/backends.md run, and the backend that it writes passes the contract suite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "backends.md"
FUTURE = "from __future__ import annotations\n"
FEWEST_TESTS = 150


def test_the_backend_of_the_document_passes_the_contract_suite(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    written = tmp_path / "test_notes.py"
    written.write_text(FUTURE + "\n".join(blocks).replace(FUTURE, ""), "utf-8")
    run = subprocess.run(  # noqa: S603  # our own documentation
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-c", os.devnull, str(written)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "layer"), "PYTEST_ADDOPTS": ""},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    passed = re.search(r"^(\d+) passed in", run.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) >= FEWEST_TESTS


def test_every_link_of_the_document_leads_somewhere() -> None:
    text = DOCUMENT.read_text("utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        assert (DOCUMENT.parent / file).exists() if file else anchor in headings, target
