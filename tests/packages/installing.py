"""An environment outside the checkout that has the wheels, and in which nothing of the checkout can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple


class Wheels(NamedTuple):
    """The built wheels."""

    library: Path
    constructs: Path


class Environment(NamedTuple):
    """A virtual environment.

    Attributes:
        home: its folder.
        work: an empty folder, in which its programs run.
    """

    home: Path
    work: Path

    @property
    def python(self) -> Path:
        return self.home / "bin" / "python"

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, which knows nothing of ours but the path of system programs."""
        path = os.pathsep.join([str(self.home / "bin"), os.environ["PATH"]])
        return subprocess.run(  # noqa: S603
            [str(self.home / "bin" / command[0]), *command[1:]],
            cwd=self.work,
            env={"PATH": path, "HOME": str(self.work), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def output(self, program: str, *arguments: str) -> str:
        """What a Python program prints."""
        done = self.run("python", "-c", program, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


def make_environment(wheels: Wheels, home: Path, work: Path) -> Environment:
    """Install the wheels, and put beside them the packages that the tests run with, so that no network is needed.

    `test_the_packages_that_are_tested_are_those_that_the_wheels_ask_for` says that these are what pip would install.
    """
    work.mkdir()
    _uv("venv", "--python", sys.executable, str(home))
    installed = Environment(home, work)
    _uv("pip", "install", "--offline", "--no-deps", "--python", str(installed.python), *map(str, wheels))
    site = Path(installed.output("import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "tested.pth").write_text(sysconfig.get_path("purelib"))
    return installed


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", "--no-config", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
