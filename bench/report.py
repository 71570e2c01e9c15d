"""The table of all figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from bench.stats import Spread

COLUMNS = ("what", "who", "requests", "units", "CPU ms", "to floor", "wall ms", "to floor", "besides")
_LEFT = frozenset({"what", "who", "besides"})
_THREE_DIGITS, _TWO_DIGITS = 100, 10


@dataclass(frozen=True)
class Row:
    """One contender in one measure; what was not measured is left empty.

    Attributes:
        requests: by operation, for one task.
        units: DynamoDB's capacity units for one task, of ``"table"`` and ``"index"``.
        cpu, wall: seconds for one task.
        cpu_ratio, wall_ratio: to the floor of the measure.
    """

    what: str
    who: str
    requests: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, float] = field(default_factory=dict)
    cpu: Spread | None = None
    cpu_ratio: Spread | None = None
    wall: Spread | None = None
    wall_ratio: Spread | None = None
    besides: str = ""

    def cells(self) -> tuple[str, ...]:
        """What stands in the columns."""
        return (
            self.what,
            self.who,
            number(sum(self.requests.values())) if self.requests else "",
            " + ".join(f"{number(units)} {name}" for name, units in self.units.items() if units),
            _milliseconds(self.cpu),
            _ratio(self.cpu_ratio),
            _milliseconds(self.wall),
            _ratio(self.wall_ratio),
            self.besides,
        )


def number(value: float) -> str:
    """As many digits as matter."""
    if value >= _THREE_DIGITS or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= _TWO_DIGITS else f"{value:.2f}"


def markdown(rows: Iterable[Row]) -> str:
    """The table of all rows."""
    return aligned(COLUMNS, [row.cells() for row in rows])


def aligned(columns: Sequence[str], cells: Sequence[Sequence[str]], left: AbstractSet[str] = _LEFT) -> str:
    """A table, its columns aligned, so that it is read as well where it is not rendered.

    Args:
        left: the columns that hold words.
    """
    widths = [max(len(line[column]) for line in (columns, *cells)) for column in range(len(columns))]
    rule = [
        "-" * width if name in left else "-" * (width - 1) + ":" for name, width in zip(columns, widths, strict=True)
    ]
    lines = (columns, rule, *cells)
    return "\n".join(_line(columns, line, widths, left) for line in lines) + "\n"


def _line(columns: Sequence[str], cells: Sequence[str], widths: Sequence[int], left: AbstractSet[str]) -> str:
    padded = (
        cell.ljust(width) if name in left else cell.rjust(width)
        for name, cell, width in zip(columns, cells, widths, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def _milliseconds(seconds: Spread | None) -> str:
    return "" if seconds is None else number(seconds.median * 1000)


def _ratio(ratio: Spread | None) -> str:
    return "" if ratio is None else f"{ratio.median:.2f} ({ratio.low:.2f}…{ratio.high:.2f})"
