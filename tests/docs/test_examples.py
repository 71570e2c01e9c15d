"""The examples in the documentation run, one document at a time, in their order."""

import re
from pathlib import Path

import pytest
from moto import mock_aws

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "docs/README.md", "docs/getting-started.md", "docs/guarantees.md", "docs/asyncio.md"]


def _examples(document: str) -> str:
    text = (ROOT / document).read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks, f"{document} has no examples"
    return "\n".join(blocks)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples_run(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    code = compile(_examples(document), document, "exec")
    with mock_aws():
        exec(code, {"__name__": f"examples_of_{document}"})  # noqa: S102  # our own documentation
