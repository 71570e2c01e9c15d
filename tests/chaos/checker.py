"""Judges a run by what it left behind; ``python -m tests.chaos.report DIRECTORY`` judges a kept one again.

Independent of the library: it reads the logs of the workers and the copied tables, and shares no code with either.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .deeds import POSTPONED, outcome, uncounted
from .plan import PAUSE_SEEN_SECONDS
from .records import (
    ENDED,
    EXHAUSTED,
    IGNORED,
    SUCCEEDED,
    Record,
    Start,
    read_faults,
    read_lines,
    read_lost_claims,
    read_records,
)
from .rules import RULES, VANISHED, Bounds

LOSING_THE_ANSWER = ("lost_answer", "error_after", "cut_after", "late")
_SLACK_SECONDS = 0.5
"""In which a process that has looked may not have come to run."""
_TASKS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Violation:
    """Something that must not be: its kind, of which task, and what was found."""

    kind: str
    task: str
    found: str


@dataclass
class Report:
    """What a run did, in numbers, and what was wrong with it."""

    figures: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    violations: list[Violation] = field(default_factory=list)

    @property
    def kinds(self) -> Counter[str]:
        return Counter(violation.kind for violation in self.violations)


def check(directory: Path) -> Report:
    """Check all tasks of a run."""
    options = json.loads((directory / "options.json").read_text())
    report = Report()
    events = list(read_lines(directory / "supervisor.jsonl"))
    _judge_run(events, report)
    _judge_pauses(directory, options, report)
    killed = {event["worker"]: event["t"] for event in events if event["e"] == "killed"}
    lost_claims = tuple(read_lost_claims(directory, killed))
    bounds = Bounds(options["max_retry"], options["max_skew"], options["read_timeout"], frozenset(killed), lost_claims)
    parts = options["lifecycles"] // _TASKS_AT_ONCE + 1
    for part in range(parts):
        for record in read_records(directory, part, parts).values():
            _judge_task(record, bounds, report)
    if (missing := options["lifecycles"] - report.figures["lifecycles"]) != 0:
        report.violations.append(Violation("not_ended", "-", f"{missing} tasks have not ended"))
    _count_faults(directory, report)
    return report


def _judge_run(events: list[dict[str, Any]], report: Report) -> None:
    report.seconds = events[-1]["t"] - events[0]["t"]
    for event in events:
        if event["e"] in {"began", "all_ended"}:
            continue
        report.figures[event["e"]] += 1
        if event["e"] != "killed":
            report.violations.append(Violation(event["e"], "-", json.dumps(event)))


def _judge_pauses(directory: Path, options: dict[str, Any], report: Report) -> None:
    """No worker begins while work is paused, from when it must have seen that on."""
    seen_after = PAUSE_SEEN_SECONDS + options["max_delay"] + _SLACK_SECONDS
    spans = list(_pauses(directory))
    report.figures["pauses"] = len(spans)
    for file in sorted(directory.glob("w*.*.jsonl")):
        for event in read_lines(file):
            report.figures["times a pause kept a worker back"] += event["e"] == "kept_back"
            begun = event["e"] in {"starting", "claiming"}
            if begun and any(first + seen_after < event["t"] < last for first, last in spans):
                report.violations.append(Violation("begun_while_paused", event.get("task", "-"), json.dumps(event)))


def _pauses(directory: Path) -> Iterator[tuple[float, float]]:
    """From when to when work was paused for sure; any operator's resuming ends all pauses."""
    paused: list[dict[str, Any]] = []
    resumes: list[tuple[float, float]] = []
    for file in directory.glob("o*.*.jsonl"):
        for event in read_lines(file):
            if event["e"] == "paused":
                paused.append(event)
            elif event["e"] == "resuming":
                resumes.append((event["t"], float("inf")))  # unless it says that it was answered
            elif event["e"] == "resumed":
                resumes[-1] = (resumes[-1][0], event["t"])
    for pause in paused:
        yield pause["t"], min([pause["until"], *(asked for asked, answered in resumes if answered > pause["t"])])


def _judge_task(record: Record, bounds: Bounds, report: Report) -> None:
    for rule in RULES:
        for kind, found in rule(record, bounds):
            report.violations.append(Violation(kind, record.task, found))
    figures = report.figures
    figures["lifecycles"] += record.status in ENDED
    figures["succeeded"] += record.status == SUCCEEDED
    figures["ignored"] += record.status == IGNORED
    figures["exhausted"] += record.status == EXHAUSTED
    figures["attempts"] += record.acquires
    figures["starts"] += len(record.starts)
    figures["refused starts"] += sum(start.refused is not None for start in record.starts.values())
    figures["creations"] += sum(event["e"] == "creating" for event in record.creations)
    figures["vanished attempts"] += sum(entry["error"].startswith(VANISHED) for entry in record.history)
    lost = [start.finished or {} for start in record.inside if outcome(start) == "lost"]
    figures["lost locks raised"] += sum(each["error"] == "TaskLockLostError" for each in lost)
    figures["lost locks noted on another exception"] += sum(each["error"] != "TaskLockLostError" for each in lost)
    figures["receipts"] += len(record.receipts)
    figures["dropped history entries"] += record.dropped
    cancelled = record.actions("cancel")
    figures["cancelled"] += len(cancelled)
    figures["cancelled while a worker held it"] += bool(cancelled) and record.acquires in uncounted(record)
    figures["restarts"] += sum(action.get("times", 1) for action in record.actions("restart"))
    figures["postponed attempts"] += sum(_postponed(start) for start in record.inside)


def _postponed(start: Start) -> bool:
    return start.leaving is not None and start.leaving["error"] == POSTPONED and outcome(start) == "stored"


def _count_faults(directory: Path, report: Report) -> None:
    for event in read_faults(directory):
        if event["e"] == "total":
            report.figures["requests"] = event["requests"]
        else:
            report.faults[event["kind"]] += 1
            lost_commit = event.get("operation", "").lower() == "commit" and event["kind"] in LOSING_THE_ANSWER
            report.figures["commits whose answer was lost"] += lost_commit
