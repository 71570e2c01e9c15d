"""The tables of ``docs/scale.md``: what `bench.scale_costs` says, and the frame for what `bench.scale_sim` finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from bench.scale_costs import (
    APPLICATION,
    INDEX_ENTRY_BYTES,
    INTAKE_SECONDS,
    ITEM_BYTES,
    LIMITS,
    LIVES,
    MILLION,
    PRICES,
    SHAPES,
    STEP_GB,
    STORED_GB_MONTH,
    TOLD,
    WORK_SECONDS,
    dollars,
    listing,
    refreshing,
)

COUNTS = (10_000, 100_000, MILLION, 10 * MILLION, 100 * MILLION, 1_000 * MILLION)
_SECONDS_A_DAY = 86_400
_LEAST_DOLLARS, _CENTS_FROM, _NO_CENTS_FROM = 0.001, 0.1, 100
_BURST = 2


def tables() -> dict[str, str]:
    """The tables of costs and limits, by their names in the document."""
    return {
        "lives": _lives(),
        "shapes": _shapes(),
        "counts": _counts(),
        "events": _events(),
        "limits": _limits(),
        "days": _days(),
        "listing": _listing(),
    }


def _lives() -> str:
    price = PRICES["DynamoDB write units"]
    rows = [
        [name, f"{life.requests}", f"{life.table} + {life.index} = {life.units}", *_priced(life.units * price)]
        for name, life in LIVES.items()
    ]
    return table(["tasks", "requests", "write units", *_heads()], rows)


def _shapes() -> str:
    rows = _uses(SHAPES)
    work = WORK_SECONDS * STEP_GB * PRICES["Lambda GB-s"]
    rows.append(["of that, all but the work", "", *(_money(dollars(uses) - work) for uses in SHAPES.values())])
    return table(["for a million documents", "$ a million", *SHAPES], rows)


def _events() -> str:
    return table(["for a million documents", "$ a million", *TOLD], _uses(TOLD))


def _uses(ways: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    rows = [
        [what, f"{price:g}", *(_used(uses.get(what, 0), price) for uses in ways.values())]
        for what, price in PRICES.items()
        if any(what in uses for uses in ways.values())
    ]
    return [*rows, ["**together**", "", *(f"**{_money(dollars(uses))}**" for uses in ways.values())]]


def _used(amount: float, price: float) -> str:
    return f"{amount:.3g} → ${amount * price:.2f}" if amount else ""


def _counts() -> str:
    rows = [[shape, *_priced(dollars(uses))] for shape, uses in SHAPES.items()]
    rows.append(["kept, a month", *_priced((ITEM_BYTES + INDEX_ENTRY_BYTES) / 1_000 * STORED_GB_MONTH)])
    return table(["documents", *_heads()], rows)


def _heads() -> list[str]:
    return [f"{count:,}" for count in COUNTS]


def _priced(a_million: float) -> list[str]:
    return [_money(a_million * count / MILLION) for count in COUNTS]


def _money(amount: float) -> str:
    if amount < _LEAST_DOLLARS:
        return f"< ${_LEAST_DOLLARS}"
    if amount < _CENTS_FROM:
        return f"${amount:.3f}"
    return f"${amount:,.0f}" if amount >= _NO_CENTS_FROM else f"${amount:.2f}"


def _limits() -> str:
    ordered = sorted(LIMITS, key=lambda limit: limit.reached_at)
    return table(
        ["documents a second", "meets", "raise"],
        [[f"{limit.reached_at:,.0f}", limit.what, limit.remedy] for limit in ordered],
    )


def _days() -> str:
    rows = []
    for count in COUNTS:
        rate = count / _SECONDS_A_DAY
        met = sum(limit.reached_at < _BURST * rate for limit in LIMITS)
        at_once = rate * (WORK_SECONDS + INTAKE_SECONDS)
        rows.append([f"{count:,}", _short(rate), _short(rate * APPLICATION.units), _short(at_once), f"{met}"])
    heads = ["documents a day", "a second", "write units a second", "functions at once", "limits met"]
    return table(heads, rows)


def _listing() -> str:
    price = PRICES["DynamoDB read units"] / MILLION
    rows = []
    for count in COUNTS:
        cells = [f"{count:,}"]
        for requests, units in (listing(count), refreshing(count)):
            cells += [f"{requests:,}", f"{units:,.0f}", _money(units * price)]
        rows.append(cells)
    heads = ["tasks", "list or count: requests", "read units", "cost", "refresh: requests more", "read units", "cost"]
    return table(heads, rows)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= _NO_CENTS_FROM else f"{value:.2g}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def filled(document: str, contents: Mapping[str, str]) -> str:
    """The document with each table between its marks, ``<!-- name -->`` and ``<!-- / -->``, replaced by that content.

    Raises:
        ValueError: the document has no such marks, or has them more than once.
    """
    for name, content in contents.items():
        before, *rest = re.split(rf"(?<=<!-- {name} -->\n)", document)
        if len(rest) != 1 or "<!-- / -->" not in rest[0]:
            raise ValueError(f"The document has the marks of the table {name!r} {len(rest)} times: give it one pair.")
        document = before + content + rest[0][rest[0].index("<!-- / -->") :]
    return document
