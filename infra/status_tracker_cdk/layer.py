"""The Lambda layer: the library and what it needs that the runtime does not bring. Bundled without Docker."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from status_tracker_cdk import imports
from status_tracker_cdk.functions import ARCHITECTURE, RUNTIME
from status_tracker_cdk.imports import imported_names, reachable

LIBRARY = "status_tracker"
PACKAGES = (LIBRARY, "status_tracker_ops")
"""The layer's own packages, whole except for what is pruned."""
_EXCLUDES = Path(__file__).with_name("layer_excludes.txt")
_PYTHON_VERSION = RUNTIME.name.removeprefix("python")
# Lambda's Python runtimes from 3.12 on run on Amazon Linux 2023, whose C library is newer than manylinux2014 asks.
_PLATFORM = "aarch64-manylinux2014"
# Not read when the code runs; the library's suite for backends and its command need packages that are not in the layer.
_PRUNED = ("bin", "*.dist-info", ".lock", "**/__pycache__", f"{LIBRARY}/testing", f"{LIBRARY}/cli")
_LOADED_BY_MODULES = frozenset({".so", ".json"})
"""Native libraries and data, which a module loads from its own folder: no import names them."""


class TrackerLayer(lambda_.LayerVersion):
    """The layer, made from the packages in ``layer`` and the hash-pinned ``layer/requirements.txt`` in `source`.

    Of the packages it holds the modules that the library or the functions import, and nothing else: a function that
    imports another one, such as ``aws_lambda_powertools.utilities.parameters``, finds it after the next deployment.

    Args:
        functions: the folder with the code of all functions that have the layer.
    """

    def __init__(self, scope: Construct, construct_id: str, *, source: Path, functions: Path) -> None:
        super().__init__(
            scope,
            construct_id,
            description="status-tracker and its dependencies, without what the runtime brings",
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
            code=lambda_.Code.from_asset(
                str(source),
                asset_hash_type=AssetHashType.CUSTOM,
                asset_hash=source_hash(source, functions),
                bundling=BundlingOptions(
                    image=DockerImage.from_registry("none"),  # wanted by the signature; never pulled
                    local=LayerBundling(source, functions),
                ),
            ),
        )


@jsii.implements(ILocalBundling)
class LayerBundling:
    """Fills a folder with the layer; needs uv in the running Python's environment."""

    def __init__(self, source: Path, functions: Path) -> None:
        self._source = source
        self._functions = functions

    def try_bundle(self, output_dir: str, *_options: object, **_named_options: object) -> bool:
        """Bundle into `output_dir`. Always true: what goes wrong is raised, never left to Docker.

        Raises:
            RuntimeError: uv could not install the requirements; says what uv said.
        """
        bundle(self._source, self._functions, Path(output_dir))
        return True


def bundle(source: Path, functions: Path, output: Path) -> None:
    """Put the layer made from `source` for the code in `functions` into `output`, as ``python/...``.

    Raises:
        RuntimeError: uv could not install the requirements; says what uv said.
    """
    site = output / "python"
    _install(source / "requirements.txt", site)
    for package in PACKAGES:
        shutil.copytree(source / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in _PRUNED:
        for path in list(site.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    _keep_what_is_imported(site, functions)


def _keep_what_is_imported(site: Path, functions: Path) -> None:
    library = {path for package in PACKAGES for path in (site / package).rglob("*")}
    code = [*_code_of(functions), *(path for path in library if path.suffix == ".py")]
    modules = reachable(code, [site, functions])
    beside = {path for module in modules for path in module.parent.iterdir() if path.suffix in _LOADED_BY_MODULES}
    kept = library | modules | beside
    for path in sorted(site.rglob("*"), reverse=True):  # what lies in a folder comes before the folder
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and path not in kept:
            path.unlink()


def _code_of(functions: Path) -> list[Path]:
    return sorted(functions.rglob("*.py"))


def source_hash(source: Path, functions: Path) -> str:
    """A hash of all that the layer is made from; the same on every machine."""
    digest = hashlib.sha256(_PYTHON_VERSION.encode())
    digest.update(" ".join(sorted(imported_names(_code_of(functions)))).encode())
    for path in _sources(source):
        name, content = path.name.encode(), path.read_bytes()
        if path.is_relative_to(source):
            name = path.relative_to(source).as_posix().encode()
        digest.update(b"%d %d " % (len(name), len(content)) + name + content)
    return digest.hexdigest()


def _sources(source: Path) -> Iterator[Path]:
    yield Path(__file__)
    yield Path(imports.__file__)
    yield _EXCLUDES
    yield source / "requirements.txt"
    for package in PACKAGES:
        yield from sorted(
            path for path in (source / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        )


def _install(requirements: Path, target: Path) -> None:
    result = subprocess.run(  # noqa: S603 - every argument is ours
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config"),
            *("--target", str(target), "--requirements", str(requirements), "--excludes", str(_EXCLUDES)),
            *("--require-hashes", "--only-binary", ":all:", "--link-mode", "copy"),
            *("--python-platform", _PLATFORM, "--python-version", _PYTHON_VERSION),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"uv could not install {requirements} for the layer:\n{result.stderr.strip()}")
