"""Values of several lines whose key stands beside the middle of them, as the rows of some tables are set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from documents.reading.continuation import Whole, stands_beside_a_key

if TYPE_CHECKING:
    from documents.reading.labelled import LabelledCell, LabelledPage

_MAX_LINES = 5
_EDGE = 0.6
_LINE_PITCH = 2.2
_SAME_PITCH = 1.25


class CentredValues:
    """The values of a page's keys that begin above the line of their key."""

    def __init__(self, page: LabelledPage) -> None:
        self._page = page
        keys = [cell for cell in page.labelled if cell.is_label and cell.number == 0]
        self._found = {(key.line, key.number): found for key in keys if (found := self._whole(key)) is not None}
        self._columns = [key.cell.left for key in keys if (key.line, key.number) in self._found]

    def value_of(self, key: LabelledCell) -> Whole | None:
        """
        The whole value; None where the key stands beside its first line, as elsewhere.

        It is unclear where the lines above are not as many as those below, or where the rows of such a table stand too
        close to tell which line is of which.
        """
        found = self._found.get((key.line, key.number))
        if found or not any(abs(left - key.cell.left) <= _EDGE * key.cell.size for left in self._columns):
            return found
        value = self._level(key)
        near = value and (self._near(key, value, -1, anyones=True) or self._near(key, value, 1))
        return Whole("", is_clear=False) if near else None

    def _level(self, key: LabelledCell) -> LabelledCell | None:
        return next(iter(self._page.right_of(key)), None)

    def _whole(self, key: LabelledCell) -> Whole | None:
        value = self._level(key)
        upper, lower = self._near(key, value, -1), self._near(key, value, 1)
        if upper is None or (value is None and lower is None):
            return None
        above, below = self._lines(key, upper, -1), [] if lower is None else self._lines(key, lower, 1)
        if above is None or below is None:
            return None
        lines = [*reversed(above), *([value] if value else []), *below]
        rise, fall = key.cell.middle - lines[0].cell.middle, lines[-1].cell.middle - key.cell.middle
        is_clear = len(above) == len(below) and abs(rise - fall) <= _EDGE * key.cell.size
        return Whole(" ".join(line.cell.text for line in lines), is_clear=is_clear)

    def _near(
        self, key: LabelledCell, value: LabelledCell | None, step: int, *, anyones: bool = False
    ) -> LabelledCell | None:
        """The line of the value next to that of its key, above (-1) or below; of another key too with `anyones`."""
        if not 0 <= key.line + step < len(self._page.lines):
            return None
        line = self._page.lines[key.line + step]
        beside = [each for each in line if each.cell.left > key.cell.right]
        if not beside or beside[0].labels or (len(line) > len(beside) and not anyones):
            return None
        limit = _LINE_PITCH * key.cell.size / (1 if value else 2)
        is_close = abs(beside[0].cell.middle - key.cell.middle) <= limit
        is_in_column = value is None or abs(beside[0].cell.left - value.cell.left) <= _EDGE * key.cell.size
        return beside[0] if is_close and is_in_column else None

    def _lines(self, key: LabelledCell, first: LabelledCell, step: int) -> list[LabelledCell] | None:
        """The lines from the first one on, each as close to the next; None where they begin beside another key."""
        found, pitch = [first], abs(first.cell.middle - key.cell.middle)
        if self._level(key) is None:
            pitch *= 2
        for line in self._page.lines[first.line + step :: step] if first.line + step >= 0 else ():
            column = [each for each in line if abs(each.cell.left - first.cell.left) <= _EDGE * first.cell.size]
            if not column or abs(column[0].cell.middle - found[-1].cell.middle) > _SAME_PITCH * pitch:
                break
            if column[0].labels or stands_beside_a_key(self._page, column[0]):
                return None if step < 0 else found
            found.append(column[0])
            if len(found) == _MAX_LINES:
                break
        return found
