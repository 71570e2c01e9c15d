"""The tests that `docs/testing.md` shows pass, run by pytest as its reader runs them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.projects import run_pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_pages_tests_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "test_page.py").write_text("\n".join(blocks))
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    assert "3 passed" in run_pytest(tmp_path)
