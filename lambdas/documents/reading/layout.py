"""
Where the words of a page stand to each other: lines, and in them cells.

All measures are relative to the size of the letters, so that the scale of a page does not matter, and words are put in
order by their places, so that the order in which a file draws them does not matter either. `y` grows downwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from documents.reading.page_model import Word

_SAME_LINE_OVERLAP = 0.5
_LEVEL = 0.3
_CELL_GAP = 1.0
_NEAR = 1.0
_MAX_WORDS_OF_A_CELL = 300
COLONS = ":\uff1a"
_WITHOUT_CENTS, _CENTS = re.compile(r"(?<![\d.,])(?:\d+|\d{1,3}(?:[.,]\d{3})+)[.,]?$"), re.compile(r"\d\d")
_MARK_SIZE, _MARK_RISE, _MARK_GAP = 0.8, 0.1, 0.2


def middle(word: Word) -> float:
    return (word.top + word.bottom) / 2


def part(word: Word, start: int, end: int) -> Word:
    """The characters of a word from `start` to `end`, as if all were of the same width."""
    width = (word.right - word.left) / max(len(word.text), 1)
    return replace(word, text=word.text[start:end], left=word.left + start * width, right=word.left + end * width)


@dataclass(frozen=True)
class Cell:
    """Words of one line that stand close together, from left to right; at least one."""

    words: tuple[Word, ...]

    @cached_property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return self.words[-1].right

    @property
    def middle(self) -> float:
        return middle(self.words[0])

    @property
    def size(self) -> float:
        return self.words[0].size

    def part(self, start: int, end: int) -> Cell | None:
        """What stands from `start` to `end` of the text; None where that is white space only."""
        words, at = [], 0
        for word in self.words:
            length = len(word.text)
            if start <= at and at + length <= end:
                words.append(word)
            elif start < at + length and at < end:
                words.append(part(word, max(start - at, 0), min(end - at, length)))
            at += length + 1
        return Cell(tuple(words)) if words else None

    def is_level_with(self, other: Cell) -> bool:
        """Whether both stand on the same line of letters, not only near it."""
        return abs(self.middle - other.middle) <= _LEVEL * max(self.size, other.size)

    def is_in_column_of(self, other: Cell) -> bool:
        """Whether both have an edge in common, left or right, or one stands within the width of the other."""
        near = _NEAR * other.size
        if abs(self.left - other.left) <= near or abs(self.right - other.right) <= near:
            return True
        return (other.left <= self.left and self.right <= other.right) or (
            self.left <= other.left and other.right <= self.right
        )


@dataclass(frozen=True)
class Line:
    """Cells at one height, from left to right."""

    cells: tuple[Cell, ...]

    @property
    def text(self) -> str:
        return " ".join(cell.text for cell in self.cells)

    @property
    def middle(self) -> float:
        return self.cells[0].middle


def lines_of(words: Iterable[Word]) -> list[Line]:
    """The lines of a page, from top to bottom. Time grows with n log n of the words."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (middle(word), word.left, word.right, word.text)):
        if rows and _overlap(rows[-1][0], word) >= _SAME_LINE_OVERLAP:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [Line(_cells(sorted(row, key=lambda word: (word.left, middle(word), word.text)))) for row in rows]


def _overlap(one: Word, other: Word) -> float:
    """How much of the lower of both is level with the other, from 0 to 1."""
    common = min(one.bottom, other.bottom) - max(one.top, other.top)
    return common / max(min(one.bottom - one.top, other.bottom - other.top), 1e-6)


def _is_footnote_mark(word: Word, before: Word) -> bool:
    """Whether a small raised figure hangs on the word before it."""
    return (
        word.size < _MARK_SIZE * before.size
        and word.bottom < before.bottom - _MARK_RISE * before.size
        and abs(word.left - before.right) < _MARK_GAP * before.size
        and all(character.isdigit() or character in "*†‡)" for character in word.text)
    )


def _is_close(before: Word, word: Word) -> bool:
    gap = word.left - before.right
    return gap <= _CELL_GAP * min(before.size, word.size) and _overlap(before, word) > _LEVEL


def _cells(row: Sequence[Word]) -> tuple[Cell, ...]:
    cells: list[list[Word]] = []
    for word in row:
        last = cells[-1][-1] if cells else None
        if last and _is_footnote_mark(word, last):
            if _WITHOUT_CENTS.search(last.text) and _CENTS.fullmatch(word.text):
                cells[-1].append(word)
            continue
        if last and word.text[0] in COLONS and last.text[-1] not in COLONS:
            # Colons may stand in a column of their own, or before the values: they belong to the key.
            colon, word = part(word, 0, 1), part(word, 1, len(word.text))  # noqa: PLW2901
            cells[-1].append(colon)
            if not word.text:
                continue
            cells.append([word])
            continue
        if last and len(cells[-1]) < _MAX_WORDS_OF_A_CELL and _is_close(last, word):
            cells[-1].append(word)
        else:
            cells.append([word])
    return tuple(Cell(tuple(cell)) for cell in cells)
