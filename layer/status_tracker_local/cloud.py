"""The local cloud, seen from outside: start it, deploy to it, use it, stop it."""

import fcntl
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3

from status_tracker_local.account import (
    ALARM_CHANGES_PATH,
    CLOCK_PATH,
    DASHBOARD_PATH,
    FUNCTIONS_PATH,
    LEFT_OUT_PATH,
    PAGES_PATH,
    PERMISSIONS_PATH,
    START_PATH,
    WIDGET_PATH,
    client_environment,
    isolated_environment,
)
from status_tracker_local.assembly import other_runtimes
from status_tracker_local.commands import Command
from status_tracker_local.deployment import App, Deployment
from status_tracker_local.errors import LocalCloudError
from status_tracker_local.exports import forget_exports
from status_tracker_local.stacks import deployed_outputs
from status_tracker_local.toolchain import handlers_python, interpreter_of

# Moto's imports take 3 to 5 seconds on an idle machine.
_READY_SECONDS = 120.0
_SERVER = "status_tracker_local.server"


def _say_nothing(_: str) -> None:
    return


class LocalCloud:
    """An AWS account on this machine, to which CDK apps are deployed on request.

    All of it ends with `stop`, with the ``with`` block, or with this process, in whatever way that ends.

    Args:
        state: the folder for logs, unpacked functions and the synthesized app; two clouds cannot share one.
        say: called with what is being done, a line at a time; by default nothing is said.

    Example::

        with LocalCloud(state=Path(".local")) as cloud:
            cloud.deploy(App(Path("path/to/app")))
            cloud.client("sqs").send_message(QueueUrl=cloud.outputs["MyStack"]["QueueUrl"], MessageBody="…")
    """

    def __init__(self, *, state: Path, say: Callable[[str], None] = _say_nothing) -> None:
        self.state = state.resolve()
        """The folder for logs, unpacked functions and the synthesized app."""
        self._outputs_file = self.state / "outputs.json"
        self._say = say
        self._running = ExitStack()
        self._server: Command | None = None
        self._handlers: Future[Path] | None = None
        self._endpoint = ""
        self._is_prepared = False
        self.outputs: dict[str, dict[str, str]] = {}
        """The outputs of each deployed stack, by the stack's name and theirs; empty before `deploy`."""
        self.ignored_resource_types: list[str] = []
        """The resource types of the stacks that the local cloud does not have; empty before `deploy`."""
        self.also_left_out: list[str] = []
        """What else is not as in the stacks' templates, a sentence each; empty before `deploy`."""
        self.functions_not_run: list[str] = []
        """The functions that are not of Python, by the path of their construct; empty before `deploy`."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which ``aws``, ``boto3`` and ``cdk`` reach this cloud, and nothing else.

        ``STATUS_TRACKER_OUTPUTS`` is a JSON file with `outputs`.
        """
        return {**client_environment(self._endpoint), "STATUS_TRACKER_OUTPUTS": str(self._outputs_file)}

    @property
    def page_url(self) -> str:
        """The page that lists what was deployed: stacks with their outputs, dashboards, widgets."""
        return f"{self._endpoint}{START_PATH}"

    @property
    def widget_url(self) -> str:
        """The page that shows the first custom widget of a dashboard, as CloudWatch would."""
        return f"{self._endpoint}{WIDGET_PATH}"

    @property
    def dashboard_url(self) -> str:
        """The page that draws the deployed dashboards."""
        return f"{self._endpoint}{DASHBOARD_PATH}"

    @property
    def logs(self) -> Path:
        """The folder with what the functions, the server and the CDK said."""
        return self.state / "logs"

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return self._server is not None and self._server.running

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud, whatever this process's own environment says."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self._endpoint,
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    def processes(self) -> dict[str, list[int]]:
        """The ids of the processes that run Lambda functions now, by the function's name."""
        processes: dict[str, list[int]] = self._ask(FUNCTIONS_PATH)
        return processes

    def pages(self) -> list[tuple[str, str]]:
        """The addresses of the deployed dashboards and custom widgets, each with what it is."""
        return [(what, f"{self._endpoint}{path}") for what, path in self._ask(PAGES_PATH)]

    def alarm_changes(self, after: int = 0) -> list[dict[str, Any]]:
        """The changes of the alarms' states, the oldest first, beyond the first `after` of them.

        Each has its ``number``, ``at`` (seconds since 1970), ``alarm``, ``old``, ``new`` and ``reason``.
        """
        changes: list[dict[str, Any]] = self._ask(f"{ALARM_CHANGES_PATH}?after={after}")
        return changes

    def forward(self, seconds: float | None = None) -> float:
        """Move the clock of the metrics and alarms forward, and have the alarms evaluated for each minute passed over.

        Nothing runs in the time that is passed over: it is as if all had stood still meanwhile.

        Args:
            seconds: by how much; by default to the end of the minute.

        Returns:
            The time that it is then by this clock, in seconds since 1970.

        Raises:
            LocalCloudError: the seconds are negative, or no finite number.
        """
        query = "" if seconds is None else f"?seconds={seconds}"
        moved: float = self._ask(f"{CLOCK_PATH}{query}", data=b"")
        return moved

    def permission_checks(self) -> Any:
        """What the policies were asked: ``total``, ``refused``, and each kind of question once, with its ``count``."""
        return self._ask(PERMISSIONS_PATH)

    def refusals(self) -> list[str]:
        """What was refused so far, each kind once: who, which action, on what, and why."""
        kinds = self.permission_checks()["kinds"]
        refused = [each for each in kinds if each["why_refused"]]
        return [
            f"{each['principal']} may not {each['action']} on {each['resource']} {each['why_refused']}"
            for each in refused
        ]

    def start(self) -> None:
        """Start the server; it takes some seconds until it answers, and requests wait for that.

        Functions run only when `wait_until_ready` or `deploy` says so: their environment is made meanwhile.

        Raises:
            LocalCloudError: another cloud uses the same folder.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        try:
            self._lock_state()
            forget_exports(self.state)
            for log in self.logs.glob("*.log"):
                log.unlink()  # of an earlier cloud, whose functions had other names
            making = self._running.enter_context(ThreadPoolExecutor(1))
            self._handlers = making.submit(handlers_python, self.state / "handlers")
            self._launch_server(interpreter_of(self.state / "handlers"))
        except BaseException:
            self.stop()
            raise

    def wait_until_ready(self) -> None:
        """Wait until the server answers, and functions can run.

        Raises:
            LocalCloudError: it ended, or did not answer in time; or the handlers' environment cannot be made.
        """
        self._wait_for_server()
        if self._handlers is not None:
            self._handlers.result()

    def _wait_for_server(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self.processes()
            except OSError as error:
                server = self._started()
                if not server.running:
                    raise server.failure("ended before it answered") from None
                if time.monotonic() > deadline:
                    raise server.failure(f"did not answer within {_READY_SECONDS:g} s: {error}") from None
            else:
                return

    def deploy(self, app: App) -> None:
        """Synthesize an app and deploy it, as one would to AWS; again, what has changed of it.

        Raises:
            LocalCloudError: a tool is missing, one of the CDK's commands failed, or the app has what cannot be here.
        """
        deployment = Deployment(app, state=self.state, endpoint=self._endpoint)
        self._say("Synthesizing the app (cdk synth)" + ("" if self._is_prepared else " while the server starts"))
        with deployment.synth() as synth:
            self._prepare(deployment)
            stacks = deployment.stacks(synth)
        self._say(f"Deploying {', '.join(stack.path for stack in stacks)} (cdk deploy)")
        with deployment.deploy(stacks) as deploy:
            deploy.finish()
        self.outputs = deployed_outputs(self.client("cloudformation"))
        self._outputs_file.write_text(json.dumps(self.outputs, indent=1), encoding="utf-8")
        left_out = [self._ask(f"{LEFT_OUT_PATH}?stack={urllib.parse.quote(stack.name)}") for stack in stacks]
        self.ignored_resource_types = sorted({kind for each in left_out for kind in each["types"]})
        self.also_left_out = [line for each in left_out for line in each["lines"]]
        self.functions_not_run = [each for stack in stacks for each in other_runtimes(stack)]

    def _prepare(self, deployment: Deployment) -> None:
        self.wait_until_ready()
        if self._is_prepared:
            return
        self._say("Server ready; preparing the account (cdk bootstrap)")
        with deployment.bootstrap() as bootstrap:
            bootstrap.finish()
        self._is_prepared = True
        self._say("Account prepared; waiting for the synthesized app")

    def stop(self) -> None:
        """End every process of this cloud, and wait until they are gone."""
        self._running.close()
        self._server = None

    def _lock_state(self) -> None:
        lock = self._running.enter_context((self.state / "lock").open("a+"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise LocalCloudError(
                f"A local cloud is already running in {self.state}, started by process {lock.read().strip()}. "
                "Stop it with Ctrl-C in its terminal, or kill that process, and try again."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()

    def _launch_server(self, python: Path) -> None:
        # We open the port and the server inherits it: so it is known at once, and nobody is refused meanwhile.
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            self._endpoint = f"http://localhost:{listener.getsockname()[1]}"
            self._server = Command(
                "The local cloud's server",
                [sys.executable, "-P", "-m", _SERVER, str(listener.fileno()), str(self.state), str(python)],
                cwd=self.state,
                env={
                    **isolated_environment(self._endpoint),
                    "PYTHONPATH": str(Path(__file__).parents[1]),
                    "MOTO_DISABLE_GLOBAL_CORS": "true",  # other sites are refused anyway
                },
                log=self.logs / "server.log",
                pass_fds=[listener.fileno()],
            )
        self._running.enter_context(self._server)

    def _started(self) -> Command:
        if self._server is None:
            raise LocalCloudError("The local cloud is not running: call start(), or use it in a `with` block.")
        return self._server

    def _ask(self, path: str, data: bytes | None = None) -> Any:
        """The server's answer; with data, to a POST."""
        self._started()
        url = f"{self._endpoint}{path}"
        try:
            with urllib.request.urlopen(url, data, timeout=_READY_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.BAD_REQUEST:
                raise
            raise LocalCloudError(error.read().decode()) from None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
