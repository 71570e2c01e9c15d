"""`init`: the files of a new application."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterable, Mapping
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
_OF_REQUIREMENTS = """
annotated_doc annotated_types antlr4 attr attrs aws_cdk aws_lambda_powertools aws_xray_sdk blinker boto3 botocore
cattr cattrs certifi cffi cfnlint charset_normalizer click constructs cryptography dateutil docker dotenv flask
flask_cors graphql greenlet idna iniconfig isympy itsdangerous jinja2 jmespath joserfc jsii jsonpatch jsonpatch_cli
jsonpath_ng jsonpointer jsonschema jsonschema_path jsonschema_specifications lazy_object_proxy markdown_it markupsafe
mdurl moto mpmath networkx openapi_schema_validator openapi_spec_validator packaging pathable pip pluggy publication
py py_partiql_parser pycparser pydantic pydantic_core pydantic_settings pygments pynamodb pyparsing pytest referencing
regex requests responses rfc3339_validator rich rpds s3transfer setuptools shellingham six sqlalchemy sympy typeguard
typer typing_extensions typing_inspection urllib3 uv werkzeug wrapt xmltodict yaml
"""
"""The modules that requirements.txt brings; they need not be installed where the app is written."""

_TAKEN = {"app", "cdk", "stack", "tests", "work", *_OF_REQUIREMENTS.split(), *sys.stdlib_module_names}


def init(
    directory: Annotated[Path, typer.Argument(help="A folder to make, or one with nothing but hidden files.")],
    name: Annotated[
        str | None, typer.Option(help="The name of stack and use case; by default that of the folder.")
    ] = None,
) -> None:
    """Write a CDK app with a tracked step, to begin one of your own with."""
    folder = directory.expanduser()
    values = _values(folder.resolve().name if name is None else name)
    files = {_place(template, folder, values): template for template in sorted(_TEMPLATES.rglob(f"*{_SUFFIX}"))}
    _check_room(directory, folder, files)
    for file, template in files.items():
        _write(template, file, values)
    typer.echo(f"{len(files)} files are in {directory}. Its README.md says what is where. Next:\n")
    typer.echo(f"cd {directory}\n{_first_commands(folder)}")


def _check_room(directory: Path, folder: Path, files: Iterable[Path]) -> None:
    """Refuse a folder with anything in it but hidden entries, such as .git and .venv, that are not written."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise WrongUsageError(f"{directory} is a file: give a folder.")
    if any(not each.name.startswith(".") for each in folder.iterdir()):
        raise WrongUsageError(f"{directory} is not empty: give a new folder.")
    if there := [file.name for file in files if file.exists()]:
        raise WrongUsageError(f"{directory} is not empty: {', '.join(there)} would be overwritten. Give a new folder.")


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


def _place(template: Path, folder: Path, values: Mapping[str, str]) -> Path:
    place = template.relative_to(_TEMPLATES).with_suffix("")
    parts = [values["package"] if part == "package" else _RENAMED.get(part, part) for part in place.parts]
    return folder.joinpath(*parts)


def _write(template: Path, file: Path, values: Mapping[str, str]) -> None:
    text = re.sub("@([a-z]+)@", lambda found: values[found[1]], template.read_text("utf-8"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def _first_commands(folder: Path) -> str:
    """The first commands that the README names."""
    return (folder / "README.md").read_text("utf-8").split("```\n")[1].rstrip()
