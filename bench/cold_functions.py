"""The cold start of each Lambda function, as it is deployed, in the local runtime: ``python -m bench.cold_functions``.

Its account is moto's server in this process, without the workflow: a function is started for each event that is sent.
The layer has compiled modules that are used without a look at their sources, and the code of the functions ones that
are compared with them, as both are deployed; or both have none. What the runtime brings is compiled. Nothing is written
beside a module, as on Lambda, which mounts all of it read-only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from bench import items
from bench.cold import MODULES, import_times
from bench.conductor import ROOT
from bench.processes import cpu_seconds, peak_bytes
from bench.report import aligned, number
from bench.start import MEGABYTE
from bench.stats import spread
from status_tracker_cdk.compiling import BUNDLE_FOR, compile_modules
from status_tracker_cdk.layer import LayerContent
from status_tracker_local.account import handler_environment
from status_tracker_local.sandbox import Function, Sandbox
from status_tracker_local.toolchain import handlers_python
from tests.handlers.support import (
    DOCUMENT_BUCKET,
    ENVIRONMENT,
    RESULT_BUCKET,
    SWEEP_SETTINGS,
    object_created,
    sqs_event,
)
from tests.support.streams import batch

_HANDLERS = ROOT / ".local" / "handlers"
NOTHING = "nothing"
"""A handler that imports nothing: what Python and Lambda's runtime client take of each start."""
_OPERATING = "status_tracker_ops.deployed"
FUNCTIONS = {
    NOTHING: "nothing.handler",
    "intake": f"{_OPERATING}.intake.handler",
    "start_analysis": "start_analysis.handler",
    "extract": "extract.handler",
    "answer": "answer.handler",
    "events": f"{_OPERATING}.events.handler",
    "sweep": f"{_OPERATING}.sweep.handler",
    "widget": f"{_OPERATING}.widget.viewer",
    "bulk_rerun": f"{_OPERATING}.bulk_rerun.plan",
    "bulk_report": f"{_OPERATING}.bulk_report.handler",
    "backfill": f"{_OPERATING}.backfill.plan",
}
"""The handlers that are measured."""
_WIDGET_SETTINGS = {
    **{f"WIDGET_{which}_ARN": f"arn:aws:lambda:::{which.lower()}" for which in ("VIEWER", "ACTOR", "ADMIN")},
    "WIDGET_DELETES": "no",
    "LOG_GROUPS": "intake,extract,answer",
}
_COLUMNS = (
    *("function", "deployed with", "init ms", "init CPU ms", "first invoke ms", "first CPU ms", "warm invoke ms"),
    *("modules", "MB", "botocore's models", "top imports, ms"),
)
_WORDS = frozenset({"function", "deployed with", "botocore's models", "top imports, ms"})
_SHOWN = 5
_TIMEOUT = 60.0
_PROBE = """
import importlib, json, sys, types
from botocore.loaders import JSONFileLoader
loaded, load = [], JSONFileLoader.load_file
JSONFileLoader.load_file = lambda self, path: loaded.append(path) or load(self, path)
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
modules = len(sys.modules)
context = types.SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="r",
    get_remaining_time_in_millis=lambda: 60_000,
)
if sys.argv[2:]:
    handler(json.loads(sys.argv[2]), context)
services = [path.replace("\\\\", "/").split("/")[-3] for path in loaded if path.endswith("service-2")]
print(json.dumps({"modules": modules, "models": services}))
"""


@dataclass
class Account:
    """What the functions work on.

    Attributes:
        endpoint: of its server.
        code: the folder of the functions' code, unpacked as on Lambda, with compiled modules and without.
        layers: the folder in which the layer is unpacked, likewise.
    """

    endpoint: str
    code: dict[bool, Path]
    layers: dict[bool, Path]

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
        self.environment = {
            **handler_environment(self.endpoint),
            "AWS_REGION": items.REGION,
            "AWS_DEFAULT_REGION": items.REGION,
            **own,
            **SWEEP_SETTINGS,
            **_WIDGET_SETTINGS,
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "MAX_DOCUMENT_BYTES": "50000000",
            "WORKFLOW_ARN": made["stateMachineArn"],
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def upload(self) -> dict[str, Any]:
        """The event of a new document, which is in the bucket."""
        body = (ROOT / "samples/documents/invoice-1001.pdf").read_bytes()
        key = f"{uuid.uuid4().hex}.pdf"
        etag = self.s3.put_object(Bucket=DOCUMENT_BUCKET, Key=key, Body=body)["ETag"].strip('"')
        return object_created(key, etag, len(body))

    def function(self, name: str, *, compiled: bool) -> Function:
        layers, arn = (self.layers[compiled],), f"arn:aws:lambda:::{name}"
        return Function(name, arn, FUNCTIONS[name], _TIMEOUT, self.code[compiled], layers, self.environment)


@dataclass
class Cold:
    """What the starts of one function took, in seconds; each list has one value a round."""

    init: list[float] = field(default_factory=list)
    init_cpu: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    first_cpu: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)


def measure(rounds: int, functions: Sequence[str], modules: Sequence[bool]) -> str:
    """The table of these functions, with compiled modules in the layer and without."""
    with _account() as account:
        starts = {(name, compiled): Cold() for name in functions for compiled in modules}
        for compiled in [*modules] * rounds:
            events = _events(account)
            for name in functions:
                _start(account, name, events.get(name, []), starts[name, compiled], compiled=compiled)
        events = _events(account)
        told = {name: _probe(account, name, events.get(name, [])) for name in functions if name != NOTHING}
        cells = [_cells(name, compiled, cold, told.get(name)) for (name, compiled), cold in starts.items()]
        return aligned(_COLUMNS, cells, _WORDS)


@contextmanager
def _account() -> Iterator[Account]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            code, layers = (
                {compiled: Path(folder, what, told.replace(" ", "-")) for compiled, told in MODULES.items()}
                for what in ("code", "layer")
            )
            shutil.copytree(ROOT / "lambdas", code[False], ignore=shutil.ignore_patterns("__pycache__", ".*"))
            (code[False] / "nothing.py").write_text("def handler(event, context):\n    pass\n")
            os.environ[BUNDLE_FOR] = "host"
            LayerContent(ROOT / "lambdas", ROOT / "lambdas" / "requirements.txt").bundle(layers[False])
            python = str(handlers_python(_HANDLERS))
            for made in (code, layers):
                shutil.copytree(made[False], made[True])
            compile_modules(code[True], python, "/var/task", editable=True)
            compile_modules(layers[True], python, "/opt", foreign=True)
            yield Account(f"http://localhost:{server.get_host_and_port()[1]}", code, layers)
    finally:
        server.stop()


def _events(account: Account) -> dict[str, list[bytes]]:
    """Two events for each function, in the order in which documents go through them; none where a wave is needed."""
    uploads = [account.upload() for _ in range(2)]
    objects = [upload["detail"]["object"] for upload in uploads]
    tasks = [json.dumps({"task_id": f"{each['key']}#{each['etag']}", "run": 0}).encode() for each in objects]
    told = {"dashboardName": "bench", "accountId": "123456789012", "theme": "light", "width": 900, "forms": {"all": {}}}
    return {
        NOTHING: [b"{}", b"{}"],
        "intake": [json.dumps(sqs_event(json.dumps(upload))).encode() for upload in uploads],
        "start_analysis": tasks,
        "extract": tasks,
        "answer": tasks,
        "events": [json.dumps(batch([_change(each["key"])], "shardId-1")).encode() for each in objects],
        "sweep": [b"{}", b"{}"],
        "widget": [json.dumps({"widgetContext": told}).encode()] * 2,
    }


def _change(key: str) -> dict[str, Any]:
    """The record of the stream of a new task."""
    now = datetime.now(UTC)
    change = {
        "Keys": {"key": {"S": items.key_of(key)}},
        "NewImage": items.item(key, items.CODES["pending_status"], now, {}),
        "SequenceNumber": str(time.time_ns()),
        "ApproximateCreationDateTime": now.timestamp(),
    }
    return {"eventID": uuid.uuid4().hex, "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": change}


def _start(account: Account, name: str, events: list[bytes], cold: Cold, *, compiled: bool) -> None:
    log = account.code[compiled].parent / f"{name}.log"
    began = time.perf_counter()
    sandbox = Sandbox(account.function(name, compiled=compiled), python=handlers_python(_HANDLERS), log=log)
    try:
        failed = sandbox.initialize()
        cold.init.append(time.perf_counter() - began)
        cold.init_cpu.append(cpu_seconds(sandbox.pid))
        if failed:
            raise RuntimeError(f"{name}: {failed.payload.decode()}\n{log.read_text()}")
        for event, taken in zip(events, (cold.first, cold.warm), strict=True) if events else ():
            began = time.perf_counter()
            outcome = sandbox.invoke(event)
            taken.append(time.perf_counter() - began)
            if outcome.is_error:
                raise RuntimeError(f"{name}: {outcome.payload.decode()}\n{log.read_text()}")
            if taken is cold.first:
                cold.first_cpu.append(cpu_seconds(sandbox.pid) - cold.init_cpu[-1])
        cold.resident.append(peak_bytes(sandbox.pid))
    finally:
        sandbox.kill()


def _probe(account: Account, name: str, events: list[bytes]) -> tuple[dict[str, Any], str]:
    """What a start loads, and where the time of its imports goes."""
    code = [str(account.code[True]), str(account.layers[True] / "python")]
    python = str(handlers_python(_HANDLERS))
    command = [python, "-X", "importtime", "-c", _PROBE, FUNCTIONS[name], *(each.decode() for each in events[:1])]
    environment = {**account.environment, "PYTHONPATH": ":".join(code)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    times = import_times(ran.stderr)
    top = ", ".join(f"{package} {number(spent / 1000)}" for package, spent in times.most_common(_SHOWN))
    loaded: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return loaded, top


def _cells(name: str, compiled: bool, cold: Cold, told: tuple[dict[str, Any], str] | None) -> tuple[str, ...]:
    seconds: Callable[[list[float]], str] = lambda values: number(spread(values).median * 1000) if values else ""  # noqa: E731
    loaded, top = told if told and compiled else ({}, "")
    return (
        name,
        MODULES[compiled],
        *map(seconds, (cold.init, cold.init_cpu, cold.first, cold.first_cpu, cold.warm)),
        str(loaded.get("modules", "")),
        number(spread(cold.resident).median / MEGABYTE),
        ", ".join(loaded.get("models", [])),
        top,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the cold start of each function.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compiled", action="store_true", help="only as the layer is deployed")
    parser.add_argument("functions", nargs="*", help="which; by default all. Steps need intake before them")
    asked = parser.parse_args()
    modules = [compiled for compiled in MODULES if compiled or not asked.compiled]
    sys.stdout.write(measure(asked.rounds, asked.functions or list(FUNCTIONS), modules))


if __name__ == "__main__":
    main()
