"""One execution environment of a Lambda function: a runtime process, from its cold start to its end."""

import json
import queue
import subprocess
import threading
import time
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from status_tracker_local.runtime_api import Invocation, Outcome, RuntimeApi

# Generous, since many environments may start at once on a small machine. On AWS it is 10 s.
INITIALIZATION_SECONDS = 60.0


@dataclass(frozen=True)
class Function:
    """A deployed function, as far as running it goes.

    ``timeout`` is in seconds; ``code`` and ``layers`` are folders, unpacked as on Lambda; ``environment`` is all
    that its processes see of the machine's environment.
    """

    name: str
    arn: str
    handler: str
    timeout: float
    code: Path
    layers: tuple[Path, ...]
    environment: Mapping[str, str]


class Sandbox:
    """Runs one function, one invocation at a time.

    Args:
        function: what to run.
        python: the interpreter that has awslambdaric and boto3, and nothing else.
        log: the file to which the process and we append.
    """

    def __init__(self, function: Function, *, python: Path, log: Path) -> None:
        self.function = function
        self._log = log.open("ab", buffering=0)  # each line is written at once, after what the process has written
        weakref.finalize(self, self._log.close)
        self._gone = threading.Event()
        self._api = RuntimeApi()
        self._process = subprocess.Popen(  # noqa: S603 - the handler is what was deployed
            [str(python), "-m", "awslambdaric", function.handler],
            cwd=function.code,
            env={**function.environment, **self._paths()},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._watch, name=f"watch-{self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The id of the runtime process."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it can take another invocation."""
        return not self._gone.is_set()

    def initialize(self) -> Outcome | None:
        """Wait until the handler is imported; returns the error when it could not be."""
        begin = time.monotonic()
        deadline = begin + INITIALIZATION_SECONDS
        while not self._api.started.wait(0.005):
            if not self._api.outcomes.empty():
                self.kill()
                return self._api.outcomes.get()
            if time.monotonic() > deadline:
                self.kill()
                return _failure("Sandbox.Timedout", f"Initialization took over {INITIALIZATION_SECONDS:g} s")
        self._say(f"INIT_REPORT Init Duration: {(time.monotonic() - begin) * 1000:.0f} ms")
        return None

    def invoke(self, event: bytes) -> Outcome:
        """Run the handler on one event; at the function's timeout the process is killed."""
        request_id = str(uuid.uuid4())
        timeout = self.function.timeout
        begin = time.time()
        self._say(f"START RequestId: {request_id}")
        self._api.offer(Invocation(request_id, self.function.arn, event, int((begin + timeout) * 1000)))
        try:
            outcome = self._api.outcomes.get(timeout=timeout)
        except queue.Empty:
            self.kill()
            message = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            outcome = _failure("Sandbox.Timedout", message)
            self._say(message)
        self._say(f"REPORT RequestId: {request_id} Duration: {(time.time() - begin) * 1000:.0f} ms")
        return outcome

    def kill(self) -> None:
        """End the process, whatever it is doing, and wait until it is gone."""
        self._process.kill()
        self._gone.wait()

    def _watch(self) -> None:
        code = self._process.wait()
        how = f"exit status {code}" if code >= 0 else f"signal {-code}"
        self._gone.set()
        self._api.outcomes.put(_failure("Runtime.ExitError", f"Error: Runtime exited with error: {how}"))
        self._api.close()

    def _paths(self) -> dict[str, str]:
        layers = [str(layer / "python") for layer in self.function.layers]
        return {
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "LAMBDA_TASK_ROOT": str(self.function.code),
            "PYTHONPATH": ":".join([str(self.function.code), *layers]),
        }

    def _say(self, line: str) -> None:
        stamp = datetime.now(tz=UTC).isoformat(timespec="milliseconds")
        self._log.write(f"{stamp} {line}\n".encode())


def _failure(error_type: str, message: str) -> Outcome:
    payload = json.dumps({"errorType": error_type, "errorMessage": message})
    return Outcome(payload.encode(), is_error=True)
