"""What it takes to begin: a contender's first client, and its first start of a task, each a whole fresh process.

``python -m bench.cold`` measures them on DynamoDB Local, with compiled modules and without. What a process
takes is its user and system time from beginning to end, less what ``python -c pass`` takes in the same round. It runs
a program of ``bench/beginnings``, which is compiled, and imports nothing of the bench.
"""

from __future__ import annotations

import argparse
import os
import py_compile
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from bench import items
from bench.base import check_out, with_before
from bench.conductor import PYTHON, environment_of, module_of
from bench.report import Row, markdown, number
from bench.sections import FLOOR, NAMES
from bench.start import MEGABYTE
from bench.stats import ratio, spread
from bench.worker import WrongResultError
from tests.support.dynamodb_local import run_dynamodb_local

ALONE = "botocore_alone"
"""The floor: what nobody who speaks to DynamoDB gets below."""
CONTENDERS = (ALONE, FLOOR, "ours", "pynamodb_raw", "pynamodb_mate", "powertools")
MODULES = {True: "compiled modules", False: "no compiled modules"}
_PROGRAMS = Path(__file__).with_name("beginnings")
BARE = "bare"
TABLE = "cold"
_SHOWN = 8
_FEW = 3
"""Rounds of what takes four times as long."""
_TELL = """
with open("/proc/self/status") as _status:
    print(*[_line for _line in _status if _line.startswith("VmHWM")])
"""
"""What every program ends with; `getrusage` would tell the most memory of the process that started it, if larger."""


@dataclass(frozen=True)
class Beginning:
    """What one process took: seconds and bytes."""

    cpu: float
    wall: float
    resident: int


@dataclass
class Samples:
    """What the processes of one contender took above the bare one of their round; each list has one value a round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)

    def add(self, taken: Beginning, bare: Beginning) -> None:
        self.cpu.append(taken.cpu - bare.cpu)
        self.wall.append(taken.wall - bare.wall)
        self.resident.append(taken.resident)


@dataclass(frozen=True)
class Programs:
    """The programs, compiled, and what they run on.

    Attributes:
        address: of the engine.
        folder: where they are, and where nobody has compiled anything else.
    """

    address: str
    folder: Path
    _client: Any

    def pending(self) -> str:
        """The id of a new pending task."""
        task_id = uuid.uuid4().hex
        task = items.item(task_id, items.CODES["pending_status"], datetime.now(UTC), {})
        self._client.put_item(TableName=TABLE, Item=task)
        return task_id

    def run(self, name: str, *task_id: str, compiled: bool = True) -> Beginning:
        """Run one in a process of its own: up to its first client or, with a task, to its start."""
        unlike = () if compiled else ("-B", "-X", f"pycache_prefix={self.folder / 'none'}")
        began = time.perf_counter()
        with subprocess.Popen(  # noqa: S603  # the command is made here
            self._command(name, *task_id, options=unlike), env=_environment(name), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            told = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            wall, process.returncode = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise WrongResultError(f"{name} ended with code {process.returncode}: see above.")
        return Beginning(used.ru_utime + used.ru_stime, wall, int(told.split()[1]) * 1024)

    def import_times(self, name: str) -> Counter[str]:
        """Microseconds by top-level package of what is imported up to a first start."""
        command = self._command(name, self.pending(), options=("-X", "importtime"))
        ran = subprocess.run(command, env=_environment(name), capture_output=True, text=True, check=True)  # noqa: S603
        return import_times(ran.stderr)

    def _command(self, name: str, *task_id: str, options: tuple[str, ...]) -> list[str]:
        return [str(PYTHON), "-P", *options, str(self._compiled(module_of(name))), self.address, TABLE, *task_id]

    def _compiled(self, name: str) -> Path:
        compiled = self.folder / f"{name}.pyc"
        if not compiled.exists():
            source = self.folder / f"{name}.py"
            source.write_text(("" if name == BARE else (_PROGRAMS / f"{name}.py").read_text()) + _TELL)
            py_compile.compile(str(source), str(compiled), doraise=True)
        return compiled


def _environment(name: str) -> dict[str, str]:
    """As of its workers, without the checkout itself."""
    environment = environment_of(name)
    return {**environment, "PYTHONPATH": environment["PYTHONPATH"].split(os.pathsep)[-1]}


@contextmanager
def programs(address: str) -> Iterator[Programs]:
    """The programs for the engine at `address`, on which their tables are made."""
    client = boto3.client("dynamodb", endpoint_url=address, region_name=items.REGION, **items.CREDENTIALS)
    items.create_table(client, TABLE, items.PROJECTED)
    with tempfile.TemporaryDirectory() as folder:
        yield Programs(address, Path(folder), client)


def cold_starts(run: Programs, rounds: int, contenders: Sequence[str]) -> Iterator[Row]:
    """First client and first start of each contender; the first contender is the floor."""
    for compiled, told in MODULES.items():
        for what in ("first client", "first start"):
            samples = _measured(run, what, rounds if compiled else _FEW, contenders, compiled=compiled)
            yield from _rows(f"{what}, {told}", samples)


def import_breakdown(run: Programs) -> str:
    """Where the time of the library's imports goes, by package, as a sentence."""
    times = run.import_times("ours")
    told = ", ".join(f"{package} {microseconds / 1000:.0f}" for package, microseconds in times.most_common(_SHOWN))
    return f"What `status_tracker` imports up to a first start takes {times.total() / 1000:.0f} ms, traced: {told}."


def import_times(told: str) -> Counter[str]:
    """Microseconds by top-level package, of what ``python -X importtime`` has told; the standard library is one."""
    spent: Counter[str] = Counter()
    for line in told.splitlines():
        if not line.startswith("import time:") or "imported package" in line:
            continue
        own, _, module = line.removeprefix("import time:").split("|")
        package = module.strip().partition(".")[0]
        spent["standard library" if package in sys.stdlib_module_names else package] += int(own)
    return spent


def _measured(
    run: Programs, what: str, rounds: int, contenders: Sequence[str], *, compiled: bool
) -> dict[str, Samples]:
    samples: defaultdict[str, Samples] = defaultdict(Samples)
    for turn in range(-1, rounds):  # the first one compiles what is missing
        shift = max(turn, 0) % len(contenders)
        bare = run.run(BARE, compiled=compiled)
        for name in (*contenders[shift:], *contenders[:shift]):
            taken = run.run(name, *([run.pending()] if what == "first start" else []), compiled=compiled)
            if turn >= 0:
                samples[name].add(taken, bare)
    return {name: samples[name] for name in contenders}


def _rows(what: str, samples: Mapping[str, Samples]) -> Iterator[Row]:
    floor = next(iter(samples.values()))
    for name, taken in samples.items():
        yield Row(
            what,
            NAMES[name],
            cpu=spread(taken.cpu),
            cpu_ratio=ratio(taken.cpu, floor.cpu),
            wall=spread(taken.wall),
            wall_ratio=ratio(taken.wall, floor.wall),
            besides=f"{number(spread(taken.resident).median / MEGABYTE)} MB resident",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how contenders begin.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--base", default="", help="a revision whose library is measured too, as before")
    asked = parser.parse_args()
    if asked.base:
        check_out(asked.base)
    contenders = with_before(CONTENDERS, before=bool(asked.base))
    with run_dynamodb_local() as port, programs(f"http://127.0.0.1:{port}") as run:
        sys.stdout.write(markdown(cold_starts(run, asked.rounds, contenders)))
        sys.stdout.write(f"\n{import_breakdown(run)}\n")


if __name__ == "__main__":
    main()
