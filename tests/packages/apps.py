"""Applications outside of the checkout, in an environment that has nothing of it but the wheels."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from release.distributions import ROOT
from tests.packages.installing import Environment

LONGEST = 420
"""Seconds that a command may take: synthesis and deployment are among them."""


def copied(app: Path, folder: Path) -> Path:
    """A copy of the app without what running it has left there."""
    left = shutil.ignore_patterns(".local", ".venv", "__pycache__", "cdk.out", "node_modules")
    return Path(shutil.copytree(app, folder, ignore=left))


def with_cdk(folder: Path) -> Path:
    """The folder, with the CDK's command line as `npm install` would put it there."""
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder


def run(installed: Environment, folder: Path, *command: str, **environment: str) -> str:
    """What the program prints; it has to succeed."""
    done = subprocess.run(  # noqa: S603  # programs of the environment
        [shutil.which(command[0], path=path_of(installed)) or command[0], *command[1:]],
        cwd=folder,
        env={**surroundings(installed), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def path_of(installed: Environment) -> str:
    return os.pathsep.join([str(installed.home / "bin"), os.environ["PATH"]])


def surroundings(installed: Environment) -> Mapping[str, str]:
    """The variables of a terminal in which the environment was activated."""
    return {
        "PATH": path_of(installed),
        "HOME": os.environ.get("HOME", str(installed.work)),
        "VIRTUAL_ENV": str(installed.home),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
