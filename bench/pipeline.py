"""How long a document takes through the local cloud, alone and in a burst, and where its time goes.

``python -m bench.pipeline`` sends some documents one after the other, each through an idle stack, and then many at
once. Wall times are those of a document, in seconds; CPU times are those of the processes, for one document.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.conductor import ROOT
from bench.processes import cpu_seconds, parent_of
from bench.report import aligned, number
from demo.tracking import STACK, Document, Tracker, deploy
from status_tracker_local.account import forget_other_accounts
from status_tracker_local.cloud import LocalCloud

_UPLOADERS = 4
_LOOK_EVERY_SECONDS = 0.5
# So many are looked at until they have ended: to look at each of a large burst would be most of what is measured.
_LOOKED_AT = 10
# Between two documents that go alone.
_REST_SECONDS = 1.0
_PATIENCE_SECONDS = 600.0
_SAMPLE = ROOT / "samples/documents/invoice-1001.pdf"
_SPREAD = ("median", "p95", "most")
_REPORT = re.compile(r"(?P<init>INIT_)?REPORT .*Duration: (?P<ms>\d+) ms")


@dataclass
class Journey:
    """The moments of one document, seconds since 1970.

    Attributes:
        states: when each state of its workflow was entered and left, by the state's name.
    """

    uploaded: float
    registered: float
    started: float = 0.0
    ended: float = 0.0
    states: dict[str, tuple[float, float]] = field(default_factory=dict)

    def parts(self) -> Iterator[tuple[str, float]]:
        """What it spent its time with."""
        yield "upload to task: event, queue, batching window, intake", self.registered - self.uploaded
        yield "task to workflow: the rest of intake, StartExecution", self.started - self.registered
        for name, (entered, left) in self.states.items():
            yield f"state {name}: with waiting for an environment", left - entered
        spent = sum(left - entered for entered, left in self.states.values())
        yield "between the states", self.ended - self.started - spent
        yield "all: from upload to end", self.ended - self.uploaded


@dataclass
class Sent:
    """Documents that were sent together.

    Attributes:
        seconds: from the first upload until all had ended.
        used: CPU seconds of the processes meanwhile, by the function's name; the server's by ``server``.
    """

    journeys: list[Journey]
    seconds: float
    used: Mapping[str, float]


def run(count: int, alone: int) -> str:
    """Deploy, send so many documents at once, and so many alone before them; tell what that took."""
    said: list[tuple[float, str]] = []
    with LocalCloud(state=ROOT / ".local" / "bench-cloud", say=lambda what: said.append((time.time(), what))) as cloud:
        said.append((time.time(), "Starting the server"))
        deploy(cloud)
        said.append((time.time(), ""))
        tracker = Tracker(cloud)
        _send(cloud, tracker, 2)  # the first ones wait for environments to start
        journeys = []
        for _ in range(alone):
            time.sleep(_REST_SECONDS)
            journeys += _send(cloud, tracker, 1).journeys
        burst = _send(cloud, tracker, count)
        tables = [_set_up(said)]
        tables += [_parts(f"a document alone, s ({alone} times)", journeys)] if journeys else []
        tables += [_parts(f"a document of {count} at once, s", burst.journeys), _rates(burst), _durations(cloud.logs)]
        return "\n".join(tables)


def _send(cloud: LocalCloud, tracker: Tracker, count: int) -> Sent:
    body = _SAMPLE.read_bytes()
    s3, bucket = cloud.client("s3"), cloud.outputs[STACK]["DocumentBucketName"]
    before, began = _processor_seconds(cloud), time.time()

    def upload(number: int) -> tuple[Document, float]:
        key = f"{began:.3f}/{number}.pdf"
        etag = s3.put_object(Bucket=bucket, Key=key, Body=b"%s%% %d\n" % (body, number))["ETag"].strip('"')
        return Document(key=key, task_id=f"{key}#{etag}"), time.time()

    with ThreadPoolExecutor(_UPLOADERS) as pool:
        uploads = list(pool.map(upload, range(count)))
    documents = [document for document, _ in uploads]
    for first in range(0, count, _LOOKED_AT):
        _wait(cloud, tracker, documents[first : first + _LOOKED_AT], began + _PATIENCE_SECONDS)
    seconds, after = time.time() - began, _processor_seconds(cloud)
    if failed := [document for document in documents if document.status != "succeeded"]:
        raise RuntimeError(f"{failed[0].key} is {failed[0].status}: {failed[0].last_reason}")
    uploaded = dict(zip((each.task_id for each in documents), (at for _, at in uploads), strict=True))
    used = {name: max(after[name] - before.get(name, 0.0), 0.0) for name in after}  # less where a process has ended
    return Sent(_journeys(cloud, tracker, uploaded), seconds, used)


def _wait(cloud: LocalCloud, tracker: Tracker, documents: Sequence[Document], deadline: float) -> None:
    tracker.refresh(documents)
    while not all(document.ended for document in documents):
        if time.time() > deadline:
            raise TimeoutError(f"{sum(not each.ended for each in documents)} documents did not end; see {cloud.logs}")
        time.sleep(_LOOK_EVERY_SECONDS)
        tracker.refresh(documents)


def _journeys(cloud: LocalCloud, tracker: Tracker, uploaded: Mapping[str, float]) -> list[Journey]:
    task = tracker.task_class
    registered = {each.task_id: each.create_time.timestamp() for each in task.batch_get(map(task.make_key, uploaded))}
    machines = cloud.client("stepfunctions")
    journeys = {task_id: Journey(at, registered[task_id]) for task_id, at in uploaded.items()}
    pages = machines.get_paginator("list_executions").paginate(stateMachineArn=cloud.outputs[STACK]["WorkflowArn"])
    for execution in (each for page in pages for each in page["executions"]):
        described = machines.describe_execution(executionArn=execution["executionArn"])
        journey = journeys.get(re.search(r'"task_id": "([^"]+)"', described["input"])[1])  # type: ignore[index]
        if journey is not None:
            journey.started = execution["startDate"].timestamp()
            journey.ended = execution["stopDate"].timestamp()
            _note_states(journey, machines.get_execution_history(executionArn=execution["executionArn"])["events"])
    return list(journeys.values())


def _note_states(journey: Journey, events: Sequence[Mapping[str, Any]]) -> None:
    entered: dict[str, float] = {}
    for event in events:
        at: datetime = event["timestamp"]
        if "stateEnteredEventDetails" in event:
            entered[event["stateEnteredEventDetails"]["name"]] = at.timestamp()
        elif "stateExitedEventDetails" in event:
            name = event["stateExitedEventDetails"]["name"]
            journey.states[name] = (entered[name], at.timestamp())


def _processor_seconds(cloud: LocalCloud) -> dict[str, float]:
    """What the processes of the cloud have used, by the function's name; the server's by ``server``."""
    processes = cloud.processes()
    used = {name: sum(map(cpu_seconds, pids)) for name, pids in processes.items()}
    any_pid = next(pid for pids in processes.values() for pid in pids)
    return {"server: moto, event sources, runtime API": cpu_seconds(parent_of(any_pid)), **used}


def _set_up(said: Sequence[tuple[float, str]]) -> str:
    steps = [(what, f"{until - at:.1f}") for (at, what), (until, _) in pairwise(said)]
    return aligned(("setting up", "s"), steps, frozenset({"setting up"}))


def _rates(sent: Sent) -> str:
    count = len(sent.journeys)
    rows = [("documents a second", number(count / sent.seconds))]
    rows += [(f"CPU ms a document, {name}", number(used / count * 1000)) for name, used in sent.used.items()]
    rows += [("CPU ms a document, all", number(sum(sent.used.values()) / count * 1000))]
    return aligned((f"{count} documents", ""), rows, frozenset({f"{count} documents"}))


def _parts(title: str, journeys: Sequence[Journey]) -> str:
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for journey in journeys:
        for part, spent in journey.parts():
            seconds[part].append(spent)
    rows = [(part, *(f"{value:.2f}" for value in _spread(spent))) for part, spent in seconds.items()]
    return aligned((title, *_SPREAD), rows, frozenset({title}))


def _durations(logs: Path) -> str:
    rows = []
    for log in sorted(logs.glob("status-tracker-*.log")):
        found = [match for line in log.read_text().splitlines() if (match := _REPORT.search(line))]
        for what, wanted in (("start of an environment", True), ("invocation", False)):
            values = [float(match["ms"]) for match in found if bool(match["init"]) is wanted]
            if values:
                rows.append((log.stem, what, str(len(values)), *(number(value) for value in _spread(values))))
    columns = ("function, ms", "what", "how many", *_SPREAD)
    return aligned(columns, rows, frozenset(columns[:2]))


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    rare = statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
    return statistics.median(values), rare, max(values)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--documents", type=int, default=200, help="how many at once (200)")
    parser.add_argument("--alone", type=int, default=20, help="how many one after the other before (20)")
    arguments = parser.parse_args()
    forget_other_accounts()
    sys.stdout.write(run(arguments.documents, arguments.alone))
    return 0


if __name__ == "__main__":
    sys.exit(main())
