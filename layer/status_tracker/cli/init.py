"""`init`: the files of a new application."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from .._version import __version__
from .errors import WrongUsageError

_TEMPLATES = Path(__file__).parent / "templates" / "app"
_SUFFIX = ".tmpl"
_RENAMED = {"gitignore": ".gitignore"}
"""Files that would have an effect where the templates lie, by their names there."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 40
_TAKEN = {"app", "cdk", "constructs", "pytest", "stack", "tests", "work", *sys.stdlib_module_names}


def init(
    directory: Annotated[Path, typer.Argument(help="A folder to make, or an empty one.")],
    name: Annotated[
        str | None, typer.Option(help="The name of stack and use case; by default that of the folder.")
    ] = None,
) -> None:
    """Write a CDK app with a tracked step, to begin one of your own with."""
    folder = directory.expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WrongUsageError(f"{directory} is there, and no empty folder: give a new one.")
    values = _values(folder.resolve().name if name is None else name)
    written = [_write(template, folder, values) for template in sorted(_TEMPLATES.rglob(f"*{_SUFFIX}"))]
    typer.echo(f"{len(written)} files are in {directory}. Its README.md says what is where. Next:\n")
    typer.echo(f"cd {directory}\n{_first_commands(folder)}")


def _values(name: str) -> Mapping[str, str]:
    """What stands in the files for each word between two ``@``."""
    package = name.replace("-", "_")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise WrongUsageError(
            f"The name is {name!r}: give one of lower-case letters, digits and single hyphens between them, beginning "
            f"with a letter, of at most {_LONGEST_NAME} characters, such as --name my-orders."
        )
    if package in _TAKEN or keyword.iskeyword(package) or package.startswith("status_tracker"):
        raise WrongUsageError(
            f"The name is {name!r}, and a module {package} is there already: give another one, such as "
            f"--name my-{name}."
        )
    as_class = "".join(part.capitalize() for part in name.split("-"))
    return {"name": name, "package": package, "class": as_class, "version": __version__}


def _write(template: Path, folder: Path, values: Mapping[str, str]) -> Path:
    place = template.relative_to(_TEMPLATES).with_suffix("")
    parts = [values["package"] if part == "package" else _RENAMED.get(part, part) for part in place.parts]
    text = re.sub("@([a-z]+)@", lambda found: values[found[1]], template.read_text("utf-8"))
    file = folder.joinpath(*parts)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def _first_commands(folder: Path) -> str:
    """The first commands that the README names."""
    return (folder / "README.md").read_text("utf-8").split("```\n")[1].rstrip()
