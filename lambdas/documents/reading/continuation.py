"""
Whether a value goes on on the next line.

It does where the line ends, or the next one begins, as no line does that stands for itself, or where the next word had
no room. It does not where there was room for it. Where neither is clear, neither is the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from documents.reading.layout import Cell

if TYPE_CHECKING:
    from documents.reading.labelled import LabelledCell, LabelledPage

_MAX_LINES = 5
_LINE_PITCH = 1.75
_EDGE = 0.6
_SPACE = 0.2
_MARGIN = 2.0
_GOES_ON = re.compile(r"(?:[,&/(+]|\b(?:and|of|the|und|der|et|de|y))$", re.IGNORECASE)
_LEGAL_FORM = re.compile(
    r"(?:(?:GmbH|mbH|AG|KG|OHG|UG|SE|Ltd|Limited|Inc|Incorporated|LLC|LLP|plc|Corp|Corporation|Co|S\.?A\.?R\.?L|SAS|S\.?A|S\.?L|B\.?V|N\.?V)\.?"
    r"(?:[\s&]+|$))+$"
)


@dataclass(frozen=True)
class Whole:
    """A value with the lines on which it goes on; `is_clear` is false where it may go on, or may not."""

    text: str
    is_clear: bool = True


def whole_value(page: LabelledPage, value: Cell, label: Cell, line: int) -> Whole:
    """The value that begins on that line, beside its key, as far as it goes."""
    text, last, at = value.text, value, line
    for _ in range(_MAX_LINES):
        below = _line_below(page, _span(label, last), at, (value.left, label.left))
        if below is None:
            break
        verdict = _goes_on(page, last, below, value, label)
        if verdict is None:
            return Whole(text, is_clear=False)
        if not verdict:
            break
        text, last, at = f"{text} {below.cell.text}", below.cell, below.line
    else:
        return Whole(text, is_clear=False)
    return Whole(text)


def first_line_of_block(page: LabelledPage, first: LabelledCell) -> str:
    """The first line of a block such as an address: the name, also where it needs a second line."""
    text, last = first.cell.text, first
    for _ in range(_MAX_LINES):
        below = _line_below(page, last.cell, last.line, (first.cell.left,))
        if below is None or not (re.search(r"[&+-]$", text) or _LEGAL_FORM.match(below.cell.text)):
            break
        text, last = f"{text} {below.cell.text}", below
    return text


def has_second_line(page: LabelledPage, first: LabelledCell) -> bool:
    """Whether a block such as an address has more than one line."""
    return _line_below(page, first.cell, first.line, (first.cell.left,)) is not None


def _line_below(page: LabelledPage, last: Cell, line: int, edges: tuple[float, ...]) -> LabelledCell | None:
    """The next line of the same paragraph: close below, on one of these edges, without a key, alone in its column."""
    below = page.below(last, line)
    if below is None or below.labels or below.cell.middle - last.middle > _LINE_PITCH * last.size:
        return None
    if abs(below.cell.size - last.size) > _SPACE * last.size or stands_beside_a_key(page, below):
        return None
    return below if any(abs(below.cell.left - edge) <= _EDGE * last.size for edge in edges) else None


def _span(label: Cell, last: Cell) -> Cell:
    """The width from a key to the end of a line that belongs to it."""
    return last if last.left <= label.left else Cell([last.words[0]._replace(left=label.left), *last.words[1:]])


def stands_beside_a_key(page: LabelledPage, cell: LabelledCell) -> bool:
    """Whether a key is left of the cell on its line: then the cell is the value of that one."""
    return any(other.labels and other.cell.is_level_with(cell.cell) for other in page.lines[cell.line][: cell.number])


def _goes_on(page: LabelledPage, last: Cell, below: LabelledCell, value: Cell, label: Cell) -> bool | None:
    """None where it cannot be told."""
    following = below.cell.text
    if _GOES_ON.search(last.text) or following[0].islower() or _LEGAL_FORM.match(following):
        return True
    if re.search(r"[.!?]$", last.text) and len(last.text.split()) > 3:  # noqa: PLR2004  # "Inc." ends no sentence
        return False
    if value.left - label.left > _EDGE * last.size and abs(below.cell.left - value.left) <= _EDGE * last.size:
        return True  # it hangs under the value, where no key stands
    needed = last.right + _SPACE * last.size + below.cell.words[0].right - below.cell.words[0].left
    others = [cell.right for cell in _paragraph(page, below, label) if cell.right != last.right]
    if others and needed > max(others) and max(others) >= last.right - _EDGE * last.size:
        return True
    if needed <= max([last.right, *others]) or any(map(str.isdigit, following)):
        return False
    return True if _reaches_the_margin(page, last, below.line, label, needed) else None


def _reaches_the_margin(page: LabelledPage, last: Cell, line: int, label: Cell, needed: float) -> bool:
    """Whether lines elsewhere in the column end where this one does, and none further right."""
    rights = [
        other.cell.right
        for cells in page.around(line)
        for other in cells
        if abs(other.cell.left - label.left) <= _EDGE * last.size and other.cell.right != last.right
    ]
    return bool(rights) and last.right - _MARGIN * last.size <= max(rights) < needed


def _paragraph(page: LabelledPage, cell: LabelledCell, label: Cell) -> list[Cell]:
    """The lines around, on the edge of the key, each close to the next."""
    found = [cell.cell]
    for step in (1, -1):
        last, line = cell.cell, cell.line
        while len(found) < _MAX_LINES * 10:
            near = page.below(last, line) if step == 1 else page.above(last, line)
            if near is None or abs(near.cell.middle - last.middle) > _LINE_PITCH * last.size:
                break
            if abs(near.cell.left - label.left) <= _EDGE * last.size:
                found.append(near.cell)
            last, line = near.cell, near.line
    return found
