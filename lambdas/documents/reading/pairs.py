"""
Keys and their values by where they stand on the page.

- The value is right of its key, in the same cell or, where that ends with the key, in the next one on the line.
- Else it is below its key: where the line has keys only, as the head of a table has; where space above or below sets
  both apart; where keys and values take turns; or where it has the form that the question asks for.
- A column of several values is a list, and a table of items is none of keys.
- A key without a colon counts only where a question knows it and its value has the form that the question asks for.
- "From" and "To" name who only above an address, on a page with a sum or a number: else they are of a journey or a
  letter; and beside them stand a place, a time, or who wrote a mail.
- What cannot be told is left out; where two values are equally near, both are found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from documents.reading.centred import CentredValues
from documents.reading.continuation import first_line_of_block, has_second_line, whole_value
from documents.reading.extracted import KeyValue
from documents.reading.labelled import LabelledPage
from documents.reading.layout import lines_of
from documents.values import TYPED, has_currency, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from documents.questions import Vocabulary
    from documents.reading.labelled import LabelledCell
    from documents.reading.labels import Label
    from documents.reading.layout import Cell
    from documents.reading.page_model import Word

_MAX_GAP_BESIDE = 25
_MAX_GAP_OF_WORDS = 3.0
_MAX_DISTANCE_BELOW = 2.5
_SPACE_ABOVE_A_BLOCK = 1.2
_SAME_EDGE = 0.6
_MAX_INDENT = 4.0
_CLOSE = 1.5
_LINES_OF_A_STACK = 5
_FIGURES, _FIGURES_OF_A_DATE = re.compile(r"\d"), re.compile(r"\d[./-]\d|\d{4}")


def find_pairs(words: Iterable[Word], page: int, vocabulary: Vocabulary) -> list[KeyValue]:
    """The keys of a page with their values, top to bottom; the number of the page is noted on each."""
    labelled = LabelledPage(lines_of(words), vocabulary)
    finder = _Finder(labelled)
    return [
        KeyValue(label.key, value, page, cell.line + 1)
        for cell in labelled.labelled
        for number, label in enumerate(cell.labels)
        for value in finder.values(cell, number, label)
    ]


class _Finder:
    def __init__(self, page: LabelledPage) -> None:
        self._page = page
        self._centred = CentredValues(page)

    def values(self, cell: LabelledCell, number: int, label: Label) -> Iterator[str]:
        """The values of a key; none where it is unclear, more than one where more are equally near."""
        if not label.sure:
            return
        kind = self._page.vocabulary.kind(label.key)
        if not label.separated and (kind is None or self._goes_on_below(cell)):
            return
        rest = cell.rest(number)
        if self._page.vocabulary.is_other("direction", label.key) and (
            rest or self._page.right_of(cell) or not self._page.is_about_a_sale
        ):
            return
        if rest is not None:
            yield from self._in_cell(cell, number, rest, kind)
            return
        beside = self._page.right_of(cell)
        centred = self._centred.value_of(cell) if kind not in TYPED and cell.is_label else None
        if centred:
            yield from [centred.text] if centred.is_clear and len(beside) <= 1 and kind is not None else []
            return
        yield from self._beside(cell, beside, label, kind)
        if not beside or (len(beside) == 1 and kind not in TYPED):
            yield from self._below(cell, number, kind)

    def _goes_on_below(self, cell: LabelledCell) -> bool:
        """Whether a key without a colon may have a second line: "Total" above "without tax" is no total."""
        below = self._page.below(cell.cell, cell.line) if cell.is_label else None
        return (
            below is not None
            and not below.labels
            and below.cell.middle - cell.cell.middle <= _CLOSE * cell.cell.size
            and abs(below.cell.left - cell.cell.left) <= _SAME_EDGE * cell.cell.size
            and any(map(str.isalpha, below.cell.text))
            and below.cell.text.islower()
        )

    def _in_cell(self, cell: LabelledCell, number: int, rest: Cell, kind: str | None) -> Iterator[str]:
        label, is_last = cell.labels[number], number == len(cell.labels) - 1
        beside = self._page.right_of(cell) if is_last else []
        goes_on = bool(beside) and beside[0].cell.left - cell.cell.right <= _MAX_GAP_OF_WORDS * cell.cell.size
        if kind and kind in TYPED:
            if not label.separated and any(read(kind, other.cell.text) or _is_money(other.cell) for other in beside):
                return  # "Total 2026   50.00 EUR": the year is of the key
            joined = " ".join([rest.text, *(other.cell.text for other in beside)])
            is_cut = goes_on and beside[0].cell.text[0].isdigit()
            value = self._typed(kind, [joined] if is_cut else [rest.text, joined])
            if value:
                yield value
        elif label.separated and not goes_on and self._ends_clearly(cell, number, rest):
            yield from self._whole(rest, cell, number, goes_on=is_last and kind is not None)

    def _ends_clearly(self, cell: LabelledCell, number: int, rest: Cell) -> bool:
        """Whether no words stand after a value that may be the next key's, and it is no key itself."""
        following = cell.labels[number + 1 : number + 2]
        return all(label.sure for label in following) and not self._page.vocabulary.knows(rest.text)

    def _beside(self, cell: LabelledCell, cells: list[LabelledCell], label: Label, kind: str | None) -> Iterator[str]:
        if kind in TYPED:
            texts = [other.cell.text for other in cells]
            value = self._typed(kind, [" ".join(texts)]) or self._only(kind, texts)
            if value:
                yield value
        elif len(cells) == 1 and self._is_value_of(cells[0], cell, label):
            yield from self._whole(cells[0].cell, cell, len(cell.labels) - 1, goes_on=kind is not None)

    def _is_value_of(self, value: LabelledCell, cell: LabelledCell, label: Label) -> bool:
        if value.cell.left - cell.cell.right > _MAX_GAP_BESIDE * cell.cell.size:
            return False
        return label.separated or (cell.is_label and self._is_in_a_stack(cell, value))

    def _typed(self, kind: str | None, texts: list[str]) -> str | None:
        return next((text for text in texts if kind and read(kind, text)), None)

    def _only(self, kind: str | None, texts: list[str]) -> str | None:
        """The first, where what stands behind it in columns of its own has no figures, or none of a date."""
        first, *others = texts or [""]
        figures = _FIGURES_OF_A_DATE if kind == "date" else _FIGURES
        alone = not any(map(figures.search, others))
        return first if alone and kind and read(kind, first) else None

    def _whole(self, value: Cell, cell: LabelledCell, number: int, *, goes_on: bool) -> Iterator[str]:
        if not goes_on:
            yield value.text
            return
        whole = whole_value(self._page, value, cell.label_box(number), cell.line)
        if whole.is_clear:
            yield whole.text

    def _below(self, cell: LabelledCell, number: int, kind: str | None) -> Iterator[str]:
        label, box = cell.labels[number], cell.label_box(number)
        if not label.separated and (not cell.is_label or kind == "text"):
            return
        first = self._page.below(box, cell.line)
        if first is None or first.begins_with_label or not self._stands_below(cell, box, first, kind):
            return
        if self._page.vocabulary.is_other("direction", label.key) and not has_second_line(self._page, first):
            return
        if kind not in TYPED:
            name = first_line_of_block(self._page, first)
            if label.separated or (kind and read(kind, name)):
                yield name
        elif read(kind, first.cell.text) and not self._is_a_list(first, kind):
            yield first.cell.text

    def _stands_below(self, cell: LabelledCell, box: Cell, first: LabelledCell, kind: str | None) -> bool:
        distance = first.cell.middle - box.middle
        if distance > _MAX_DISTANCE_BELOW * box.size:
            return False
        row = [other for other in self._page.lines[cell.line] if other.cell.is_level_with(cell.cell)]
        if any(self._page.vocabulary.is_other("items", other.labels[0].key) for other in row if other.labels):
            return False
        if len(row) > 1 and all(other.is_label for other in row):
            return self._is_under_no_other(row, cell, first)
        if kind in TYPED and any(not other.labels for other in row):
            return False
        return self._is_a_block(cell, box, first, distance) or (
            cell.labels[-1].separated
            and -_SAME_EDGE * box.size <= first.cell.left - box.left <= _MAX_INDENT * box.size
            and (kind in TYPED or self._alternates(cell, first))
        )

    def _is_a_block(self, cell: LabelledCell, box: Cell, first: LabelledCell, distance: float) -> bool:
        """Whether space above the key or, where nothing but its value follows, below the value sets both apart."""
        above = self._page.above(box, cell.line)
        if above is not None and box.middle - above.cell.middle > _SPACE_ABOVE_A_BLOCK * distance:
            return True
        last: LabelledCell | None = first
        while last is not None and not last.labels:
            below = self._page.below(last.cell, last.line)
            if below and below.cell.middle - last.cell.middle > _SPACE_ABOVE_A_BLOCK * distance:
                return cell.labels[-1].separated or above is None
            last = below
        return last is None and above is None

    def _alternates(self, cell: LabelledCell, value: LabelledCell) -> bool:
        """Whether keys and values take turns in the column, each on a line of its own."""
        next_key = self._page.below(value.cell, value.line)
        next_value = next_key and self._page.below(next_key.cell, next_key.line)
        last_value = self._page.above(cell.cell, cell.line)
        last_key = last_value and self._page.above(last_value.cell, last_value.line)
        return any(
            key is not None and key.is_label and key.labels[0].separated and each is not None and not each.labels
            for key, each in ((next_key, next_value), (last_key, last_value))
        )

    def _is_under_no_other(self, row: list[LabelledCell], cell: LabelledCell, first: LabelledCell) -> bool:
        """Whether a cell below a row of keys is below that key only."""
        return not any(
            other is not cell and other.cell.left < first.cell.right and first.cell.left < other.cell.right
            for other in row
        )

    def _is_a_list(self, first: LabelledCell, kind: str | None) -> bool:
        second = self._page.below(first.cell, first.line)
        return (
            second is not None
            and not second.begins_with_label
            and second.cell.middle - first.cell.middle <= _MAX_DISTANCE_BELOW * first.cell.size
            and kind is not None
            and read(kind, second.cell.text) is not None
        )

    def _is_in_a_stack(self, cell: LabelledCell, value: LabelledCell) -> bool:
        """Whether another key, above or below, has its value in the same two columns."""
        lines = self._page.lines[max(cell.line - _LINES_OF_A_STACK, 0) : cell.line + _LINES_OF_A_STACK + 1]
        return any(
            other.is_label and other is not cell and _is_aligned(other.cell, cell.cell)
            and any(_is_aligned(beside.cell, value.cell) for beside in self._page.right_of(other))
            for line in lines
            for other in line
        )  # fmt: skip


def _is_aligned(one: Cell, other: Cell) -> bool:
    near = 0.5 * other.size
    return abs(one.left - other.left) <= near or abs(one.right - other.right) <= near


def _is_money(cell: Cell) -> bool:
    amount = read("amount", cell.text)
    return amount is not None and has_currency(amount)
