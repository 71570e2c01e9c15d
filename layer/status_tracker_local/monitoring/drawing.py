"""Draws a graph as SVG and HTML, all of its texts escaped.

The drawing stretches with the page, and its texts do not: they stand beside it, in HTML.
"""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from status_tracker_local.monitoring.expressions import Series
from status_tracker_local.monitoring.graphs import Line, Span

COLOURS = 10
"""How many colours the page's style has; further lines have them again, dashed."""

_WIDTH, _HEIGHT = 1000, 200
_DASHES = ("", "7 4", "2 4")
_THOUSAND = 1000
_DAY = 24 * 3600


def draw(title: str, lines: Sequence[Line], span: Span, properties: Mapping[str, Any]) -> str:
    """The HTML of a graph: the drawing, its legend, and its values as a table."""
    limits = _limits(properties)
    points_of = _stacked(lines) if properties.get("stacked") else [line.points for line in lines]
    drawn = [{at: value for at, value in points.items() if math.isfinite(value)} for points in points_of]
    low, high = _range([*(value for points in drawn for value in points.values()), *(value for value, _ in limits)])
    has_data = any(line.points for line in lines)
    shapes = "".join(
        [
            *(_rule(part * _HEIGHT, "grid") for part in (0, 0.5, 1)),
            *(_rule(_y(value, low, high), "limit") for value, _ in limits),
            *(
                _shape(points, line.period, number, span, (low, high), filled=bool(properties.get("stacked")))
                for number, (line, points) in reversed(list(enumerate(zip(lines, drawn, strict=True))))
            ),
        ]
    )
    nothing = "" if has_data else '<p class="nothing">No data in this time</p>'
    told = "; ".join(f"{line.label}: {latest(line)}" for line in lines)
    return (
        '<div class="graph">'
        f'<div class="y" aria-hidden="true"><span>{figure(high)}</span><span>{figure((high + low) / 2)}</span>'
        f"<span>{figure(low)}</span></div>"
        f'<div class="plot"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(f"{title}. {told}")}">{shapes}</svg>{nothing}</div>'
        f'<div class="x" aria-hidden="true">{_times(span)}</div></div>'
        f"{_legend(lines, limits)}{_table(lines)}"
    )


def figure(value: float) -> str:
    """A number as it is told: short, with the thousands apart."""
    return f"{value:,.0f}" if abs(value) >= _THOUSAND else f"{value:.4g}"


def latest(line: Line) -> str:
    """The latest value of a line, or why there is none; not escaped."""
    if line.problem:
        return f"not evaluated: {line.problem}"
    return figure(line.points[max(line.points)]) if line.points else "no data"


def _limits(properties: Mapping[str, Any]) -> list[tuple[float, str]]:
    annotations = (properties.get("annotations") or {}).get("horizontal") or []
    limits = [(float(each["value"]), str(each.get("label", ""))) for each in annotations if isinstance(each, dict)]
    return [(value, label) for value, label in limits if math.isfinite(value)]


def _stacked(lines: Sequence[Line]) -> list[Series]:
    """The points of each line on top of those of the lines before."""
    below: Series = {}
    drawn = []
    for line in lines:
        points = {at: below.get(at, 0.0) + value for at, value in line.points.items()}
        below = {**below, **points}
        drawn.append(points)
    return drawn


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest value of the scale: zero is in it, and the highest is a round number."""
    return 0.0 - _round_up(-min([*values, 0.0])), _round_up(max([*values, 0.0])) or 1.0


def _round_up(value: float) -> float:
    if value < sys.float_info.min:  # what is smaller loses its digits, and counts as nothing
        return 0.0
    size = 10.0 ** math.floor(math.log10(value))
    rounded = (step * size for step in (1, 2, 4, 5, 6, 8, 10))
    return next((each for each in rounded if value * (1 - 1e-9) <= each < math.inf), value)


def _y(value: float, low: float, high: float) -> float:
    # Halves, since the whole may be beyond all numbers.
    return _HEIGHT * ((high / 2 - value / 2) / (high / 2 - low / 2))


def _rule(y: float, kind: str) -> str:
    return f'<path class="{kind}" d="M0 {y:.1f}H{_WIDTH}"/>'


def _shape(points: Series, period: int, number: int, span: Span, scale: tuple[float, float], *, filled: bool) -> str:
    """The line, broken where periods lack; and down to zero when it is filled."""
    low, high = scale
    parts: list[str] = []
    for run in _runs(points, period):
        places = [(_WIDTH * (at - span.begin) / (span.end - span.begin), _y(points[at], low, high)) for at in run]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        path += "h0" if len(places) == 1 else ""  # a dot
        dash = _DASHES[number // COLOURS % len(_DASHES)]
        dashed = f' stroke-dasharray="{dash}"' if dash and len(places) > 1 else ""
        if filled and len(places) > 1:
            zero = _y(0, low, high)
            area = f"{path}L{places[-1][0]:.1f} {zero:.1f}L{places[0][0]:.1f} {zero:.1f}Z"
            parts.append(f'<path class="area c{number % COLOURS}" d="{area}"/>')
        kind = "dot" if len(places) == 1 else "line"
        parts.append(f'<path class="{kind} c{number % COLOURS}" d="{path}"{dashed}/>')
    return "".join(parts)


def _runs(points: Series, period: int) -> Iterator[list[int]]:
    """The beginnings of the periods, those together that follow one another."""
    run: list[int] = []
    for at in sorted(points):
        if run and at - run[-1] > period:
            yield run
            run = []
        run.append(at)
    if run:
        yield run


def _times(span: Span) -> str:
    form = "%H:%M" if span.end - span.begin < _DAY else "%d %b %H:%M"
    middle = (span.begin + span.end) // 2
    return "".join(
        f"<span>{datetime.fromtimestamp(at, tz=UTC).strftime(form)}</span>" for at in (span.begin, middle, span.end)
    )


def _legend(lines: Sequence[Line], limits: Sequence[tuple[float, str]]) -> str:
    items = [
        f"<li>{_swatch(number)}<span>{escape(line.label)}</span> <b>{escape(latest(line))}</b></li>"
        for number, line in enumerate(lines)
    ]
    items += [
        f'<li><svg viewBox="0 0 20 10" aria-hidden="true"><path class="limit" d="M0 5H20"/></svg>'
        f"<span>{escape(label)}</span> <b>{figure(value)}</b></li>"
        for value, label in limits
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def _swatch(number: int) -> str:
    dash = _DASHES[number // COLOURS % len(_DASHES)]
    return (
        f'<svg viewBox="0 0 20 10" aria-hidden="true">'
        f'<path class="line c{number % COLOURS}" stroke-dasharray="{dash}" d="M0 5H20"/></svg>'
    )


def _table(lines: Sequence[Line]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(line.label)}</th><td>{escape(line.stat)}</td><td>{line.period} s</td>'
        f"<td>{len(line.points)}</td><td>{_of(min, line)}</td><td>{_of(max, line)}</td>"
        f"<td>{escape(latest(line))}</td></tr>"
        for line in lines
    )
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in ("Line", "Statistic", "Period", "Datapoints", "Lowest", "Highest", "Latest")
    )
    return (
        f'<details><summary>Values</summary><div class="scroll" tabindex="0" role="region" aria-label="Values">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _of(choose: Any, line: Line) -> str:
    return figure(choose(line.points.values())) if line.points else "none"
