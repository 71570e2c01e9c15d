"""The wheels and source distributions of both packages: ``python -m release.distributions [FOLDER]``, into ``dist``.

They are made of the packages' own files alone, copied aside: nothing that lies around gets into them, and nothing is
left behind. The same commit gives the same bytes, whenever and wherever it is built with the packages of
requirements-dev.txt.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES: Mapping[str, str] = {"status_tracker": "layer", "status_tracker_cdk": "infra"}
"""The folder of each distribution, by its name in the names of its files."""
EPOCH = "SOURCE_DATE_EPOCH"
_OF_THE_PROJECT = ("pyproject.toml", "setup.py", "README.md", "LICENSE")


class DistributionError(Exception):
    """What cannot be built, and what to do."""


def build(folder: Path) -> list[Path]:
    """Build all distributions into the folder, instead of those of any version that are in it; returns their paths.

    Raises:
        DistributionError: setuptools refuses; or neither git nor the environment tells a time for the files.
    """
    epoch = source_date_epoch()
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        for old in (*folder.glob(f"{name}-*.whl"), *folder.glob(f"{name}-*.tar.gz")):
            old.unlink()
    with tempfile.TemporaryDirectory() as scratch:
        made = [each for name in SOURCES for each in _build_one(name, Path(scratch, name), folder, epoch)]
    return sorted(made)


def source_date_epoch(checkout: Path = ROOT) -> int:
    """The time that all files are given, in seconds since 1970: ``SOURCE_DATE_EPOCH``, or that of the commit.

    Raises:
        DistributionError: this is no checkout with git, and the variable is not set.
    """
    given = os.environ.get(EPOCH)
    if given is None:
        told = subprocess.run(
            ["git", "log", "-1", "--format=%ct"],  # noqa: S607
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        given = told.stdout.strip()
    if not given.isdecimal():
        raise DistributionError(
            f"{checkout} has no commit that tells a time for the files: set {EPOCH} to seconds since 1970."
        )
    return int(given)


def _build_one(name: str, source: Path, folder: Path, epoch: int) -> list[Path]:
    _copy_source(ROOT / SOURCES[name], name, source)
    made = source / "dist"
    # The wheel is made from the source distribution, which so proves to be complete.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(source)]
    environment = {**os.environ, EPOCH: str(epoch), "PYTHONHASHSEED": "0"}
    done = subprocess.run(  # noqa: S603
        command, env=environment, umask=0o022, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise DistributionError(f"{name} cannot be built: `{' '.join(command)}` failed with\n{done.stdout}")
    for archive in made.glob("*.tar.gz"):
        _give_one_time(archive, epoch)
    return [Path(shutil.copy(each, folder)) for each in made.iterdir()]


def _copy_source(project: Path, name: str, target: Path) -> None:
    """Copy what the distribution is made of, with the same modes whatever the umask of the checkout was."""
    target.mkdir()
    for each in _OF_THE_PROJECT:
        if (project / each).exists():
            shutil.copyfile(project / each, target / each)
    packages = [path for path in project.glob(f"{name}*") if (path / "__init__.py").exists()]
    for package in packages:
        shutil.copytree(
            package,
            target / package.name,
            ignore=shutil.ignore_patterns("__pycache__", "*.py[co]"),
            copy_function=shutil.copyfile,
        )
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _give_one_time(archive: Path, epoch: int) -> None:
    """Write the archive anew with that time and no owner, in the order of the names."""
    packed = io.BytesIO()
    with tarfile.open(archive) as old, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            content = old.extractfile(member) if member.isfile() else None
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = epoch
            member.mode = 0o755 if member.isdir() else 0o644
            member.pax_headers = {}
            new.addfile(member, content)
    archive.write_bytes(gzip.compress(packed.getvalue(), mtime=epoch))


def main() -> int:
    """Build, and tell what was built; returns the exit code."""
    try:
        made = build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist"))
    except DistributionError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{each} ({each.stat().st_size:,} bytes)\n" for each in made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
