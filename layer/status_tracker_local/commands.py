"""Commands that the local cloud runs, with what they print in a log."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from status_tracker_local.errors import LocalCloudError
from status_tracker_local.guard import GuardedProcess

_LINES_SHOWN = 25


class Command:
    """A command under way; as a context manager it is killed at the end of the block, if it still runs.

    Args:
        what: what it does, for messages, such as ``cdk deploy``.
        command: the program and its arguments.
        cwd: the folder to run in.
        env: the whole environment of the command.
        log: the file, made anew, that gets all that it prints.
        pass_fds: file descriptors that the command inherits.
    """

    def __init__(
        self,
        what: str,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        log: Path,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._what = what
        self._log = log
        with log.open("wb") as output:
            self._process = GuardedProcess(command, cwd=cwd, env=env, output=output, pass_fds=pass_fds)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.exit_code is None

    def finish(self) -> None:
        """Wait until it has ended well.

        Raises:
            LocalCloudError: it failed; the message has the end of its log.
        """
        if code := self._process.wait():
            raise self.failure(f"ended with exit code {code}")

    def failure(self, how: str) -> LocalCloudError:
        """An error that says how the command failed and shows the end of its log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        shown = "\n".join(f"    {line}" for line in lines[-_LINES_SHOWN:])
        return LocalCloudError(f"{self._what} {how}. All it said is in {self._log}; the end of it:\n{shown}")

    def kill(self) -> None:
        """End it and all that it started, and wait until they are gone."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
