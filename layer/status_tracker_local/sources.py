"""Whether an app's files are as they were."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# What no app is made of. Packages stand in lock files, which count.
_LEFT_OUT = frozenset({"__pycache__", "cdk.out", "node_modules", "tests"})
_OF_A_VENV = "pyvenv.cfg"


class _Seen(NamedTuple):
    """A file: what the system tells of it, and a hash of its content."""

    told: tuple[int, int, int]
    content: bytes


class Sources:
    """The files of a folder, as they were when it was last asked.

    Files and folders whose names begin with a dot do not count, nor do folders of tests, of packages, of virtual
    environments and of what is synthesized.

    Args:
        folder: the folder.
        leave_out: another folder that does not count.
    """

    def __init__(self, folder: Path, *, leave_out: Path) -> None:
        self._folder = folder
        self._left_out = leave_out
        self._seen: dict[str, _Seen] = {}
        self.changed()

    def changed(self) -> str:
        """A file that was made, removed or given another content since it was last asked; empty if none was."""
        before, self._seen = self._seen, {}
        for path in self._files():
            name = str(path.relative_to(self._folder))
            try:
                self._seen[name] = _look(path, before.get(name))
            except OSError:  # it has gone meanwhile, or cannot be read
                continue
        names = sorted(before.keys() | self._seen.keys())
        return next((name for name in names if _content(before, name) != _content(self._seen, name)), "")

    def _files(self) -> Iterator[Path]:
        for place, folders, files in os.walk(self._folder):
            if _OF_A_VENV in files or Path(place) == self._left_out:
                folders.clear()
                continue
            folders[:] = [name for name in folders if name not in _LEFT_OUT and not name.startswith(".")]
            yield from (Path(place, name) for name in files if not name.startswith("."))


def _look(path: Path, before: _Seen | None) -> _Seen:
    found = path.stat()
    told = (found.st_mtime_ns, found.st_size, found.st_ino)
    if before and before.told == told:
        return before
    with path.open("rb") as file:
        return _Seen(told, hashlib.file_digest(file, "sha256").digest())


def _content(seen: dict[str, _Seen], name: str) -> bytes | None:
    return seen[name].content if name in seen else None
