"""The wheels: what is in them, what they say of themselves, and that they work away from the checkout."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from release.distributions import EPOCH, ROOT, DistributionError, build, source_date_epoch
from status_tracker._version import __version__
from tests.packages.installing import Environment, Wheels

EXTRAS = ["cli", "dynamodb", "local", "powertools", "s3", "sql", "testing"]
LAYER = ["status_tracker", "status_tracker_local", "status_tracker_ops", "status_tracker_pytest"]
INFO_FILES = ["METADATA", "RECORD", "WHEEL", "licenses/LICENSE", "top_level.txt"]


def members(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


def metadata(wheel: Path) -> Message:
    name = next(each for each in members(wheel) if each.endswith(".dist-info/METADATA"))
    return Parser().parsestr(zipfile.ZipFile(wheel).read(name).decode())


def checked_in(*packages: Path) -> set[str]:
    """What stands in the packages' folders, from where they lie, without caches and what locks are compiled from."""
    files = (path for package in packages for path in package.rglob("*") if path.is_file())
    return {
        path.relative_to(ROOT).as_posix().split("/", 1)[1]
        for path in files
        if "__pycache__" not in path.parts and path.suffix not in {".pyc", ".in"}
    }


# What is in them


def test_the_same_source_gives_the_same_bytes(
    distributions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EPOCH, "1767225600")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    umask = os.umask(0o077)
    try:
        again = build(tmp_path)
    finally:
        os.umask(umask)
    assert len(again) == 4
    assert [each.name for each in again] == sorted(each.name for each in distributions.iterdir())
    assert [each.name for each in again if each.read_bytes() != (distributions / each.name).read_bytes()] == []


def test_the_library_s_wheel_has_its_four_packages_whole(wheels: Wheels) -> None:
    packages = [ROOT / "layer" / name for name in LAYER]
    info = f"status_tracker-{__version__}.dist-info"
    expected = checked_in(*packages) | {f"{info}/{name}" for name in [*INFO_FILES, "entry_points.txt"]}
    assert set(members(wheels.library)) == expected


def test_the_constructs_wheel_has_no_stack_of_ours(wheels: Wheels) -> None:
    info = f"status_tracker_cdk-{__version__}.dist-info"
    expected = checked_in(ROOT / "infra" / "status_tracker_cdk") | {f"{info}/{name}" for name in INFO_FILES}
    assert set(members(wheels.constructs)) == expected


@pytest.mark.parametrize(
    "file",
    [
        *(f"{package}/py.typed" for package in LAYER),
        "status_tracker_local/handler-requirements.txt",
        "status_tracker_cdk/py.typed",
        "status_tracker_cdk/layer_excludes.txt",
    ],
)
def test_types_and_data_are_there(wheels: Wheels, file: str) -> None:
    assert file in {*members(wheels.library), *members(wheels.constructs)}


def test_twine_finds_nothing(distributions: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, distributions.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 4


# What they say of themselves


def test_both_have_one_version_and_the_constructs_need_the_library_of_theirs(wheels: Wheels) -> None:
    library, constructs = map(metadata, wheels)
    assert (library["Name"], constructs["Name"]) == ("status-tracker", "status-tracker-cdk")
    assert library["Version"] == constructs["Version"] == __version__
    needed = [Requirement(each) for each in constructs.get_all("Requires-Dist", [])]
    assert [str(each.specifier) for each in needed if each.name == "status-tracker"] == [f"=={__version__}"]
    assert {each.name for each in needed} == {"status-tracker", "aws-cdk-lib", "constructs", "uv"}


def test_the_extras_are_those_of_the_readme(wheels: Wheels) -> None:
    said = metadata(wheels.library)
    assert sorted(said.get_all("Provides-Extra", [])) == EXTRAS
    told = re.findall(r"^\| `pip install 'status-tracker\[(\w+)\]'`", str(said.get_payload()), re.MULTILINE)
    assert sorted(told) == EXTRAS
    unconditional = [each for each in said.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert unconditional == []


def test_python_and_license_are_told(wheels: Wheels) -> None:
    for said in map(metadata, wheels):
        assert said["Requires-Python"] == ">=3.11"
        assert said["License-Expression"] == "MIT"
        assert said["Description-Content-Type"] == "text/markdown"


def test_the_packages_that_are_tested_are_those_that_the_wheels_ask_for(wheels: Wheels) -> None:
    needed = [Requirement(each) for wheel in wheels for each in metadata(wheel).get_all("Requires-Dist", [])]
    others = [each for each in needed if each.name != "status-tracker"]
    wrong = [str(each) for each in others if importlib.metadata.version(each.name) not in each.specifier]
    assert len(others) > 10
    assert wrong == []


# The time of the files


def test_the_time_of_the_files_is_that_of_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EPOCH, raising=False)
    when = {"GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], [*who, "commit", "--quiet", "--allow-empty", "-m", "A commit"]):
        subprocess.run(["git", *command], cwd=tmp_path, env={**os.environ, **when}, check=True)  # noqa: S603, S607
    assert source_date_epoch(tmp_path) == 1767323045
    monkeypatch.setenv(EPOCH, "1767225600")
    assert source_date_epoch(tmp_path) == 1767225600


def test_without_a_commit_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EPOCH, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(DistributionError, match=f"no commit that tells a time.*set {EPOCH} to seconds since 1970"):
        source_date_epoch(tmp_path)


# Away from the checkout

IMPORT_ALL = """
import importlib, json, pkgutil, re, sys
modules = []
for package in map(importlib.import_module, sys.argv[1:]):
    found = [each.name for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    mine = [name for name in found if not re.search("__main__$|[.]deployed[.]", name)]
    modules += [package, *map(importlib.import_module, mine)]
print(json.dumps(sorted({module.__file__ for module in modules})))
"""

TEN_LINES = """
import sqlalchemy as sa
from sqlalchemy import orm
import status_tracker as st
from status_tracker.sql import JobMixin

class Base(orm.DeclarativeBase): ...
class Resize(Base, JobMixin):
    __tablename__ = "resize"
    config = st.TrackerConfig.make("resize", 0, 3, 6, 9, 10)

engine = sa.create_engine("sqlite:///jobs.db")
Base.metadata.create_all(engine)
with Resize.start(engine, "photo-1", create=True) as (job, updates):
    updates.set("data", {"done": True})
(done,) = Resize.query_by_status(engine, 9)
print(done.id, done.data)
"""


def test_every_module_is_imported_from_the_wheels(installed: Environment, wheels: Wheels) -> None:
    packages = [*LAYER, "status_tracker_cdk"]
    files = [Path(each) for each in json.loads(installed.output(IMPORT_ALL, *packages))]
    shipped = {each for wheel in wheels for each in members(wheel) if each.endswith(".py")}
    imported = {each.relative_to(next(up for up in each.parents if up.name == "site-packages")) for each in files}
    assert {str(each) for each in imported} >= {each for each in shipped if not is_run_by_itself(each)}
    assert [each for each in files if not each.is_relative_to(installed.home)] == []


def is_run_by_itself(file: str) -> bool:
    """Whether it is a program, a handler of whatever pipeline its environment names, or a template."""
    return file.endswith("__main__.py") or "/deployed/" in file or "/templates/" in file


def test_the_command_is_there(installed: Environment) -> None:
    told = installed.run("status-tracker", "--version")
    assert (told.returncode, told.stdout.strip(), told.stderr) == (0, __version__, "")


def test_ten_lines_track_a_task(installed: Environment) -> None:
    assert installed.output(TEN_LINES) == "photo-1 {'done': True}\n"
