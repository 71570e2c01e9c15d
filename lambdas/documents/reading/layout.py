"""
Where the words of a page stand to each other: lines, and in them cells.

All measures are relative to the size of the letters, so that the scale of a page does not matter, and words are put in
order by their places, so that the order in which a file draws them does not matter either. `y` grows downwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
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
    left = word.left
    return word._replace(text=word.text[start:end], left=left + start * width, right=left + end * width)


class Cell:
    """
    Words of one line that stand close together, from left to right; at least one.

    Attributes:
        middle, size: those of the first word.
    """

    __slots__ = ("left", "middle", "right", "size", "text", "words")

    def __init__(self, words: Sequence[Word]) -> None:
        first = words[0]
        self.words, self.left, self.right, self.size = words, first.left, words[-1].right, first.size
        self.middle = (first.top + first.bottom) / 2
        self.text = " ".join([word.text for word in words])

    def part(self, start: int, end: int) -> Cell | None:
        """What stands from `start` to `end` of the text; None where that is white space only."""
        words, at = [], 0
        for word in self.words:
            if at >= end:
                break
            length = len(word.text)
            if start <= at and at + length <= end:
                words.append(word)
            elif start < at + length and at < end:
                words.append(part(word, max(start - at, 0), min(end - at, length)))
            at += length + 1
        return Cell(words) if words else None

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
    first = None
    for *_, word in sorted([((word.top + word.bottom) / 2, word.left, word.right, word.text, word) for word in words]):
        if first is not None and (
            (word.top == first.top and word.bottom == first.bottom) or _overlap(first, word) >= _SAME_LINE_OVERLAP
        ):
            rows[-1].append(word)
        else:
            first = word
            rows.append([word])
    for row in rows:
        if middle(row[-1]) != middle(row[0]):  # else they are in order already
            row.sort(key=lambda word: (word.left, middle(word), word.text))
    return [Line(_cells(row)) for row in rows]


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
    return gap <= _CELL_GAP * min(before.size, word.size) and (
        (word.top == before.top and word.bottom == before.bottom) or _overlap(before, word) > _LEVEL
    )


def _cells(row: Sequence[Word]) -> tuple[Cell, ...]:
    cells: list[list[Word]] = []
    last: Word | None = None
    for word in row:
        if last and word.size < last.size and _is_footnote_mark(word, last):
            if _WITHOUT_CENTS.search(last.text) and _CENTS.fullmatch(word.text):
                cells[-1].append(word)
                last = word
            continue
        if last and word.text[0] in COLONS and last.text[-1] not in COLONS:
            # Colons may stand in a column of their own, or before the values: they belong to the key.
            last = part(word, 0, 1)
            cells[-1].append(last)
            if len(word.text) > 1:
                last = part(word, 1, len(word.text))
                cells.append([last])
        elif last and len(cells[-1]) < _MAX_WORDS_OF_A_CELL and _is_close(last, word):
            cells[-1].append(word)
            last = word
        else:
            cells.append([word])
            last = word
    return tuple([Cell(cell) for cell in cells])
