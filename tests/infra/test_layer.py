"""The layer, really bundled."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from status_tracker_cdk.imports import reachable
from status_tracker_cdk.layer import bundle, source_hash
from tests.handlers.support import ENVIRONMENT

SOURCE = Path(__file__).parents[2] / "layer"
FUNCTIONS = Path(__file__).parents[2] / "lambdas"
MOST_BYTES = 12_500_000
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
    bundle(SOURCE, FUNCTIONS, output)
    return output


def test_layer_has_the_library_and_what_it_needs_and_not_what_the_runtime_brings(layer: Path) -> None:
    assert [path.name for path in layer.iterdir()] == ["python"]
    found = {path.name for path in (layer / "python").iterdir()}
    assert found >= {"status_tracker", "pynamodb", "aws_lambda_powertools", "pypdf"}
    assert not found & RUNTIME_BRINGS
    assert not [name for name in content(layer) if "__pycache__" in name]
    for package in ("status_tracker", "status_tracker_ops"):
        assert content(layer / "python" / package) == {
            name: digest
            for name, digest in content(SOURCE / package).items()
            if not any(part in name for part in ("__pycache__", "testing/", "cli/"))
        }


def test_layer_is_small(layer: Path) -> None:
    assert sum(path.stat().st_size for path in layer.rglob("*") if path.is_file()) <= MOST_BYTES


def test_layer_holds_nothing_that_is_not_imported_by_someone(layer: Path) -> None:
    site = layer / "python"
    library = set((site / "status_tracker").rglob("*.py"))
    imported = reachable([*FUNCTIONS.rglob("*.py"), *library], [site, FUNCTIONS])
    assert {path for path in site.rglob("*") if path.is_file()} - imported - library == {
        *(site / package / "py.typed" for package in ("status_tracker", "status_tracker_ops")),
        *(site / "pypdfium2_raw" / name for name in ("libpdfium.so", "version.json")),
    }
    powertools = site / "aws_lambda_powertools" / "utilities"
    assert not [name for name in ("parser", "kafka", "idempotency", "circuit_breaker") if (powertools / name).exists()]


_IMPORT_ALL = """
import importlib, os, pathlib, sys
sys.path.extend(sys.argv[1:])
layer, functions = map(pathlib.Path, sys.argv[1:3])
library = [path.relative_to(layer).with_suffix("") for path in layer.glob("status_tracker/**/*.py")]
modules = [".".join(path.parts).removesuffix(".__init__") for path in library if "sql" not in path.parts]
for name in [*modules, *(path.stem for path in functions.glob("*.py"))]:
    importlib.import_module(name)
"""


def test_nothing_that_is_imported_is_missing(layer: Path, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"  # what Lambda's runtime brings, and nothing else of what is installed here
    runtime.mkdir()
    for name in RUNTIME_BRINGS:
        origin = Path(str((found := find_spec(name.removesuffix(".py"))) and found.origin))
        (runtime / name).symlink_to(origin if name.endswith(".py") else origin.parent)
    command = [sys.executable, "-I", "-S", "-B", "-c", _IMPORT_ALL, str(layer / "python"), str(FUNCTIONS), str(runtime)]
    ran = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)  # noqa: S603
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "")


def test_a_function_brings_the_modules_that_it_imports(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    functions.mkdir()
    (functions / "mine.py").write_text("from aws_lambda_powertools.utilities import parameters\n")
    bundle(SOURCE, functions, tmp_path / "out")
    assert (tmp_path / "out/python/aws_lambda_powertools/utilities/parameters/ssm.py").exists()
    assert not (tmp_path / "out/python/pypdf").exists()
    assert source_hash(SOURCE, functions) != source_hash(SOURCE, FUNCTIONS)


def test_layer_is_the_same_again(layer: Path, tmp_path: Path) -> None:
    bundle(SOURCE, FUNCTIONS, tmp_path)
    assert content(tmp_path) == content(layer)


def test_requirement_without_its_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("pypdf==7.1.0\n")
    with pytest.raises(RuntimeError, match="hash"):
        bundle(tmp_path, FUNCTIONS, tmp_path / "out")


def test_hash_follows_the_sources_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "layer"
    library = source / "status_tracker"
    shutil.copytree(SOURCE / "status_tracker", library, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SOURCE / "requirements.txt", source)
    functions = shutil.copytree(FUNCTIONS, tmp_path / "lambdas")
    first = source_hash(source, functions)

    (source / "README.md").write_text("not in the layer")
    (library / "__pycache__").mkdir()
    (library / "__pycache__" / "errors.pyc").write_bytes(b"made by an import")
    with (functions / "intake.py").open("a") as code:
        code.write("\nMORE = 'that imports nothing'\n")
    assert source_hash(source, functions) == first

    (library / "core" / "errors.py").rename(library / "core" / "mistakes.py")
    renamed = source_hash(source, functions)
    (library / "core" / "mistakes.py").write_text("changed = True\n")
    assert len({first, renamed, source_hash(source, functions)}) == 3
