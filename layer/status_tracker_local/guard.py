"""Run a command so that nothing of it outlives the process that asked for it.

The guard is a small process between the two. It starts the command in a process group of its own and holds
one end of a pipe; when the other end closes, because the parent closed it or died in whatever way, the whole
group is killed. This needs no cooperation of the command and works on Linux and macOS alike.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_CHILD_SUBREAPER = 36


class GuardedProcess:
    """A command with all its descendants, killed together.

    Args:
        command: the program and its arguments.
        cwd: the folder to run in.
        env: the whole environment of the command.
        output: where its output and its errors go.
        pass_fds: file descriptors that the command inherits.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        output: IO[bytes],
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._guard = subprocess.Popen(  # noqa: S603 - the command is our caller's own
            [sys.executable, "-I", __file__, *command],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            start_new_session=True,  # a Ctrl-C in the terminal is for us; we then tell what we stop
        )

    @property
    def exit_code(self) -> int | None:
        """The exit code of the command, or None while it runs."""
        return self._guard.poll()

    def wait(self) -> int:
        """Wait until the command has ended; returns its exit code."""
        code = self._guard.wait()
        self.kill()
        return code

    def kill(self) -> None:
        """Kill the command and everything that it started, and wait until they are gone."""
        if self._guard.stdin and not self._guard.stdin.closed:
            self._guard.stdin.close()
        self._guard.wait()


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return


def _wait_for_group(leader: int) -> None:
    """Orphans of the group are our children by now (on Linux), so that we know when they are gone."""
    try:
        while True:
            os.waitpid(-leader, 0)
    except ChildProcessError:
        return


def _kill_group_when_parent_is_gone(leader: int) -> None:
    sys.stdin.buffer.read()
    _kill_group(leader)


def main() -> int:
    """Run the command given as arguments; returns its exit code, 128 + the signal when it was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    command = subprocess.Popen(  # noqa: S603 - the command is our caller's own
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        process_group=0,
        close_fds=False,  # what we inherited is for the command
    )
    threading.Thread(target=_kill_group_when_parent_is_gone, args=(command.pid,), daemon=True).start()
    code = command.wait()
    _kill_group(command.pid)
    _wait_for_group(command.pid)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # The thread blocks in a read of stdin; an ordinary exit would wait for the lock it holds.
    os._exit(main())
