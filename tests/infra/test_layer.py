"""The layer, really bundled."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

import pytest
from aws_cdk import App, Stack, assertions
from aws_cdk import aws_lambda as lambda_

from status_tracker_cdk.code import CodeFolder
from status_tracker_cdk.compiling import BUNDLE_FOR, compile_modules, compiler
from status_tracker_cdk.imports import reachable
from status_tracker_cdk.layer import PACKAGES, REQUIREMENTS, LayerContent, TrackerLayer
from status_tracker_cdk.props import PropsError
from tests.handlers.support import ENVIRONMENT
from tests.infra.own_app import PIPELINE, app_without_context, write_code
from tests.support.projects import run_python

SOURCE = Path(__file__).parents[2] / "layer"
FUNCTIONS = Path(__file__).parents[2] / "lambdas"
DOCUMENTS = LayerContent(FUNCTIONS, FUNCTIONS / "requirements.txt")
"""As the documents application has it."""
MOST_BYTES = 13_500_000
ELF_MACHINES = {"aarch64": 183, "x86_64": 62}
"""What a native library says of its machine."""
RUNTIME_BRINGS = {"boto3", "botocore", "jmespath", "dateutil", "s3transfer", "six.py", "urllib3"}


def content(folder: Path) -> dict[str, str]:
    """The hash of every file in `folder`, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module", autouse=True)
def _no_compiler() -> Iterator[None]:
    """As on a machine without a Python of the deployed version, whatever this one has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("status_tracker_cdk.layer.compiler", lambda: None)
        yield


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("layer")
    DOCUMENTS.bundle(output)
    return output


def test_layer_has_the_library_and_what_it_needs_and_not_what_the_runtime_brings(layer: Path) -> None:
    assert [path.name for path in layer.iterdir()] == ["python"]
    found = {path.name for path in (layer / "python").iterdir()}
    assert found >= {"status_tracker", "pynamodb", "aws_lambda_powertools", "pypdfium2_raw"}
    assert not found & (RUNTIME_BRINGS | {"pypdf"})
    assert not [name for name in content(layer) if "__pycache__" in name]
    for package in ("status_tracker", "status_tracker_ops"):
        assert content(layer / "python" / package) == {
            name: digest
            for name, digest in content(SOURCE / package).items()
            if not any(part in name for part in ("__pycache__", "testing/", "cli/"))
        }


def test_layer_is_small(layer: Path) -> None:
    assert sum(path.stat().st_size for path in layer.rglob("*") if path.is_file()) <= MOST_BYTES


def test_layer_is_compiled_where_there_is_a_python_of_the_deployed_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the version that runs is taken for it. What is compiled is used as it is: no source is looked at."""
    not_compiled = LayerContent(FUNCTIONS).source_hash()
    monkeypatch.setattr("status_tracker_cdk.layer.compiler", compiler)
    monkeypatch.setattr("status_tracker_cdk.compiling.PYTHON_VERSION", "{}.{}".format(*sys.version_info))
    first, again = (_bundled(FUNCTIONS, tmp_path / name) for name in ("first", "again"))
    assert content(first) == content(again)
    assert not [path for path in first.rglob("*.pyc") if str(tmp_path).encode() in path.read_bytes()]
    assert LayerContent(FUNCTIONS).source_hash() != not_compiled
    for source in first.rglob("*.py"):
        source.write_text("raise AssertionError('compiled anew')")
    ask = f"import sys; sys.path += {[str(first), str(_runtime(tmp_path))]!r}; import status_tracker as st; st.BaseTask"
    assert run_python(["-I", "-S", "-B", "-c", ask], environment={}) == ""


def test_the_code_of_functions_is_compiled_with_it_and_may_still_be_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker_cdk.code.compiler", lambda: sys.executable)
    (write_code(tmp_path / "code") / "broken.txt").write_text("no module")
    code = CodeFolder(tmp_path / "code")
    app = App(outdir=str(tmp_path / "out"))
    for name in ("First", "Second"):
        settings = {"runtime": lambda_.Runtime.PYTHON_3_14, "handler": "invoice.handler", "code": code.asset}
        lambda_.Function(Stack(app, name), "Function", **settings)
    app.synth()
    (asset,) = (tmp_path / "out").glob("asset.*")
    compiled = asset / "__pycache__" / f"invoice.{sys.implementation.cache_tag}.pyc"
    assert str(tmp_path).encode() not in compiled.read_bytes()
    (asset / "invoice.py").write_text("print('edited')")
    ask = f"import sys; sys.path.insert(0, {str(asset)!r}); import invoice"
    assert run_python(["-I", "-S", "-B", "-c", ask], environment={}).strip() == "edited"


def test_what_is_compiled_for_another_version_is_another_asset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("status_tracker_cdk.code.compiler", lambda: sys.executable)
    code = CodeFolder(write_code(tmp_path / "code"))
    app = App(outdir=str(tmp_path / "out"))
    for version in ("3.14", "3.15"):
        monkeypatch.setattr("status_tracker_cdk.code.PYTHON_VERSION", version)
        stack = Stack(app, f"Of{version[2:]}")
        lambda_.Function(
            stack, "Function", runtime=lambda_.Runtime.PYTHON_3_14, handler="invoice.handler", code=code.asset
        )
    app.synth()
    _first, _second = (tmp_path / "out").glob("asset.*")


def test_a_module_for_another_python_stops_no_layer_but_stops_code(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("print 'old'")
    (tmp_path / "new.py").write_text("print('new')")
    compile_modules(tmp_path, sys.executable, "/opt", foreign=True)
    assert [each.name for each in (tmp_path / "__pycache__").iterdir()] == [f"new.{sys.implementation.cache_tag}.pyc"]
    with pytest.raises(RuntimeError, match=r"could not compile [\s\S]*/opt/old\.py"):
        compile_modules(tmp_path, sys.executable, "/opt")


@pytest.mark.parametrize("python", ["exit 127", "echo 3.11", None])
def test_a_python_that_does_not_run_compiles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str | None
) -> None:
    monkeypatch.setattr("status_tracker_cdk.compiling.PYTHON_VERSION", "3.99")
    monkeypatch.setenv("PATH", str(tmp_path))
    shim = tmp_path / "python3.99"
    shim.write_text("no program" if python is None else f"#!/bin/sh\n{python}\n")
    shim.chmod(0o755)
    assert compiler() is None
    shim = tmp_path / "bin" / "python3.99"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 3.99\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent))
    assert compiler() == str(shim)


def test_that_nothing_is_compiled_is_told_once_an_app() -> None:
    app = app_without_context()
    stacks = [Stack(app, name) for name in ("First", "Second")]
    for stack in stacks:
        TrackerLayer(stack, "Layer", functions=FUNCTIONS)
    told = [assertions.Annotations.from_stack(stack).find_info("*", assertions.Match.any_value()) for stack in stacks]
    assert [len(each) for each in told] == [1, 0]


def test_layer_holds_nothing_of_ours_that_is_not_imported_by_someone(tmp_path: Path) -> None:
    site = _bundled(FUNCTIONS, tmp_path)
    library = {path for package in PACKAGES for path in (site / package).rglob("*.py")}
    imported = reachable([*FUNCTIONS.rglob("*.py"), *library], [site, FUNCTIONS])
    assert {path for path in site.rglob("*") if path.is_file()} - imported - library == {
        site / package / "py.typed" for package in ("status_tracker", "status_tracker_ops")
    }
    powertools = site / "aws_lambda_powertools" / "utilities"
    assert not [name for name in ("parser", "kafka", "idempotency", "circuit_breaker") if (powertools / name).exists()]


_IMPORT_ALL = """
import importlib, os, pathlib, sys
sys.path.extend(sys.argv[1:])
layer, functions = map(pathlib.Path, sys.argv[1:3])
library = [path.relative_to(layer).with_suffix("") for path in layer.glob("status_tracker*/**/*.py")]
modules = [".".join(path.parts).removesuffix(".__init__") for path in library if "sql" not in path.parts]
for name in [*modules, *(path.stem for path in functions.glob("*.py"))]:
    importlib.import_module(name)
"""


def test_nothing_that_is_imported_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With native code for this machine, as in the local cloud; nothing else differs."""
    monkeypatch.setenv(BUNDLE_FOR, "host")
    DOCUMENTS.bundle(tmp_path / "out")
    _import_all(tmp_path / "out/python", FUNCTIONS, tmp_path, ENVIRONMENT)


def test_the_layer_is_lambdas_unless_it_is_made_for_this_machine(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native, of_lambda = "python/pypdfium2_raw/libpdfium.so", DOCUMENTS.source_hash()
    assert int.from_bytes((layer / native).read_bytes()[18:20], "little") == ELF_MACHINES["aarch64"]
    monkeypatch.setenv(BUNDLE_FOR, "host")
    DOCUMENTS.bundle(tmp_path)
    assert int.from_bytes((tmp_path / native).read_bytes()[18:20], "little") == ELF_MACHINES[platform.machine()]
    assert DOCUMENTS.source_hash() != of_lambda


def _import_all(site: Path, functions: Path, folder: Path, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-I", "-S", "-B", "-c", _IMPORT_ALL, str(site), str(functions), str(_runtime(folder))]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=folder)  # noqa: S603
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "")


def _runtime(folder: Path) -> Path:
    """A folder with what Lambda's runtime brings, and nothing else of what is installed here."""
    runtime = folder / "runtime"
    runtime.mkdir()
    for name in RUNTIME_BRINGS:
        origin = Path(str((found := find_spec(name.removesuffix(".py"))) and found.origin))
        (runtime / name).symlink_to(origin if name.endswith(".py") else origin.parent)
    return runtime


def test_a_function_brings_the_modules_that_it_imports(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    functions.mkdir()
    (functions / "mine.py").write_text("from aws_lambda_powertools.utilities import parameters\n")
    LayerContent(functions).bundle(tmp_path / "out")
    assert (tmp_path / "out/python/aws_lambda_powertools/utilities/parameters/ssm.py").exists()
    assert not (tmp_path / "out/python/aws_lambda_powertools/utilities/parser").exists()
    assert LayerContent(functions).source_hash() != LayerContent(FUNCTIONS).source_hash()


def test_the_code_of_somebody_else_runs_with_its_layer(tmp_path: Path) -> None:
    """Outside of the checkout, with what is installed: its own handlers, and those that operate its pipeline."""
    functions = write_code(tmp_path / "src")
    site = _bundled(functions, tmp_path / "out")
    assert (site / "status_tracker_ops/deployed/sweep.py").exists()
    environment = {**ENVIRONMENT, "STATUS_TRACKER_TASK": PIPELINE}
    environment |= {"USE_CASE_ID": "orders", "QUEUE_URL": "https://sqs.example.com/mail"}
    _import_all(site, functions, tmp_path, environment)


def test_layer_is_the_same_again(layer: Path, tmp_path: Path) -> None:
    DOCUMENTS.bundle(tmp_path)
    assert content(tmp_path) == content(layer)


def test_requirements_of_the_layer_are_installed_by_their_hashes(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS.read_text().replace("--hash=sha256:", "--hash=sha256:0"))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="hash"):
        patch.setattr("status_tracker_cdk.layer.REQUIREMENTS", tmp_path / "requirements.txt")
        LayerContent(FUNCTIONS).bundle(tmp_path / "out")


def test_own_requirements_are_in_the_layer_whole(tmp_path: Path) -> None:
    """With what they need, also what nothing imports, and instead of what the library has pinned."""
    functions = tmp_path / "src"
    functions.mkdir()
    own = tmp_path / "requirements.txt"
    own.write_text("fastjsonschema==2.22.3\nstatus-tracker\n")
    LayerContent(functions, own).bundle(tmp_path / "out")
    found = {path.name for path in (tmp_path / "out/python").iterdir()}
    assert found >= {"fastjsonschema", "fastjsonschema-2.22.3.dist-info", "status_tracker", "pynamodb"}
    assert "fastjsonschema" not in {path.name for path in _bundled(functions, tmp_path / "without").iterdir()}
    assert LayerContent(functions, own).source_hash() != LayerContent(functions).source_hash()


def _bundled(functions: Path, output: Path) -> Path:
    LayerContent(functions).bundle(output)
    return output / "python"


def test_a_layer_is_made_anew_when_included_requirements_change(tmp_path: Path) -> None:
    own, hashes = tmp_path / "requirements.txt", set()
    own.write_text("--requirement=more/base.txt\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text("-c pins.txt\nidna\n-r base.txt\n")
    for version in ("3.6", "3.7"):
        (tmp_path / "more" / "pins.txt").write_text(f"idna=={version}\n")
        hashes.add(LayerContent(FUNCTIONS, own).source_hash())
    assert len(hashes) == 2


def test_own_requirements_that_are_not_there_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(PropsError, match=r"requirements '.*none\.txt' must be a file: there is none"):
        LayerContent(tmp_path, tmp_path / "none.txt")


def test_hash_follows_the_sources_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages are those that are installed; here a copy of them is."""
    for package in PACKAGES:
        shutil.copytree(SOURCE / package, tmp_path / "site" / package, ignore=shutil.ignore_patterns("__pycache__"))
    library = tmp_path / "site" / "status_tracker"
    monkeypatch.setattr(
        "status_tracker_cdk.layer.find_spec", lambda name: PathFinder.find_spec(name, [str(tmp_path / "site")])
    )
    functions = shutil.copytree(FUNCTIONS, tmp_path / "lambdas")
    first = LayerContent(functions).source_hash()
    assert first == _hash_as_installed()

    (tmp_path / "site" / "README.md").write_text("not in the layer")
    (library / "__pycache__").mkdir()
    (library / "__pycache__" / "errors.pyc").write_bytes(b"made by an import")
    with (functions / "extract.py").open("a") as code:
        code.write("\nMORE = 'that imports nothing'\n")
    assert LayerContent(functions).source_hash() == first

    (library / "core" / "errors.py").rename(library / "core" / "mistakes.py")
    renamed = LayerContent(functions).source_hash()
    (library / "core" / "mistakes.py").write_text("changed = True\n")
    assert len({first, renamed, LayerContent(functions).source_hash()}) == 3


def _hash_as_installed() -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("status_tracker_cdk.layer.find_spec", find_spec)
        return LayerContent(FUNCTIONS).source_hash()
