"""A page as lines of cells with the keys in them, and what stands where on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from documents.reading.labels import LEADERS, labels_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from documents.questions import Vocabulary
    from documents.reading.labels import Label
    from documents.reading.layout import Cell, Line

_LINES_LOOKED_AT = 40
_MAX_CELLS_OF_A_LINE = 100
_LINES_OF_A_MAIL_HEAD = 6
_LINES_OF_CONTENTS, _FIGURES_OF_A_PAGE = 3, 4


class LabelledCell(NamedTuple):
    """A cell, its keys from left to right, and its place: the number of its line, and its own in the line."""

    cell: Cell
    labels: tuple[Label, ...]
    line: int
    number: int

    @property
    def begins_with_label(self) -> bool:
        return bool(self.labels) and not self.cell.text[: self.labels[0].start].strip(" -•*>")

    @property
    def is_label(self) -> bool:
        """Whether the cell is one key and nothing else."""
        return len(self.labels) == 1 and self.begins_with_label and not self.cell.text[self.labels[0].end :].strip()

    def rest(self, number: int) -> Cell | None:
        """What stands between a key and the next one in the cell."""
        after = self.labels[number + 1].start if number + 1 < len(self.labels) else len(self.cell.text)
        return self.cell.part(self.labels[number].end, after)

    def label_box(self, number: int) -> Cell:
        label = self.labels[number]
        return self.cell.part(label.start, label.end) or self.cell


class LabelledPage:
    """
    The lines of a page, with the keys of a vocabulary and those that have a separator.

    Attributes:
        labelled: the cells that have keys, in reading order.
    """

    def __init__(self, lines: Sequence[Line], vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.lines = [
            [
                LabelledCell(cell, tuple(labels_in(cell.text, vocabulary)), line_number, number)
                for number, cell in enumerate(line.cells[:_MAX_CELLS_OF_A_LINE])
            ]
            for line_number, line in enumerate(lines)
        ]
        self.labelled = self._labelled()
        self._drop_heads_of_mails()
        self.labelled = self._labelled()
        self._drop_tables_of_contents()
        self.labelled = self._labelled()
        kinds = {vocabulary.kind(label.key) for cell in self.labelled for label in cell.labels}
        self.is_about_a_sale = bool(kinds & {"amount", "number"})

    def _labelled(self) -> list[LabelledCell]:
        return [cell for line in self.lines for cell in line if cell.labels]

    def right_of(self, cell: LabelledCell) -> list[LabelledCell]:
        """The cells right of one that are level with it, up to the next key."""
        found = []
        for other in self.lines[cell.line][cell.number + 1 :]:
            if not other.cell.is_level_with(cell.cell):
                continue
            if other.begins_with_label:
                break
            found.append(other)
        return found

    def around(self, line: int) -> list[list[LabelledCell]]:
        """The lines near one."""
        return self.lines[max(line - _LINES_LOOKED_AT, 0) : line + _LINES_LOOKED_AT]

    def below(self, box: Cell, line: int) -> LabelledCell | None:
        """The nearest cell below that stands under the box, at least in part."""
        return self._nearest(box, range(line + 1, min(line + 1 + _LINES_LOOKED_AT, len(self.lines))))

    def above(self, box: Cell, line: int) -> LabelledCell | None:
        """The nearest cell above under which the box stands, at least in part."""
        return self._nearest(box, range(line - 1, max(line - 1 - _LINES_LOOKED_AT, -1), -1))

    def _nearest(self, box: Cell, lines: range) -> LabelledCell | None:
        for number in lines:
            for other in self.lines[number]:
                if other.cell.left < box.right and box.left < other.cell.right:
                    return other
        return None

    def _drop_heads_of_mails(self) -> None:
        """A printed mail begins with who wrote it to whom, when, and about what: that is no data of the document."""
        for cell in [cell for cell in self.labelled if _has_key(cell, "mail_subject", self.vocabulary)]:
            near = self.lines[max(cell.line - _LINES_OF_A_MAIL_HEAD, 0) : cell.line + _LINES_OF_A_MAIL_HEAD + 1]
            head = [
                other
                for line in near
                for other in line
                if _has_key(other, "mail", self.vocabulary) and other.cell.is_in_column_of(cell.cell)
            ]
            if any(_has_key(other, "mail_sender", self.vocabulary) for other in head):
                for other in head:
                    self._unlabel(other)

    def _drop_tables_of_contents(self) -> None:
        """Dots that lead, line by line, to small and growing numbers lead to pages."""
        lines = [(cell, number) for cell in self.labelled if (number := self._page_led_to(cell)) is not None]
        numbers = [number for _, number in lines]
        if len(lines) >= _LINES_OF_CONTENTS and numbers == sorted(numbers):
            for cell, _ in lines:
                self._unlabel(cell)

    def _page_led_to(self, cell: LabelledCell) -> int | None:
        if len(cell.labels) != 1 or not LEADERS.search(cell.cell.text):
            return None
        rest = cell.rest(0)
        texts = [rest.text] if rest else [other.cell.text for other in self.right_of(cell)]
        is_page = len(texts) == 1 and texts[0].isdecimal() and len(texts[0]) <= _FIGURES_OF_A_PAGE
        return int(texts[0]) if is_page else None

    def _unlabel(self, cell: LabelledCell) -> None:
        self.lines[cell.line][cell.number] = cell._replace(labels=())


def _has_key(cell: LabelledCell, group: str, vocabulary: Vocabulary) -> bool:
    return cell.begins_with_label and cell.labels[0].separated and vocabulary.is_other(group, cell.labels[0].key)
