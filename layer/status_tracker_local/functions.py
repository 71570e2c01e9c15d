"""Every deployed Lambda function: unpacked as on Lambda, run in as many environments as it needs, up to a cap."""

import io
import os
import shutil
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Protocol

from status_tracker_local.runtime_api import Outcome
from status_tracker_local.sandbox import Function, Sandbox

# More processes than processors only make each slower, and each takes about 76 MB.
ENVIRONMENTS_PER_FUNCTION = max(2, os.cpu_count() or 1)
# How long a caller of the API waits for an environment. Lambda would not wait at all, but it has many more of them.
WAIT_SECONDS = 5.0


class ThrottledError(RuntimeError):
    """All environments of a function are busy, and none became free in time."""


class Observer(Protocol):
    """Is told of each invocation, by the function's name."""

    def started(self, function: str) -> None:
        """It has an environment."""

    def ended(self, function: str, seconds: float, *, failed: bool) -> None:
        """It has taken so long, without the environment's initialization."""

    def throttled(self, function: str) -> None:
        """There was no environment for it."""


class Functions:
    """Invokes functions.

    Args:
        observer: is told of each invocation.
        python: the interpreter of the handlers' own virtual environment.
        unpacked: where code and layers are unpacked.
        logs: the folder for ``<function>.log``.
    """

    def __init__(self, *, observer: Observer, python: Path, unpacked: Path, logs: Path) -> None:
        self._observer = observer
        self._python = python
        self._unpacked = unpacked
        self._logs = logs
        self._lock = threading.Lock()
        self._pools: dict[str, _Pool] = {}
        self._known: set[str] = set()

    def invoke(self, function: Function, event: bytes, *, patience: float | None = None) -> Outcome:
        """Run a function on an event, in a warm environment when one is free.

        Args:
            patience: how long to wait for an environment, in seconds; by default as long as it takes.

        Raises:
            ThrottledError: no environment became free in that time.
        """
        return self._pool(function).invoke(event, patience)

    def processes(self) -> dict[str, list[int]]:
        """The ids of the runtime processes alive now, by the function's name."""
        with self._lock:
            pools = list(self._pools.values())
        return {pool.function.name: pool.processes() for pool in pools}

    def unpack(self, archive: bytes, digest: str) -> Path:
        """The folder with the content of a zip file; ``digest`` names that content, so it is unpacked once."""
        folder = self._unpacked / digest.replace("/", "_")
        if digest in self._known:
            return folder
        if not folder.exists():
            self._unpacked.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=self._unpacked))
            zipfile.ZipFile(io.BytesIO(archive)).extractall(scratch)
            try:
                scratch.rename(folder)
            except OSError:  # another thread was quicker
                shutil.rmtree(scratch)
        self._known.add(digest)
        return folder

    def _pool(self, function: Function) -> "_Pool":
        with self._lock:
            pool = self._pools.get(function.name)
            if pool is None or pool.function != function:
                if pool:
                    pool.retire()
                pool = _Pool(function, self._python, self._logs / f"{function.name}.log", self._observer)
                self._pools[function.name] = pool
            return pool


class _Pool:
    """The environments of one version of one function."""

    def __init__(self, function: Function, python: Path, log: Path, observer: Observer) -> None:
        self.function = function
        self._observer = observer
        self._python = python
        self._log = log
        self._slots = threading.BoundedSemaphore(ENVIRONMENTS_PER_FUNCTION)
        self._lock = threading.Lock()
        self._idle: list[Sandbox] = []
        self._all: list[Sandbox] = []
        self._retired = False

    def invoke(self, event: bytes, patience: float | None) -> Outcome:
        if not self._slots.acquire(timeout=patience):
            self._observer.throttled(self.function.name)
            raise ThrottledError(f"All {ENVIRONMENTS_PER_FUNCTION} environments of {self.function.name} are busy")
        try:
            return self._observed(event)
        finally:
            self._slots.release()

    def _observed(self, event: bytes) -> Outcome:
        self._observer.started(self.function.name)
        outcome, seconds = None, 0.0
        try:
            outcome, seconds = self._invoke(event)
            return outcome
        finally:
            self._observer.ended(self.function.name, seconds, failed=outcome is None or outcome.is_error)

    def _invoke(self, event: bytes) -> tuple[Outcome, float]:
        """What came of it, and how many seconds it took without the initialization."""
        sandbox = self._take()
        if sandbox is None:
            sandbox = self._start()
            if error := sandbox.initialize():
                return error, 0.0
        begin = time.monotonic()
        outcome = sandbox.invoke(event)
        seconds = time.monotonic() - begin
        self._give_back(sandbox)
        return outcome, seconds

    def processes(self) -> list[int]:
        with self._lock:
            return [sandbox.pid for sandbox in self._all if sandbox.usable]

    def retire(self) -> None:
        """End the idle environments now, and the busy ones as they finish: the function has changed."""
        with self._lock:
            self._retired = True
            idle, self._idle = self._idle, []
        for sandbox in idle:
            sandbox.kill()

    def _start(self) -> Sandbox:
        sandbox = Sandbox(self.function, python=self._python, log=self._log)
        with self._lock:
            self._all = [other for other in self._all if other.usable] + [sandbox]
        return sandbox

    def _take(self) -> Sandbox | None:
        with self._lock:
            while self._idle:
                sandbox = self._idle.pop()
                if sandbox.usable:
                    return sandbox
        return None

    def _give_back(self, sandbox: Sandbox) -> None:
        with self._lock:
            if not self._retired:
                self._idle.append(sandbox)
                return
        sandbox.kill()
