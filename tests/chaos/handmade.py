"""A run made by hand, for the tests of the checker: honest as it is, and easily made wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OPTIONS = {"max_retry": 3, "max_skew": 0.2, "read_timeout": 1.0, "max_delay": 0.3, "lifecycles": 3}
SUPERVISOR = [{"e": "began", "t": 0.0}, {"e": "killed", "t": 1.5, "worker": "w0.0"}, {"e": "all_ended", "t": 9.0}]


def event(kind: str, t: float, start: str, task: str = "a", **facts: Any) -> dict[str, Any]:
    return {"e": kind, "t": t, "s": t, "task": task, "start": start, **facts}


def entered(t: float, start: str, fence: int, task: str = "a", **facts: Any) -> list[dict[str, Any]]:
    return [
        event("starting", t - 0.1, start, task),
        event("acquired", t, start, task, **{"fence": fence, "end": t + 1, "maker": "p0.0-1", **facts}),
    ]


def left(t: float, start: str, task: str = "a", text: str | None = None, **facts: Any) -> list[dict[str, Any]]:
    error = text and text.partition("(")[0]
    return [
        event("leaving", t, start, task, error=error, text=text, also=facts.pop("also", False)),
        event("finished", t + 0.1, start, task, **{"error": error, "notes": [], **facts}),
    ]


def deed(kind: str, t: float, name: str, task: str = "c", **facts: Any) -> dict[str, Any]:
    return {"e": kind, "t": t, "s": t, "task": task, "deed": name, **facts}


def action(name: str, t: float, status: int, **facts: Any) -> dict[str, Any]:
    moment = datetime.fromtimestamp(t, UTC).isoformat()
    return {
        "action": name,
        "id": f"{name}-c",
        "reason": "-",
        "by": "o",
        "update_time": moment,
        "status": status,
        **facts,
    }


def failure(nth: int, error: str) -> dict[str, Any]:
    return {"nth_retry": nth, "error": error, "traceback": ""}


@dataclass
class Run:
    """A run of three tasks.

    "a" is lost by a killed worker, fails, and succeeds; "b" fails for ever; "c" is postponed, restarted, and cancelled
    while a worker holds it.
    """

    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    effects: dict[str, dict[str, Any]] = field(default_factory=dict)
    receipts: list[str] = field(default_factory=list)
    leases: list[dict[str, Any]] = field(default_factory=list)
    supervisor: list[dict[str, Any]] = field(default_factory=lambda: [*SUPERVISOR])
    proxy: list[dict[str, Any]] = field(default_factory=list)

    def history(self, task: str, *errors: str, **more: Any) -> None:
        entries = [failure(nth + 1, error) for nth, error in enumerate(errors)]
        self.items[task]["errors"] = json.dumps({"history": entries, **more})

    def store(self, directory: Path) -> Path:
        def write(name: str, lines: list[dict[str, Any]]) -> None:
            (directory / name).write_text("".join(json.dumps(line) + "\n" for line in lines))

        (directory / "options.json").write_text(json.dumps(OPTIONS))
        for worker, events in self.events.items():
            write(f"{worker}.jsonl", [{"e": "hello", "t": 0, "s": 0}, *events])
        write("supervisor.jsonl", self.supervisor)
        write("proxy.jsonl", [*self.proxy, {"e": "total", "t": 9, "s": 9, "requests": 99}])
        write("tasks.table.jsonl", list(self.items.values()))
        write("effects.table.jsonl", list(self.effects.values()))
        write("receipts.table.jsonl", [{"key": key, "task": key.split("#")[0]} for key in self.receipts])
        write("leases.table.jsonl", self.leases)
        return directory


def lease(number: int, fence: int, locked: float, end: float, task: str = "a") -> dict[str, Any]:
    return {"id": number, "task": task, "fence": fence, "locked": locked, "end": end}


def item(task: str, status: int, **attributes: Any) -> dict[str, Any]:
    key, value = f"chaos____{task}", f"chaos____{status:03d}____001"
    return {"key": key, "value": value, "status": status, "lock": "__not_locked__", "fence": 3, **attributes}


LOST = ["Task(…) is not held by this worker any more: o cancelled the task"]


def _cancel(run: Run) -> None:
    """Task "c": the second attempt is worked on when it is cancelled."""
    run.events["w3.0"] = [
        *entered(1.0, "w3.0-1", 1, "c"),
        *left(1.2, "w3.0-1", "c", text="Postponed('w3.0-1')"),
        *entered(2.0, "w3.0-2", 2, "c"),
        *left(2.9, "w3.0-2", "c", text="BodyError('w3.0-2')", notes=LOST),
        event("starting", 4.0, "w3.0-3", "c"),
        event("refused", 4.1, "w3.0-3", "c", error="TaskIgnoredError"),
    ]
    run.events["o0.0"] = [
        *(deed("acting", 1.5, "restart"), deed("acted", 1.6, "restart")),
        *(deed("acting", 2.4, "cancel"), deed("acted", 2.6, "cancel")),
    ]
    run.items["c"] = item("c", 50, retry=0, fence=2, run=1, data="{}")
    run.history("c", actions=[action("restart", 1.55, 10), action("cancel", 2.5, 20)])


def honest() -> Run:
    run = Run()
    affects = [event("affecting", 4.1, "w1.0-2"), event("affected", 4.2, "w1.0-2")]
    run.events = {
        "p0.0": [{"e": "created", "t": 0.5, "s": 0.5, "task": "a", "maker": "p0.0-1", "created": True}],
        "w0.0": entered(1.0, "w0.0-1", 1),
        "w1.0": [
            *entered(2.5, "w1.0-1", 2),
            *left(3.0, "w1.0-1", text="BodyError('w1.0-1')"),
            *entered(4.0, "w1.0-2", 3),
            *affects,
            *left(4.5, "w1.0-2", also=True),
        ],
        "w2.0": [
            each
            for n in (1, 2, 3)
            for each in (
                *entered(n, f"w2.0-{n}", n, "b", maker="w2.0-1"),
                *left(n + 0.5, f"w2.0-{n}", "b", text=f"BodyError('w2.0-{n}')"),
            )
        ],
    }
    run.items = {
        "a": item("a", 40, retry=0, data=json.dumps({"done_by": "w1.0-2"})),
        "b": item("b", 50, retry=3, data="{}"),
    }
    run.history("a", "LeaseExpired('the worker …')", "BodyError('w1.0-1')")
    run.history("b", *(f"BodyError('w2.0-{n}')" for n in (1, 2, 3)))
    _cancel(run)
    run.effects = {"a": {"key": "a", "newest": 3, "by": "w1.0-2", "applied": [3]}}
    run.receipts = ["a#3#w1.0-2"]
    return run
