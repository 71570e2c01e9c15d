"""The cold start of each Lambda function, in the local runtime: ``python -m bench.cold_functions``.

Its account is moto's server in this process, without the workflow: a function is started for each event that is sent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from bench import items
from bench.cold import import_times
from bench.conductor import ROOT
from bench.processes import cpu_seconds, peak_bytes
from bench.report import aligned, number
from bench.start import MEGABYTE
from bench.stats import spread
from status_tracker_cdk.layer import bundle
from status_tracker_local.account import handler_environment
from status_tracker_local.sandbox import Function, Sandbox
from status_tracker_local.toolchain import handlers_python
from tests.handlers.support import DOCUMENT_BUCKET, ENVIRONMENT, RESULT_BUCKET, object_created, sqs_event

FUNCTIONS = ("intake", "extract", "answer")
_COLUMNS = (
    *("function", "init ms", "init CPU ms", "first invoke ms", "first CPU ms", "warm invoke ms", "modules"),
    *("MB", "botocore's models", "top imports, ms"),
)
_WORDS = frozenset({"function", "botocore's models", "top imports, ms"})
_SHOWN = 5
_TIMEOUT = 60.0
_PROBE = """
import importlib, json, sys, types
from botocore.loaders import JSONFileLoader
loaded, load = [], JSONFileLoader.load_file
JSONFileLoader.load_file = lambda self, path: loaded.append(path) or load(self, path)
handler = importlib.import_module(sys.argv[1]).handler
modules = len(sys.modules)
context = types.SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="r",
    get_remaining_time_in_millis=lambda: 60_000,
)
handler(json.loads(sys.argv[2]), context)
services = [path.replace("\\\\", "/").split("/")[-3] for path in loaded if path.endswith("service-2")]
print(json.dumps({"modules": modules, "models": services}))
"""


@dataclass
class Account:
    """What the functions work on.

    Attributes:
        endpoint: of its server.
        layer: the folder in which the layer is unpacked.
    """

    endpoint: str
    layer: Path

    def __post_init__(self) -> None:
        settings: dict[str, Any] = {"endpoint_url": self.endpoint, "region_name": items.REGION, **items.CREDENTIALS}
        self.s3 = boto3.client("s3", **settings)
        table, machines = boto3.client("dynamodb", **settings), boto3.client("stepfunctions", **settings)
        for bucket in (DOCUMENT_BUCKET, RESULT_BUCKET):
            self.s3.create_bucket(Bucket=bucket)
        items.create_table(table, ENVIRONMENT["TASK_TABLE_NAME"], items.PROJECTED)
        definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
        role = "arn:aws:iam::123456789012:role/any"
        made = machines.create_state_machine(name="bench", definition=definition, roleArn=role)
        own = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("AWS_")}
        region = {"AWS_REGION": items.REGION, "AWS_DEFAULT_REGION": items.REGION}
        self.environment = {
            **handler_environment(self.endpoint),
            **region,
            **own,
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "MAX_DOCUMENT_BYTES": "50000000",
            "WORKFLOW_ARN": made["stateMachineArn"],
        }

    def upload(self) -> dict[str, Any]:
        """The event of a new document, which is in the bucket."""
        body = (ROOT / "samples/documents/invoice-1001.pdf").read_bytes()
        key = f"{uuid.uuid4().hex}.pdf"
        etag = self.s3.put_object(Bucket=DOCUMENT_BUCKET, Key=key, Body=body)["ETag"].strip('"')
        return object_created(key, etag, len(body))

    def function(self, name: str) -> Function:
        layers, code = (self.layer,), ROOT / "lambdas"
        return Function(name, f"arn:aws:lambda:::{name}", f"{name}.handler", _TIMEOUT, code, layers, self.environment)


@dataclass
class Cold:
    """What the starts of one function took, in seconds; each list has one value a round."""

    init: list[float] = field(default_factory=list)
    init_cpu: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    first_cpu: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)


def measure(rounds: int) -> str:
    """The table of all functions."""
    with _account() as account:
        starts = {name: Cold() for name in FUNCTIONS}
        told = {}
        for turn in range(-1, rounds):  # the first one compiles
            for name, events in _events(account).items():
                cold = _start(account, name, events)
                if turn < 0:
                    told[name] = _probe(account, name, json.loads(events[2]))
                    continue
                for what, values in vars(cold).items():
                    getattr(starts[name], what).extend(values)
        return aligned(_COLUMNS, [_cells(name, starts[name], *told[name]) for name in FUNCTIONS], _WORDS)


@contextmanager
def _account() -> Iterator[Account]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            bundle(ROOT / "layer", ROOT / "lambdas", Path(folder))
            yield Account(f"http://localhost:{server.get_host_and_port()[1]}", Path(folder))
    finally:
        server.stop()


def _events(account: Account) -> dict[str, list[bytes]]:
    """Three events for each function, in the order in which documents go through them."""
    uploads = [account.upload() for _ in range(3)]
    objects = [upload["detail"]["object"] for upload in uploads]
    tasks = [json.dumps({"task_id": f"{each['key']}#{each['etag']}", "run": 0}).encode() for each in objects]
    return {
        "intake": [json.dumps(sqs_event(json.dumps(upload))).encode() for upload in uploads],
        "extract": tasks,
        "answer": tasks,
    }


def _start(account: Account, name: str, events: list[bytes]) -> Cold:
    cold = Cold()
    log = account.layer / f"{name}.log"
    began = time.perf_counter()
    sandbox = Sandbox(account.function(name), python=handlers_python(), log=log)
    try:
        failed = sandbox.initialize()
        cold.init.append(time.perf_counter() - began)
        cold.init_cpu.append(cpu_seconds(sandbox.pid))
        for event, taken in zip(events, (cold.first, cold.warm), strict=False):
            began = time.perf_counter()
            outcome = failed or sandbox.invoke(event)
            taken.append(time.perf_counter() - began)
            if outcome.is_error:
                raise RuntimeError(f"{name}: {outcome.payload.decode()}\n{log.read_text()}")
            if not cold.first_cpu:
                cold.first_cpu.append(cpu_seconds(sandbox.pid) - cold.init_cpu[0])
        cold.resident.append(peak_bytes(sandbox.pid))
    finally:
        sandbox.kill()
    return cold


def _probe(account: Account, name: str, event: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What a start loads, and where the time of its imports goes."""
    code = [str(ROOT / "lambdas"), str(account.layer / "python")]
    command = [str(handlers_python()), "-X", "importtime", "-c", _PROBE, name, json.dumps(event)]
    environment = {**account.environment, "PYTHONPATH": ":".join(code)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    times = import_times(ran.stderr)
    top = ", ".join(f"{package} {number(spent / 1000)}" for package, spent in times.most_common(_SHOWN))
    loaded: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return loaded, top


def _cells(name: str, cold: Cold, loaded: dict[str, Any], top: str) -> tuple[str, ...]:
    seconds: Callable[[list[float]], str] = lambda values: number(spread(values).median * 1000)  # noqa: E731
    return (
        name,
        *map(seconds, (cold.init, cold.init_cpu, cold.first, cold.first_cpu, cold.warm)),
        str(loaded["modules"]),
        number(spread(cold.resident).median / MEGABYTE),
        ", ".join(loaded["models"]),
        top,
    )


if __name__ == "__main__":
    sys.stdout.write(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
