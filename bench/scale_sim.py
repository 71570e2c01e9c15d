"""Tasks pass through the index, and what its partitions cannot take is counted.

Time goes in seconds. Tasks arrive, wait, are worked on, fail and are tried again, at random; each change of status
removes the task from one shard of the index and puts it into another, by the library's own hash of its key. Each shard
is a partition of its own, which takes 1,000 write units a second. What comes beyond that is counted as throttled and
let pass, so under overload the share shown is a lower bound: in truth it comes again, and adds to the next second.

``PYTHONPATH=layer python -m bench.scale_sim`` prints the table, and writes it with those of `bench.scale_tables` into
``docs/scale.md``. The same seed gives the same table.
"""

from __future__ import annotations

import math
import random
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from bench.scale_tables import filled, table, tables
from status_tracker.dynamodb.shards import shard_of
from status_tracker.scale import PARTITION_WRITE_UNITS, propose_shards

DOCUMENT = Path(__file__).parents[1] / "docs" / "scale.md"
RATES = (10, 100, 1_000, 10_000)
SHARDS = (1, 3, 10, 30, 100, 1_000)
STATUSES = ("pending", "in_progress", "failed", "succeeded")
ACCEPTED_SHARE = 0.001

_SECONDS = 12
_CYCLE = 12
_FAILING = 0.05
_WAIT = (math.log(0.3), 0.5)
_WORK = (math.log(2.0), 1.0)
_RETRY_AFTER = 5.0

Writes: TypeAlias = list[tuple[int, int]]
"""The second of each write to a status in the index, and the number of the task."""


@dataclass(frozen=True)
class Pattern:
    """How tasks come: in the busiest seconds `peak` times the average."""

    name: str
    peak: float

    def at(self, moment: float) -> float:
        """The rate at that second, relative to the average."""
        if self.name == "bursts":
            return self.peak if moment % _CYCLE < _CYCLE / self.peak else 0.0
        return float(self.peak * (moment / _SECONDS) ** (self.peak - 1))


STEADY, BURSTS, RISING = Pattern("steady", 1), Pattern("bursts", 4), Pattern("rising", 2)
PATTERNS = (STEADY, BURSTS, RISING)


class Load(NamedTuple):
    """What the shards of a status met.

    Attributes:
        throttled: the share of the writes that came when their shard had taken all it can in that second.
        hottest: the writes of the busiest shard in its busiest second.
    """

    throttled: float
    hottest: int


@dataclass(frozen=True)
class Traffic:
    """All writes to the index, by status."""

    keys: Sequence[str]
    writes: dict[str, Writes]

    def load(self, shards: int, statuses: Iterable[str] = STATUSES) -> Load:
        """The load when each of these statuses has so many shards."""
        shard = [shard_of(key, shards) for key in self.keys]
        met = (Counter([second * shards + shard[task] - 1 for second, task in self.writes[each]]) for each in statuses)
        counts = [count for status in met for count in status.values()]
        over = sum(count - PARTITION_WRITE_UNITS for count in counts if count > PARTITION_WRITE_UNITS)
        return Load(over / max(sum(counts), 1), max(counts, default=0))

    def needed(self, status: str) -> int:
        """The fewest shards with which that status is throttled for less than 0.1 % of its writes."""
        busiest = max(Counter(second for second, _ in self.writes[status]).values(), default=0)
        few, enough = busiest // (2 * PARTITION_WRITE_UNITS), busiest * 2 // PARTITION_WRITE_UNITS
        candidates = range(max(1, few), enough + 2)
        return candidates[
            bisect_left(candidates, True, key=lambda shards: self.load(shards, [status]).throttled < ACCEPTED_SHARE)
        ]


def simulate(tasks_per_second: float, pattern: Pattern, seed: int = 1) -> Traffic:
    """So many tasks a second on average, for 12 seconds, and what becomes of them until all are done."""
    chance = random.Random(f"{seed} {tasks_per_second} {pattern.name}")  # noqa: S311  # a simulation, no secret
    writes: dict[str, Writes] = defaultdict(list)
    keys = []
    for task, moment in enumerate(_arrivals(tasks_per_second, pattern, chance)):
        keys.append(f"scale____{chance.getrandbits(64):016x}")
        for status, second in _life(moment, chance):
            writes[status].append((second, task))
    return Traffic(keys, writes)


def _arrivals(rate: float, pattern: Pattern, chance: random.Random) -> Iterator[float]:
    """A Poisson process at the rate of the peak, thinned out to that of each moment."""
    moment = chance.expovariate(rate * pattern.peak)
    while moment < _SECONDS:
        if chance.random() * pattern.peak < pattern.at(moment):
            yield moment
        moment += chance.expovariate(rate * pattern.peak)


def _life(moment: float, chance: random.Random) -> Iterator[tuple[str, int]]:
    """The statuses that a task writes to in the index, and when: put into one, removed from the one before."""
    status = "pending"
    yield status, int(moment)
    moment += chance.lognormvariate(*_WAIT)
    while status != "succeeded":
        yield from ((status, int(moment)), ("in_progress", int(moment)))
        moment += chance.lognormvariate(*_WORK)
        status = "failed" if chance.random() < _FAILING else "succeeded"
        yield from (("in_progress", int(moment)), (status, int(moment)))
        moment += _RETRY_AFTER


def proposal(tasks_per_second: float, pattern: Pattern) -> dict[str, int]:
    """What `propose_shards` proposes for each status when tasks come like that."""
    counts = propose_shards(tasks_per_second, headroom=pattern.peak)
    return {
        "pending": counts["n_pending_shard"],
        "in_progress": counts["n_in_progress_shard"],
        "failed": counts["n_failed_shard"],
        "succeeded": counts["n_succeeded_shard"],
    }


def simulated(rates: Iterable[int] = RATES) -> str:
    """The table of these rates, each in all patterns."""
    rows = [_row(rate, pattern) for rate in rates for pattern in PATTERNS]
    columns = [f"{shards:,}" for shards in SHARDS]
    return table(["tasks/s", "arrivals", "peak", *columns, "hottest of 10", *STATUSES, "proposed"], rows)


def _row(rate: int, pattern: Pattern) -> list[str]:
    traffic = simulate(rate, pattern)
    loads = {shards: traffic.load(shards) for shards in SHARDS}
    needed = [f"{traffic.needed(status)}" for status in STATUSES]
    proposed = proposal(rate, pattern)
    return [
        f"{rate:,}",
        pattern.name,
        f"{pattern.peak:g}",
        *(_percent(loads[shards].throttled) for shards in SHARDS),
        f"{loads[10].hottest:,}/s",
        *needed,
        " / ".join(f"{proposed[status]}" for status in STATUSES),
    ]


def _percent(share: float) -> str:
    return "0" if share == 0 else f"{share:.1%}" if share >= ACCEPTED_SHARE else "< 0.1%"


def main() -> int:
    told = simulated()
    sys.stdout.write(told)
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), {**tables(), "simulation": told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
