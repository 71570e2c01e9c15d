"""`FileTracker`: every task a JSON file."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Any, Self

from ..core.retries import jittered
from .declared import T_ID
from .documents import DocumentTracker

_LONGEST_WAIT = 10.0
_LONGEST_PAUSE = 0.01
_LASTING_ERRORS = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "EINVAL")
)


@dataclass
class FileTracker(DocumentTracker):
    """A task whose state is a JSON file, for workers on one machine::

        @dataclasses.dataclass
        class Job(FileTracker):
            @classmethod
            def get_path(cls, id):
                return Path("jobs", f"{id}.json")

    Two workers, in whatever processes, never both enter, and a reader never sees half a file, even if a writer is
    killed. Beside ``1.json`` there is a ``.1.json.status-tracker.lock``, which is empty and must stay, and while it is
    written, or after a writer was killed, a ``.status-tracker.….tmp``, which the next writer replaces. Needs a POSIX
    system, and a file system that knows `flock`.

    The file is that of abstract_tracker, whose own writers compare nothing: do not let both write at a time.
    """

    @classmethod
    def get_path(cls, id: T_ID) -> Path:  # noqa: A002  # the seed's name
        """The file of a task, to be written by the subclass: another one for each id. Missing folders are made."""
        raise NotImplementedError

    @property
    def path(self) -> Path:
        """The file of this task."""
        return self.get_path(self.id)

    @classmethod
    def load(cls, id: T_ID, **kwargs: Any) -> Self | None:  # noqa: A002, ARG003  # the seed's signature
        """The tracker as it is stored now; None if there is no such file.

        Raises:
            TrackerUnreadableError: the file holds something else, or another task; it was left as it is.
        """
        path = Path(cls.get_path(id))
        content = _read(path)
        return None if content is None else cls._decoded(id, content, _stamp_of(content), str(path))

    def dump(self, **kwargs: Any) -> None:  # noqa: ARG002  # the seed's signature
        """Store the tracker, durably, if the file is still the one this object was loaded from.

        Raises:
            TrackerChangedError: it is not, or there is one though this object was not loaded; nothing was stored.
            TypeError, ValueError: JSON cannot hold a field.
            TimeoutError: another process has been writing the file for ten seconds.
            NotImplementedError: this system has no `flock`.
        """
        content = self._encoded()
        path = Path(self.path).resolve()  # by whatever links one comes there, the lock is the same
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_writer(path) as lock:
            stored = _read(path)
            if (None if stored is None else _stamp_of(stored)) != self._stamp:
                raise self._changed(str(path))
            if not _replace(path, content, lock):
                raise self._changed(str(path))
        self._stamp = _stamp_of(content)

    @classmethod
    def is_transient(cls, error: Exception) -> bool:
        """As of `BaseTracker`; a full disk or a failing device may recover, missing permissions do not."""
        return isinstance(error, OSError) and error.errno not in _LASTING_ERRORS


def _stamp_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class _Lock:
    """The opened file that keeps other writers out, and its name, which no id of another task makes by accident."""

    file: BufferedWriter
    name: Path

    def is_in_place(self) -> bool:
        """Whether it is still the one of that name, and so excludes others."""
        try:
            return os.path.samestat(os.fstat(self.file.fileno()), self.name.stat())
        except FileNotFoundError:
            return False

    def temporary(self) -> Path:
        """Where its holder prepares the content: whoever holds another lock writes elsewhere."""
        return self.name.with_name(f".status-tracker.{os.fstat(self.file.fileno()).st_ino}.tmp")


@contextmanager
def _only_writer(path: Path) -> Iterator[_Lock]:
    """Keep all other writers of the file out, by the lock that it gives.

    By a lock of the kernel, which goes with the process that holds it, in whatever way that dies: a file whose mere
    existence is the lock would be left behind. It is put on a file of its own, which stays, since the tracker's file
    is replaced by each write, and waiting for the lock of a replaced file would exclude nobody. Somebody may delete
    that file all the same: a lock on a deleted one excludes nobody either.
    """
    try:
        import fcntl  # noqa: PLC0415  # Windows has none
    except ImportError as missing:
        raise NotImplementedError(
            "FileTracker needs fcntl.flock, which this system does not have: use S3Tracker or another backend."
        ) from missing
    name = path.with_name(f".{path.name}.status-tracker.lock")
    deadline = time.monotonic() + _LONGEST_WAIT
    while True:
        with name.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as held:
                if time.monotonic() > deadline:  # a writer that is stopped must not stop the others too
                    raise TimeoutError(errno.ETIMEDOUT, "another process has kept its lock on it", str(path)) from held
            else:
                try:
                    lock = _Lock(file, name)
                    if lock.is_in_place():
                        yield lock
                        return
                finally:
                    fcntl.flock(file, fcntl.LOCK_UN)  # a process forked meanwhile has the file open too
        time.sleep(jittered(_LONGEST_PAUSE))


def _replace(path: Path, content: bytes, lock: _Lock) -> bool:
    """Put the content in the file's place at once, and see to it that it stays there when the power fails.

    Returns:
        Whether that was done: it is not if the lock excludes nobody any more when everything is ready.
    """
    temporary = lock.temporary()  # the same for each holder of this lock: what a killed writer left is overwritten
    with temporary.open("wb") as file:
        if path.exists():
            shutil.copymode(path, temporary)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if not lock.is_in_place():
        temporary.unlink()
        return False
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
