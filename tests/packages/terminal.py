"""An app as its owner has it: outside of the checkout, in an environment that has nothing of it but the wheels."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from release.distributions import ROOT
from tests.packages.installing import Environment

LONGEST = 420
"""Seconds that a command, or what is waited for, may take; synthesis and deployment are among them."""

_LEFT_THERE = shutil.ignore_patterns(".local", ".venv", "__pycache__", "cdk.out", "node_modules")
_NOT_OURS = ("AWS_", "PYTHON", "PYTEST_", "STATUS_TRACKER_", "COV_")

FoundT = TypeVar("FoundT")


class Terminal(NamedTuple):
    """A shell in the folder of an app, with the environment activated.

    Attributes:
        folder: that of the app.
        installed: has the wheels.
        before: what was typed before each command.
    """

    folder: Path
    installed: Environment
    before: str = ":"

    def run(self, command: str) -> str:
        """What the command prints; it has to succeed."""
        process = self.start(command, subprocess.PIPE)
        printed, _ = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, printed
        return printed

    def start(self, command: str, output: int) -> subprocess.Popen[str]:
        """Begin the command; its errors go where its output does."""
        return subprocess.Popen(  # noqa: S603  # programs of the environment
            ["bash", "-ec", f"{self.before}\n{command}"],  # noqa: S607
            cwd=self.folder,
            env=self._environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def _environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
        path = os.pathsep.join([str(self.installed.home / "bin"), os.environ["PATH"]])
        return {**kept, "PATH": path, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"}


def copied(app: Path, folder: Path) -> Path:
    """A copy of the app, without what its use leaves there, and with the CDK as `npm install` puts it there."""
    shutil.copytree(app, folder, ignore=_LEFT_THERE)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder


@contextmanager
def local_cloud(terminal: Terminal) -> Iterator[Terminal]:
    """A second terminal beside `status-tracker local`, which runs in the first until the end of the block."""
    exports, log = terminal.folder / ".local" / "env", terminal.folder.with_suffix(".log")
    with log.open("w") as written:
        process = terminal.start("exec status-tracker local", written.fileno())
    try:
        eventually(lambda: exports.exists() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield terminal._replace(before=". .local/env\nexport PYTHONPATH=src")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(240)


def eventually(look: Callable[[], FoundT | None]) -> FoundT:
    """What is found there, as soon as it is."""
    end = time.monotonic() + LONGEST
    while not (found := look()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.5)
    return found
