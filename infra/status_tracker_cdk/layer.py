"""The Lambda layer: the library and what it needs that the runtime does not bring. Bundled without Docker."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import jsii
from aws_cdk import Annotations, AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from status_tracker_cdk import imports
from status_tracker_cdk.code import CodeFolder
from status_tracker_cdk.compiling import PYTHON_VERSION, compile_modules, compiler, host
from status_tracker_cdk.functions import ARCHITECTURE, RUNTIME
from status_tracker_cdk.imports import imported_names, reachable
from status_tracker_cdk.naming import take
from status_tracker_cdk.props import PropsError

LIBRARY = "status_tracker"
PACKAGES = (LIBRARY, "status_tracker_ops")
"""The layer's own packages, as they are installed; whole except for what is pruned."""
REQUIREMENTS = Path(__file__).with_name("layer-requirements.txt")
"""What these packages need that the runtime does not bring, pinned by hash."""
_EXCLUDES = Path(__file__).with_name("layer_excludes.txt")
_OWN_EXCLUDES = Path(__file__).with_name("own_excludes.txt")
# Lambda's Python runtimes from 3.12 on run on Amazon Linux 2023, whose C library is newer than manylinux2014 asks.
_PLATFORM = "aarch64-manylinux2014"
# Not read when the code runs; the library's suite for backends and its command need packages that are not in the layer.
_PRUNED = ("*.dist-info", f"{LIBRARY}/testing", f"{LIBRARY}/cli")
_INCLUDED = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]*(\S+)", re.MULTILINE)
_LEFT_BY_INSTALLING = ("bin", ".lock", "**/__pycache__")
_WHERE_LAMBDA_HAS_IT = "/opt"


class TrackerLayer(lambda_.LayerVersion):
    """The layer, made from the installed `PACKAGES` and their hash-pinned `REQUIREMENTS`. No Docker is needed.

    Of what is required it holds the modules that the library or the functions import, and nothing else: a function that
    imports another one, such as ``aws_lambda_powertools.utilities.parameters``, finds it after the next deployment.

    Args:
        functions: the folder with the code of all functions that have the layer.
        requirements: a ``requirements.txt`` of your own, all of which is in the layer, with what it needs. Pin what is
            in it: the layer is made anew when this file changes, not when an index has newer packages. By default none.

    Attributes:
        functions: that folder, absolute.

    Raises:
        PropsError: there is no such file.

    Example::

        layer = TrackerLayer(self, "Layer", functions="src", requirements="requirements.txt")
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: str | Path,
        requirements: str | Path | None = None,
    ) -> None:
        content = LayerContent(Path(functions).absolute(), None if requirements is None else Path(requirements))
        super().__init__(
            scope,
            construct_id,
            description="status-tracker and its dependencies, without what the runtime brings",
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
            code=lambda_.Code.from_asset(
                str(content.functions),
                asset_hash_type=AssetHashType.CUSTOM,
                asset_hash=content.source_hash(),
                bundling=BundlingOptions(
                    image=DockerImage.from_registry("none"),  # wanted by the signature; never pulled
                    local=LayerBundling(content),
                ),
            ),
        )
        self.functions = content.functions
        if not host() and compiler() is None and take(self, "status-tracker:told", "not compiled"):
            Annotations.of(self).add_info(
                f"The layer is deployed without compiled modules, and every cold start compiles them: there is no "
                f"python{PYTHON_VERSION} here that runs. Have one on the PATH, or run the app with it."
            )


@dataclass(frozen=True)
class LayerContent:
    """What a layer is made from; see `TrackerLayer`."""

    functions: Path
    requirements: Path | None = None

    def __post_init__(self) -> None:
        if self.requirements is not None and not self.requirements.is_file():
            raise PropsError([f"requirements {str(self.requirements)!r} must be a file: there is none"])

    def bundle(self, output: Path) -> None:
        """Put the layer into `output`, as ``python/...``.

        Raises:
            RuntimeError: uv could not install the requirements; says what uv said.
        """
        site = output / "python"
        _install(REQUIREMENTS, site, _EXCLUDES, "--require-hashes")
        for package in PACKAGES:
            shutil.copytree(_installed(package), site / package, ignore=shutil.ignore_patterns("__pycache__"))
        _remove_all(site, *_LEFT_BY_INSTALLING, *_PRUNED)
        _keep_what_is_imported(site, self.functions)
        if self.requirements is not None:
            self._add_own(self.requirements, site)
        if not host() and (python := compiler()):
            compile_modules(output, python, _WHERE_LAMBDA_HAS_IT, foreign=self.requirements is not None)

    def source_hash(self) -> str:
        """A hash of all that the layer is made from.

        The same on every machine that compiles the modules, and on every one that does not; see `TrackerLayer`.
        """
        made_for = host() or [_PLATFORM, PYTHON_VERSION, "compiled" if compiler() else "not compiled"]
        digest = hashlib.sha256(" ".join(made_for).encode())
        digest.update(" ".join(sorted(imported_names(CodeFolder(self.functions).modules()))).encode())
        for name, path in self._sources():
            content = path.read_bytes()
            digest.update(b"%d %d " % (len(name), len(content)) + name.encode() + content)
        return digest.hexdigest()

    def _sources(self) -> Iterator[tuple[str, Path]]:
        for path in (Path(__file__), Path(imports.__file__), REQUIREMENTS, _EXCLUDES, _OWN_EXCLUDES):
            yield path.name, path
        if self.requirements is not None:
            for number, path in enumerate(_with_included(self.requirements)):
                yield f"requirements {number}", path
        for package in PACKAGES:
            folder = _installed(package)
            for path in sorted(folder.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    yield f"{package}/{path.relative_to(folder).as_posix()}", path

    @staticmethod
    def _add_own(requirements: Path, site: Path) -> None:
        """Add what `requirements` lists; where both have a package, this one is taken."""
        with tempfile.TemporaryDirectory() as folder:
            own = Path(folder) / "python"
            _install(requirements, own, _OWN_EXCLUDES)
            _remove_all(own, *_LEFT_BY_INSTALLING)
            for path in own.iterdir():
                _remove(site / path.name)
                shutil.move(path, site / path.name)


@jsii.implements(ILocalBundling)
class LayerBundling:
    """Fills a folder with the layer; needs uv in the running Python's environment."""

    def __init__(self, content: LayerContent) -> None:
        self._content = content

    def try_bundle(self, output_dir: str, *_options: object, **_named_options: object) -> bool:
        """Bundle into `output_dir`. Always true: what goes wrong is raised, never left to Docker.

        Raises:
            RuntimeError: uv could not install the requirements; says what uv said.
        """
        self._content.bundle(Path(output_dir))
        return True


def _installed(package: str) -> Path:
    """The folder of an installed package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"The package {package} must be installed beside the constructs: install status-tracker.")
    return Path(next(iter(spec.submodule_search_locations)))


def _with_included(requirements: Path) -> list[Path]:
    """A file of requirements, and those that it names with ``-r`` or ``-c``, by itself or by another."""
    found = [requirements]
    for path in found:
        for name in _INCLUDED.findall(path.read_text("utf-8")):
            included = path.parent / name
            if included.is_file() and included not in found:
                found.append(included)
    return found


def _remove_all(site: Path, *patterns: str) -> None:
    for pattern in patterns:
        for path in list(site.glob(pattern)):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _keep_what_is_imported(site: Path, functions: Path) -> None:
    library = {path for package in PACKAGES for path in (site / package).rglob("*")}
    code = [*CodeFolder(functions).modules(), *(path for path in library if path.suffix == ".py")]
    kept = library | reachable(code, [site, functions])
    for path in sorted(site.rglob("*"), reverse=True):  # what lies in a folder comes before the folder
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and path not in kept:
            path.unlink()


def _target() -> list[str]:
    """The options of uv for what the layer is made for."""
    if host():
        return ["--python", sys.executable]
    return ["--python-platform", _PLATFORM, "--python-version", PYTHON_VERSION]


def _install(requirements: Path, target: Path, excludes: Path, *options: str) -> None:
    result = subprocess.run(  # noqa: S603 - every argument is ours
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", *options),
            *("--target", str(target), "--requirements", str(requirements), "--excludes", str(excludes)),
            *("--only-binary", ":all:", "--link-mode", "copy"),
            *_target(),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"uv could not install {requirements} for the layer:\n{result.stderr.strip()}")
