"""Nothing outlives the process that asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from status_tracker_local.cloud import LocalCloud
from status_tracker_local.commands import Command
from status_tracker_local.errors import LocalCloudError
from tests.local_cloud.support import processes_of, wait_for

# A process with a child, both of which ignore polite requests.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
time.sleep(600)
"""
# Starts that under a guard, and waits.
PARENT = f"""
import os, sys, time
from pathlib import Path
from status_tracker_local.commands import Command
state = Path(sys.argv[1])
Command("x", [sys.executable, "-c", {STUBBORN!r}, str(state)], cwd=state, env=os.environ, log=state / "log")
time.sleep(600)
"""

ROOT = Path(__file__).parents[2]


def stubborn(state: Path) -> Command:
    command = [sys.executable, "-c", STUBBORN, str(state)]
    return Command("a stubborn command", command, cwd=state, env=os.environ, log=state / "log")


def test_a_killed_command_takes_its_children_with_it(tmp_path: Path) -> None:
    with stubborn(tmp_path) as command:
        wait_for("guard, parent and child", lambda: len(processes_of(tmp_path)) == 3)
        assert command.running
    assert processes_of(tmp_path) == []


def test_a_stopped_child_is_killed_too(tmp_path: Path) -> None:
    with stubborn(tmp_path):
        wait_for("guard, parent and child", lambda: len(processes_of(tmp_path)) == 3)
        os.kill(max(processes_of(tmp_path)), signal.SIGSTOP)
    assert processes_of(tmp_path) == []


def test_the_command_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "layer")}
    with subprocess.Popen(command, cwd=ROOT, env=env) as parent:  # noqa: S603 - our own script
        wait_for("all four", lambda: len(processes_of(tmp_path)) == 4)
        parent.kill()
    wait_for("their end", lambda: processes_of(tmp_path) == [])


def test_a_failed_command_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    script = "print('the cause'); raise SystemExit(7)"
    command = Command("It", [sys.executable, "-c", script], cwd=tmp_path, env=os.environ, log=tmp_path / "log")
    with pytest.raises(LocalCloudError, match=r"It ended with exit code 7(.|\n)*the cause"):
        command.finish()


def test_a_stopped_cloud_leaves_no_process(tmp_path: Path) -> None:
    with LocalCloud(state=tmp_path) as cloud:
        cloud.wait_until_ready()
        assert processes_of(tmp_path)
    assert processes_of(tmp_path) == []


def test_two_clouds_cannot_share_a_folder(cloud: LocalCloud) -> None:
    second = LocalCloud(state=cloud.logs.parent)
    with pytest.raises(LocalCloudError, match=rf"already running in .* started by process {os.getpid()}\."):
        second.start()
    assert cloud.running


def test_a_server_that_dies_is_told_with_its_log(tmp_path: Path) -> None:
    with LocalCloud(state=tmp_path) as cloud:
        cloud.wait_until_ready()
        for pid in processes_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(LocalCloudError, match="ended before it answered"):
            cloud.wait_until_ready()
