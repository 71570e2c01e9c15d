"""The layer, really bundled."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from infra.tracker_layer import bundle, source_hash

SOURCE = Path(__file__).parents[2] / "layer"
MOST_BYTES = 6_500_000
RUNTIME_BRINGS = {"boto3", "botocore", "jmespath", "dateutil", "s3transfer", "six.py", "urllib3"}


def content(folder: Path) -> dict[str, str]:
    """The hash of every file in `folder`, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("layer")
    bundle(SOURCE, output)
    return output


def test_layer_has_the_library_and_what_it_needs_and_not_what_the_runtime_brings(layer: Path) -> None:
    assert [path.name for path in layer.iterdir()] == ["python"]
    found = {path.name for path in (layer / "python").iterdir()}
    brought = {"pynamodb", "aws_lambda_powertools", "pypdf", "fastjsonschema"}
    assert found == {"status_tracker", "typing_extensions.py", *brought}
    assert not found & RUNTIME_BRINGS
    assert not [name for name in content(layer) if "__pycache__" in name]
    library = content(layer / "python" / "status_tracker")
    left_out = ("__pycache__", "testing/", "cli/")
    assert library == {
        name: digest
        for name, digest in content(SOURCE / "status_tracker").items()
        if not any(part in name for part in left_out)
    }


def test_layer_is_small(layer: Path) -> None:
    assert sum(path.stat().st_size for path in layer.rglob("*") if path.is_file()) <= MOST_BYTES


def test_layer_is_the_same_again(layer: Path, tmp_path: Path) -> None:
    bundle(SOURCE, tmp_path)
    assert content(tmp_path) == content(layer)


def test_requirement_without_its_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("pypdf==7.1.0\n")
    with pytest.raises(RuntimeError, match="hash"):
        bundle(tmp_path, tmp_path / "out")


def test_hash_follows_the_sources_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "layer"
    library = source / "status_tracker"
    shutil.copytree(SOURCE / "status_tracker", library, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SOURCE / "requirements.txt", source)
    first = source_hash(source)

    (source / "README.md").write_text("not in the layer")
    (library / "__pycache__").mkdir()
    (library / "__pycache__" / "errors.pyc").write_bytes(b"made by an import")
    assert source_hash(source) == first

    (library / "errors.py").rename(library / "mistakes.py")
    renamed = source_hash(source)
    (library / "mistakes.py").write_text("changed = True\n")
    assert len({first, renamed, source_hash(source)}) == 3
