"""What a run does: its parameters, and what the seed decides of tasks, bodies and creations.

Processes and networks are not repeatable; all that is drawn by lot is. The body of an attempt depends on the seed, the
task and the number of the attempt alone, whoever makes it and when.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

VARIANTS = {
    "dynamodb": ("none", "no_fence", "crash_not_counted", "unconditional_create"),
    "postgresql": ("none", "no_fence", "no_guard", "crash_not_counted", "receipts_apart"),
    "sqlite": ("none", "no_fence", "no_guard", "crash_not_counted", "receipts_apart"),
    "files": ("none", "no_fence", "no_guard", "crash_not_counted", "no_compare", "written_in_place"),
    "s3": ("none", "no_fence", "no_guard", "crash_not_counted", "unconditional_put"),
}
USE_CASE_ID = "chaos"
PAUSE_SEEN_SECONDS = 0.2
PENDING, IN_PROGRESS, FAILED, EXHAUSTED, SUCCEEDED, IGNORED = 10, 20, 30, 35, 40, 50


def _option(default: Any, text: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": text, **more})


@dataclass(frozen=True)
class Options:
    """The parameters of a run; each is an option of the command line."""

    backend: str = _option("dynamodb", "what the tasks are stored in", choices=tuple(VARIANTS))
    lifecycles: int = _option(2000, "tasks that are made and brought to their end")
    workers: int = _option(12, "worker processes")
    producers: int = _option(2, "processes that create the tasks, each of them every task")
    operators: int = _option(2, "processes that act on tasks while they are worked on")
    cancels: float = _option(0.04, "share of the tasks that an operator cancels")
    restarts: float = _option(0.04, "share of the tasks that an operator gives a new run")
    pauses: float = _option(0.005, "share of the tasks at which an operator pauses all work for a moment")
    seed: int = _option(1, "decides all that is drawn by lot")
    lease: float = _option(1.0, "seconds of a lease")
    max_skew: float = _option(0.2, "seconds by which a worker's clock is wrong, at most")
    max_retry: int = _option(5, "attempts before a task is ignored")
    kill_rate: float = _option(0.03, "kill -9 of a worker or producer, per lifecycle")
    lost_answers: float = _option(0.015, "share of requests carried out whose answer is dropped")
    errors: float = _option(0.01, "share answered with a 500: half of them after the request was carried out")
    throttles: float = _option(0.01, "share refused as throttled")
    delays: float = _option(0.01, "share delayed")
    cuts: float = _option(0.01, "share whose connection is cut: half of them in the middle of the answer")
    late: float = _option(0.001, "share whose connection is cut, and that is carried out some time later all the same")
    max_delay: float = _option(0.3, "seconds of the longest delay")
    read_timeout: float = _option(1.0, "seconds that a worker waits for an answer")
    sdk_retries: int = _option(2, "repeats that botocore makes by itself before the library sees an error")
    terminations: float = _option(0.005, "share during which PostgreSQL ends the connection's backend")
    deaths: float = _option(
        0.004, "share of commits to SQLite or a file at which the worker is killed -9: half after it"
    )
    patience: float = _option(60.0, "seconds without a task ending after which the run is given up")
    variant: str = _option("none", "a deliberately broken library, which the checker must catch; by backend")
    directory: str = _option("", "where logs and tables are kept; by default a temporary folder, kept on violations")

    @property
    def rates(self) -> dict[str, float]:
        """The share of requests that meets each kind of fault."""
        return {
            "lost_answer": self.lost_answers,
            "error_before": self.errors / 2,
            "error_after": self.errors / 2,
            "throttle": self.throttles,
            "delay": self.delays,
            "cut_before": self.cuts / 2,
            "cut_after": self.cuts / 2,
            "late": self.late,
            "terminated": self.terminations,
        }


def parse(arguments: list[str] | None = None) -> Options:
    """The options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Chaos on one of the backends.")
    for option in fields(Options):
        assert option.default is not MISSING
        parser.add_argument(
            f"--{option.name.replace('_', '-')}",
            type=type(option.default),
            default=option.default,
            help=f"{option.metadata['help']} ({option.default!r})".replace("%", "%%"),
            choices=option.metadata.get("choices"),
        )
    options = Options(**vars(parser.parse_args(arguments)))
    if options.variant not in (known := VARIANTS[options.backend]):
        parser.error(f"--variant {options.variant}: for {options.backend} there are {', '.join(known)}")
    return options


def lot(options: Options, *what: object) -> random.Random:
    """The dice for one purpose: the same in every process and every run of that seed."""
    return random.Random(":".join(map(str, (options.seed, *what))))  # noqa: S311  # repeatable on purpose, no secret


def task_id(index: int) -> str:
    return f"t{index:06d}"


def task_index(task: str) -> int:
    return int(task[1:])


@dataclass(frozen=True)
class TaskPlan:
    """What is decided of a task before any attempt.

    Attributes:
        modes: how each producer creates it: "make_and_save", "get_or_create", or "leave" where it does not.
        start_creates: whether workers start it with create=True.
        heartbeat: whether its attempts renew their leases from a thread.
        doomed: whether every attempt fails with a long message, so that the history meets its budget.
        deed: what an operator does to it: "cancel", "restart" or "" for nothing; or "pause", of all tasks when its turn
            comes.
    """

    modes: tuple[str, ...]
    start_creates: bool
    heartbeat: bool
    doomed: bool
    deed: str


def task_plan(options: Options, task: str) -> TaskPlan:
    dice = lot(options, "task", task)
    modes = tuple(dice.choice(("make_and_save", "get_or_create", "leave")) for _ in range(options.producers))
    return TaskPlan(
        modes=modes,
        start_creates=dice.random() < 0.3 or set(modes) == {"leave"},
        heartbeat=dice.random() < 0.04,
        doomed=dice.random() < 0.01,
        deed=_deed(options, task),
    )


def _deed(options: Options, task: str) -> str:
    shares = {"cancel": options.cancels, "restart": options.restarts, "pause": options.pauses}
    none = 1 - sum(shares.values())
    return lot(options, "deed", task).choices((*shares, ""), (*shares.values(), none))[0]


@dataclass(frozen=True)
class Body:
    """What a worker does inside the block.

    Attributes:
        pace: "quick", "slow", "oversleep" (past the lease), "extend" (past it, renewing) or "heartbeat" (the same,
            renewed by the thread).
        ending: "succeed", "fail", "fail_long", "hopeless" (`NonRetryableError`), "interrupt" or "postpone".
        seconds: how long it sleeps.
        pause: the seconds for which it is postponed.
        also: whether its success is stored in one transaction with a receipt.
        update: whether it stores data before its end.
    """

    pace: str
    ending: str
    seconds: float
    pause: float
    also: bool
    update: bool


def body(options: Options, task: str, fence: int) -> Body:
    dice = lot(options, "body", task, fence)
    plan = task_plan(options, task)
    pace = dice.choices(("quick", "slow", "oversleep", "extend"), (20, 40, 30, 10) if plan.deed else (88, 7, 3, 2))[0]
    ending = dice.choices(
        ("succeed", "fail", "fail_long", "hopeless", "interrupt", "postpone"), (77, 15, 2, 1.5, 1.5, 3)
    )[0]
    if plan.heartbeat and pace == "quick":
        pace = "heartbeat"
    seconds = {"quick": 0.0, "slow": 0.1, "oversleep": 1.6, "extend": 1.4, "heartbeat": 1.4}[pace] * options.lease
    return Body(
        pace=pace,
        ending="fail_long" if plan.doomed else ending,
        seconds=seconds * dice.uniform(0.7, 1.3),
        pause=dice.uniform(0.05, 0.5) * options.lease,
        also=dice.random() < 0.5,
        update=dice.random() < 0.2,
    )
