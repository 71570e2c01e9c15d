"""Draws what something costs against how many tasks there are, both on logarithmic scales, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

Points: TypeAlias = Sequence[tuple[float, float]]

_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#000000",
)  # told apart by the colour-blind too
_WIDTH = 620
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 600, 44, 300  # of the frame, in pixels
_LEGEND, _LEGEND_STEP = 54, 18


@dataclass(frozen=True)
class Chart:
    """One drawing: its title, what the scales tell, and the lines by their names. All values are above 0."""

    title: str
    x: str
    y: str
    lines: Mapping[str, Points]


@dataclass(frozen=True)
class _Scale:
    """Powers of ten from `first` to `last`, over the pixels from `start` to `end`."""

    first: int
    last: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> _Scale:
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return cls(first, max(last, first + 1), start, end)

    def at(self, value: float) -> float:
        return self.start + (math.log10(value) - self.first) / (self.last - self.first) * (self.end - self.start)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.first, self.last + 1)]


def figure(charts: Sequence[Chart]) -> str:
    """The charts side by side, as an SVG document."""
    drawn = "".join(
        f'<g transform="translate({position * _WIDTH} 0)">{"".join(_draw(chart))}</g>\n'
        for position, chart in enumerate(charts)
    )
    width, height = _WIDTH * len(charts), _BOTTOM + _LEGEND + _LEGEND_STEP * max(len(chart.lines) for chart in charts)
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12" fill="#333">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{drawn}</svg>\n'
    )


def _draw(chart: Chart) -> Iterator[str]:
    points = [point for line in chart.lines.values() for point in line]
    across = _Scale.over([x for x, _ in points], _LEFT, _RIGHT)
    up = _Scale.over([y for _, y in points], _BOTTOM, _TOP)
    yield _text(_WIDTH / 2, 22, chart.title, 'text-anchor="middle" font-size="14"')
    for tick in across.ticks():
        x = across.at(tick)
        yield _rule(x, _TOP, x, _BOTTOM)
        yield _text(x, _BOTTOM + 16, f"{tick:,g}", 'text-anchor="middle"')
    for tick in up.ticks():
        y = up.at(tick)
        yield _rule(_LEFT, y, _RIGHT, y)
        yield _text(_LEFT - 6, y + 4, f"{tick:,g}", 'text-anchor="end"')
    yield _text(_WIDTH / 2, _BOTTOM + 34, chart.x, 'text-anchor="middle"')
    yield _text(14, _TOP - 12, chart.y, "")
    for position, (name, line) in enumerate(chart.lines.items()):
        yield from _draw_line(name, [(across.at(x), up.at(y)) for x, y in line], position)


def _draw_line(name: str, points: Points, position: int) -> Iterator[str]:
    colour = _COLOURS[position % len(_COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
    y = _BOTTOM + _LEGEND + position * _LEGEND_STEP
    yield f'<rect x="{_LEFT}" y="{y - 8}" width="16" height="4" fill="{colour}"/>'
    yield _text(_LEFT + 24, y, name, 'font-size="10"')


def _text(x: float, y: float, text: str, attributes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#ddd"/>'
