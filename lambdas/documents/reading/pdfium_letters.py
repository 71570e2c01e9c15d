"""The letters of a page as PDFium tells them: what they are, where they stand, and which of them are seen."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import pypdfium2_raw as pdfium

from documents.reading.geometry import shown
from documents.reading.native import (
    address_of,
    fill_colour,
    font_size,
    is_generated,
    loose_boxes,
    matrix,
    object_of,
    origin,
    render_mode,
    text_of,
)
from documents.reading.pdfium_drawings import is_clipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from documents.reading.geometry import Box
    from documents.reading.pdfium_drawings import Drawn, PageObjects


_UPRIGHT = math.sin(math.radians(6))
_SLANTED = -1
_WHITE = 230
_SAME_HEIGHT = 0.1
_LEAST_SIZE = 1.0
_REWRITTEN = str.maketrans({"\u00ad": "", "\u200b": "", "\u2060": "", "\ufeff": "", "\x02": "-"})
_UNUSUAL = re.compile("[^ -~\r\n]")
_MEANINGLESS = re.compile("[\0-\x1f\x7f-\x9f\ud800-\uf8ff\ufffd-\uffff]")
_LINES, _RUNS = re.compile(r"\S(?:[^\r\n]*[^\r\n\s])?"), re.compile(r"\S+")

# In parts of the letters' size: what is further apart is two words. Where PDFium sees a space, less is enough.
LETTER_GAP, SPACE = 0.2, 0.15


class Letters(NamedTuple):
    """
    Characters of one text object in one place: `left` to `right` is their advance, `base` the line that they stand on.

    `reach` is how far from what is before them, in parts of their size, they still go on with it: not at all where a
    space is drawn before them.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    reach: float
    item: int


class Style(NamedTuple):
    """
    What all letters of one text object have in common.

    `needs_drawing`: only a drawing of the page tells whether they are seen. `needs_image`: they are invisible, and
    are text only where a program that reads scans has laid them over an image.
    """

    size: float
    turn: int
    needs_drawing: bool
    needs_image: bool

    @property
    def is_sure(self) -> bool:
        """Whether the letters are upright, and seen wherever they are on the page."""
        return not (self.turn or self.needs_drawing or self.needs_image) and self.size >= _LEAST_SIZE


@dataclass(frozen=True)
class Surroundings:
    """The rest of a page that decides on its letters."""

    box: Box
    objects: PageObjects
    drawn: Drawn
    layers: bool
    """Whether text may be on a layer that is off, so that only a drawing of the page tells what is seen."""


@dataclass
class PageLetters:
    """
    The seen letters of a page in the order of the file.

    Attributes:
        by_way: the letters by the way they run: quarters of a turn counted as a page's rotation, so that text that runs
            as the page is turned is upright; -1 for everything slanted.
        meaningless: how many others there are of which the font does not tell what they are.
        recognised: whether some are invisible over an image.
    """

    by_way: dict[int, list[Letters]] = field(default_factory=dict)
    meaningless: int = 0
    recognised: bool = False

    def way_of_most(self, otherwise: int) -> int:
        ways = [way for way, found in self.by_way.items() if found and way != _SLANTED]
        if len(ways) <= 1:
            return ways[0] if ways else otherwise
        return max(ways, key=lambda way: sum(len(letters.text) for letters in self.by_way[way]))


def letters_of(text_page: Any, surroundings: Surroundings) -> PageLetters:
    return _TextReader(text_page, surroundings).read()


def _turned(box: Box, base: tuple[float, float], turn: int, page: Box) -> tuple[float, float, float]:
    if turn <= 0:
        return box[0] - page[0], box[2] - page[0], page[3] - base[1]
    left, _top, right, _bottom = shown(box, turn, page)
    return left, right, (base[0] - page[0], base[1] - page[1], page[2] - base[0])[turn - 1]


def _is_seen(box: Box, style: Style, item: int, surroundings: Surroundings) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    if not _is_in(x, y, surroundings.box):
        return False
    if style.needs_image:
        return any(_is_in(x, y, image) for image in surroundings.objects.images)
    if surroundings.objects.may_cover(item, x, y) and not surroundings.drawn.shows_covered(box):
        return False
    return style.size >= _LEAST_SIZE and (not style.needs_drawing or surroundings.drawn.shows(box))


def _is_in(x: float, y: float, box: Box) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


_Piece = tuple[int, int, int, float, bool]
"""
Characters of one object: where they start and end, the object's address, their reach, and whether they go on within a
word that is drawn letter by letter, or a line that is drawn as one.
"""


class _TextReader:
    """
    Reads what stands between the spaces of a page's text.

    A call of PDFium costs more than all that is done with its answer, so it is asked for places only where words
    begin and end; for each letter only where a file draws letters one by one.
    """

    def __init__(self, text_page: Any, surroundings: Surroundings) -> None:
        self._page, self._address, self._surroundings = text_page, address_of(text_page), surroundings
        self._known, self._height, self._origin = 0, 0.0, (0.0, 0.0)
        self._style = Style(1.0, 0, needs_drawing=False, needs_image=False)
        self._is_sure = False
        self._found = PageLetters()

    def read(self) -> PageLetters:
        text = self._text()
        pieces = self._pieces(text)
        firsts = loose_boxes(self._address, [start for start, *_ in pieces])
        lasts = iter(loose_boxes(self._address, [end - 1 for start, end, *_ in pieces if end - start > 1]))
        is_usual, add = _UNUSUAL.search(text) is None, self._found.by_way.setdefault(0, []).append
        x0, y0, x1, y1 = self._surroundings.box
        known, known_bottom, base, size, sure, turned = 0, 0.0, 0.0, 1.0, False, False
        for (start, end, item, reach, within), box in zip(pieces, firsts, strict=True):
            left, bottom, right, top = box
            if item != known or turned or (bottom != known_bottom and not (within and sure and is_usual)):
                self._look_at(start, item, top - bottom, within=within)
                known, known_bottom, base, size = item, bottom, y1 - self._origin[1], self._style.size
                sure, turned = self._is_sure, self._style.turn != 0
            last = next(lasts) if end - start > 1 else box
            run = text[start:end]
            if sure and (is_usual or (run.isascii() and run.isprintable())):
                left, right = min(left, last[0]), max(right, last[2])
                if x0 <= (left + right) / 2 <= x1 and y0 <= (bottom + top) / 2 <= y1:
                    add(Letters(run, left - x0, right - x0, base, size, reach, item))
            else:
                box = (min(left, last[0]), min(bottom, last[1]), max(right, last[2]), max(top, last[3]))  # noqa: PLW2901
                self._add(run, box, reach, item)
        return self._found

    def _pieces(self, text: str) -> list[_Piece]:
        """The runs between spaces; of one in which several objects are, each letter."""
        lines = [line.span() for line in _LINES.finditer(text)]
        firsts = self._objects(start for start, _ in lines)
        lasts = self._objects(end - 1 for _, end in lines)
        found: list[_Piece] = []
        for (begin, finish), first, last in zip(lines, firsts, lasts, strict=True):
            if not first or first != last:
                found.extend(self._of_several(text, begin, finish))
                continue
            reach = self._reach(text, begin)
            for run in _RUNS.finditer(text, begin, finish):
                start, end = run.span()
                found.append((start, end, first, reach, start > begin))
                reach = SPACE
        return found

    def _of_several(self, text: str, begin: int, finish: int) -> Iterator[_Piece]:
        runs = [run.span() for run in _RUNS.finditer(text, begin, finish)]
        firsts = self._objects(start for start, _ in runs)
        lasts = self._objects(end - 1 for _, end in runs)
        for (start, end), first, last in zip(runs, firsts, lasts, strict=True):
            reach = self._reach(text, start)
            if first and first == last:
                yield start, end, first, reach, False
                continue
            for index, item in enumerate(self._objects(range(start, end)), start):
                if item:
                    yield index, index + 1, item, reach, index > start
                    reach = LETTER_GAP

    def _objects(self, indexes: Iterable[int]) -> Iterable[int]:
        """The addresses of the text objects that characters are of; None of those that PDFium adds itself."""
        return map(object_of, repeat(self._address), indexes)

    def _reach(self, text: str, start: int) -> float:
        """PDFium makes line ends up itself, and a space where there is a gap."""
        if start == 0:
            return 0.0
        if text[start - 1] == "\n":
            return LETTER_GAP
        return SPACE if is_generated(self._address, start - 1) else 0.0

    def _text(self) -> str:
        """One character for each that PDFium counts."""
        count = pdfium.FPDFText_CountChars(self._page)
        text = text_of(self._address, count)
        if len(text) == count:
            return text
        return "".join(chr(pdfium.FPDFText_GetUnicode(self._page, index)) for index in range(count))

    def _look_at(self, start: int, item: int, height: float, *, within: bool) -> None:
        """Letters of one object differ in nothing but their places; nor do those of one word that are as high."""
        if item != self._known and not (within and abs(height - self._height) <= _SAME_HEIGHT * self._height):
            self._style, self._height = self._style_of(start, item), height
            self._is_sure = self._style.is_sure and not self._surroundings.objects.covers
        self._known, self._origin = item, origin(self._address, start)

    def _add(self, text: str, box: Box, reach: float, item: int) -> None:
        if not text.isascii() or not text.isprintable():
            text, count = _MEANINGLESS.subn("", text.translate(_REWRITTEN))
            self._found.meaningless += count
        style = self._style
        if text and _is_seen(box, style, item, self._surroundings):
            left, right, line = _turned(box, self._origin, style.turn, self._surroundings.box)
            letters = Letters(text, left, right, line, style.size, reach, item)
            self._found.by_way.setdefault(style.turn, []).append(letters)
            self._found.recognised = self._found.recognised or style.needs_image

    def _style_of(self, index: int, item: int) -> Style:
        across, up, c, d = matrix(self._address, index)
        mode, colour = render_mode(item), fill_colour(item)
        is_pale = mode == pdfium.FPDF_TEXTRENDERMODE_FILL and (
            colour is None or colour[3] == 0 or min(colour[:3]) >= _WHITE
        )
        return Style(
            size=math.hypot(c, d) * font_size(self._address, index) or 1.0,
            turn=_way(across, up),
            needs_drawing=self._surroundings.layers or is_pale or is_clipped(item),
            needs_image=mode in (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP),
        )


def _way(across: float, up: float) -> int:
    """The quarter of a turn that is nearest to a direction; -1 where none is near."""
    near = _UPRIGHT * math.hypot(across, up)
    if abs(up) <= near:
        return 0 if across >= 0 else 2
    if abs(across) <= near:
        return 1 if up > 0 else 3
    return _SLANTED
