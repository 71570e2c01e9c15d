"""The folder with the code of a user's functions: what of it is deployed, and whether what is named in it is there."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from status_tracker_cdk.compiling import PYTHON_VERSION, compile_modules, compiler, host

EXCLUDED = ("__pycache__", ".*", "node_modules", "cdk.out", "*.egg-info")
"""Names of files and folders that are left out of a function."""
_OURS = ("status_tracker_ops",)
_WHERE_LAMBDA_HAS_IT = "/var/task"


class CodeFolder:
    """A folder whose modules are imported by their names in it.

    Args:
        path: relative to the folder in which the CDK app runs, which is that of its ``cdk.json``.

    Attributes:
        path: the folder, absolute.

    Example::

        commons = FunctionCommons(code=CodeFolder("src").asset, …)
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()

    @property
    def asset(self) -> lambda_.Code:
        """What a function is given of it; with compiled modules where the layer has them, see `TrackerLayer`."""
        exclude = [f"**/{name}" for name in EXCLUDED]
        python = None if host() else compiler()
        if python is None:
            return lambda_.Code.from_asset(str(self.path), exclude=exclude)
        return lambda_.Code.from_asset(
            str(self.path),
            exclude=exclude,
            asset_hash_type=AssetHashType.SOURCE,
            bundling=BundlingOptions(
                # Never pulled. Its name is a part of the hash: what another version has compiled is another asset.
                image=DockerImage.from_registry(f"python{PYTHON_VERSION}"),
                local=_Compiled(self.path, python),
            ),
        )

    def modules(self) -> list[Path]:
        """Its Python files that a function is given."""
        return sorted(path for path in self.path.rglob("*.py") if not self._is_excluded(path))

    def problems(self, what: str, module: str, name: str) -> Iterator[str]:
        """What is wrong with the `name` of a `module` that is used as `what`; nothing where it is there."""
        if not self.path.is_dir():
            yield f"code {str(self.path)!r} must be a folder: there is none"
            return
        file = self._file_of(module)
        if file is None:
            yield f"{what}: {module.replace('.', '/')}.py must be in {str(self.path)!r}: there is none"
        elif (names := _names_in(file)) is not None and name not in names:
            yield f"{what}: {file} must have {name!r} at its top level, and has {', '.join(sorted(names)) or 'nothing'}"

    def steps_of(self, module: str, name: str) -> list[str] | None:
        """The names of the steps of ``name = Pipeline({"Step": …, …})``; None where they are not written so."""
        file = self._file_of(module)
        for node in ast.parse(file.read_bytes(), file).body if file else ():
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            value = getattr(node, "value", None)
            if any(isinstance(each, ast.Name) and each.id == name for each in targets) and isinstance(value, ast.Call):
                return _written_keys(value)
        return None

    def _file_of(self, module: str) -> Path | None:
        if module.partition(".")[0] in _OURS:
            spec = find_spec(module)
            return Path(spec.origin) if spec is not None and spec.origin else None
        place = self.path.joinpath(*module.split("."))
        return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)

    def _is_excluded(self, path: Path) -> bool:
        return any(Path(part).match(name) for part in path.relative_to(self.path).parts for name in EXCLUDED)


@jsii.implements(ILocalBundling)
class _Compiled:
    """Fills a folder with the code and its compiled modules."""

    def __init__(self, code: Path, python: str) -> None:
        self._code = code
        self._python = python

    def try_bundle(self, output_dir: str, *_options: object, **_named_options: object) -> bool:
        """Bundle into `output_dir`. Always true: what goes wrong is raised, never left to Docker.

        Raises:
            RuntimeError: a module cannot be compiled.
        """
        output = Path(output_dir)
        shutil.copytree(self._code, output, ignore=shutil.ignore_patterns(*EXCLUDED), dirs_exist_ok=True)
        compile_modules(output, self._python, _WHERE_LAMBDA_HAS_IT, editable=True)  # in Lambda's console
        return True


def _written_keys(call: ast.Call) -> list[str] | None:
    first = call.args[0] if call.args else None
    if not isinstance(first, ast.Dict):
        return None
    keys = [key.value for key in first.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    return keys if len(keys) == len(first.keys) else None


def _names_in(file: Path) -> set[str] | None:
    """The names that a module has at its top level; None where that cannot be read from it."""
    tree = ast.parse(file.read_bytes(), file)
    if not all(isinstance(node, _SIMPLE) for node in tree.body):
        return None
    imported = [alias for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    if any(alias.name == "*" for alias in imported):
        return None
    defined = {node.name for node in tree.body if isinstance(node, _DEFINITIONS)}
    stored = {
        each.id
        for node in tree.body
        if not isinstance(node, _DEFINITIONS)
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    return defined | stored | {alias.asname or alias.name for alias in imported}


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SIMPLE = (*_DEFINITIONS, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
