"""What some code imports is found in its source, also where it imports late; what only a type checker reads is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from status_tracker_cdk.imports import imported_names, reachable

PACKAGES = {
    "top.py": "",
    "package/__init__.py": "",
    "package/a.py": "from . import b\nfrom .inner.deep import thing\n",
    "package/b.py": "",
    "package/c.py": "from .. import nothing_above\n",
    "package/inner/__init__.py": "from ..d import *\n",
    "package/inner/deep.py": "thing = 1\n",
    "package/d.py": "",
    "package/native.cpython-314-aarch64-linux-gnu.so": "",
    "package/nobody.py": "import top\n",
    "circle/__init__.py": "import circle.round\n",
    "circle/round.py": "import circle\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for name, code in PACKAGES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    return folder


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import json", set()),
        ("import top", {"top.py"}),
        ("import package.b as other", {"package/__init__.py", "package/b.py"}),
        ("from package import b", {"package/__init__.py", "package/b.py"}),
        ("from package.b import something", {"package/__init__.py", "package/b.py"}),
        (
            "import package.a",
            {f"package/{name}.py" for name in ("__init__", "a", "b", "d", "inner/__init__", "inner/deep")},
        ),
        ("import package.c", {"package/__init__.py", "package/c.py"}),
        ("from package import native", {"package/__init__.py", "package/native.cpython-314-aarch64-linux-gnu.so"}),
        ("import circle", {"circle/__init__.py", "circle/round.py"}),
        ("def late():\n    import top", {"top.py"}),
        ("try:\n    import top\nexcept ImportError:\n    import package", {"top.py", "package/__init__.py"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import top", set()),
        ("import typing\nif typing.TYPE_CHECKING:\n    import top\nelse:\n    import package", {"package/__init__.py"}),
    ],
)
def test_what_is_reachable(code: str, expected: set[str], site: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(code)
    found = reachable([tmp_path / "main.py"], [site])
    assert {file.relative_to(site).as_posix() for file in found} == expected


def test_names_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import a.b\nfrom c import d\nfrom . import e\n")
    assert imported_names([tmp_path / "main.py"]) == {"a.b", "c", "c.d"}


def test_the_constructs_know_no_application() -> None:
    infra = Path(__file__).parents[2] / "infra"
    for name in imported_names((infra / "status_tracker_cdk").rglob("*.py")):
        assert name.partition(".")[0] in {
            "aws_cdk",
            "constructs",
            "jsii",
            "status_tracker",
            "status_tracker_cdk",
            "status_tracker_ops",
            *sys.stdlib_module_names,
        }
