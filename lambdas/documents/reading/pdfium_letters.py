"""The letters of a page as PDFium tells them: what they are, where they stand, and which of them are seen."""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pypdfium2_raw as pdfium

from documents.reading.geometry import shown
from documents.reading.pdfium_drawings import is_clipped

if TYPE_CHECKING:
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
        ways: Counter[int] = Counter()
        for way, found in self.by_way.items():
            if way != _SLANTED:
                ways[way] = sum(len(letters.text) for letters in found)
        return ways.most_common(1)[0][0] if ways else otherwise


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


# A text object is told by its address: a number is compared faster than what ctypes makes of a pointer.
_object_of = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(
    ctypes.cast(pdfium.FPDFText_GetTextObject, ctypes.c_void_p).value or 0
)


class _TextReader:
    """
    Reads what stands between the spaces of a page's text.

    A call of PDFium costs more than all that is done with its answer, so it is asked for places only where words
    begin and end; for each letter only where a file draws letters one by one.
    """

    def __init__(self, text_page: Any, surroundings: Surroundings) -> None:
        self._page, self._surroundings = text_page, surroundings
        self._address = ctypes.cast(text_page, ctypes.c_void_p)
        self._x, self._y, self._rect = ctypes.c_double(), ctypes.c_double(), pdfium.FS_RECTF()
        self._matrix = pdfium.FS_MATRIX()
        self._colour = [ctypes.c_uint() for _ in range(4)]
        self._known, self._height = 0, 0.0
        self._style = Style(1.0, 0, needs_drawing=False, needs_image=False)
        self._found = PageLetters()

    def read(self) -> PageLetters:
        text = self._text()
        is_plain = _UNUSUAL.search(text) is None and not self._surroundings.objects.covers
        for line in _LINES.finditer(text):
            first, last = _object_of(self._address, line.start()), _object_of(self._address, line.end() - 1)
            if first is None or first != last:
                self._of_several(text, line)
            elif is_plain and self._is_plain(line.start(), first):
                self._of_plain_object(text, line, first)
            else:
                self._of_one_object(text, line, first)
        return self._found

    def _is_plain(self, start: int, item: int) -> bool:
        """Whether the letters of a text object are upright, seen, and on one line."""
        if item != self._known:
            self._style, self._known, self._height = self._style_of(start, item), item, 0.0
        pdfium.FPDFText_GetCharOrigin(self._page, start, self._x, self._y)
        _left, bottom, _right, top = self._surroundings.box
        style = self._style
        is_sure = not (style.turn or style.needs_drawing or style.needs_image) and style.size >= _LEAST_SIZE
        return is_sure and bottom <= self._y.value <= top

    def _of_plain_object(self, text: str, line: re.Match[str], item: int) -> None:
        page, rect, box_of, size = self._page, self._rect, pdfium.FPDFText_GetLooseCharBox, self._style.size
        x0, _bottom, x1, top = self._surroundings.box
        base, add = top - self._y.value, self._found.by_way.setdefault(0, []).append
        reach = self._reach(text, line.start())
        for run in _RUNS.finditer(text, *line.span()):
            start, end = run.span()
            box_of(page, start, rect)
            left, right = rect.left, rect.right
            if end - start > 1:
                box_of(page, end - 1, rect)
                left, right = min(left, rect.left), max(right, rect.right)
            if x0 <= (left + right) / 2 <= x1:
                add(Letters(run[0], left - x0, right - x0, base, size, reach, item))
            reach = SPACE

    def _of_one_object(self, text: str, line: re.Match[str], item: int) -> None:
        reach = self._reach(text, line.start())
        for run in _RUNS.finditer(text, *line.span()):
            self._add(run[0], run.start(), run.end() - 1, item, reach)
            reach = SPACE

    def _of_several(self, text: str, line: re.Match[str]) -> None:
        for run in _RUNS.finditer(text, *line.span()):
            start, end = run.span()
            reach = self._reach(text, start)
            first, last = _object_of(self._address, start), _object_of(self._address, end - 1)
            if first is not None and first == last:
                self._add(run[0], start, end - 1, first, reach)
                continue
            for index in range(start, end):
                item = _object_of(self._address, index)
                if item is not None:
                    self._add(text[index], index, index, item, reach, within=index > start)
                    reach = LETTER_GAP

    def _reach(self, text: str, start: int) -> float:
        """PDFium makes line ends up itself, and a space where there is a gap."""
        if start == 0:
            return 0.0
        if text[start - 1] == "\n":
            return LETTER_GAP
        return SPACE if pdfium.FPDFText_IsGenerated(self._page, start - 1) else 0.0

    def _text(self) -> str:
        """One character for each that PDFium counts."""
        count = pdfium.FPDFText_CountChars(self._page)
        buffer = (ctypes.c_ushort * (count + 1))()
        written = pdfium.FPDFText_GetText(self._page, 0, count, buffer) - 1
        text = bytes(buffer)[: 2 * count].decode("utf-16-le", "surrogatepass")
        if written == count == len(text):
            return text
        return "".join(chr(pdfium.FPDFText_GetUnicode(self._page, index)) for index in range(count))

    def _add(self, text: str, start: int, last: int, item: int, reach: float, *, within: bool = False) -> None:
        pdfium.FPDFText_GetCharOrigin(self._page, start, self._x, self._y)
        rect = self._rect
        pdfium.FPDFText_GetLooseCharBox(self._page, start, rect)
        left, bottom, right, top = rect.left, rect.bottom, rect.right, rect.top
        if last != start:
            pdfium.FPDFText_GetLooseCharBox(self._page, last, rect)
            left, bottom = min(left, rect.left), min(bottom, rect.bottom)
            right, top = max(right, rect.right), max(top, rect.top)
        box = (left, bottom, right, top)
        if item != self._known:
            # Letters of one word that are as high as each other differ in nothing.
            if not within or abs(top - bottom - self._height) > _SAME_HEIGHT * self._height:
                self._style, self._height = self._style_of(start, item), top - bottom
            self._known = item
        if not text.isascii() or not text.isprintable():
            text, count = _MEANINGLESS.subn("", text.translate(_REWRITTEN))
            self._found.meaningless += count
        style = self._style
        if text and _is_seen(box, style, item, self._surroundings):
            left, right, line = _turned(box, (self._x.value, self._y.value), style.turn, self._surroundings.box)
            letters = Letters(text, left, right, line, style.size, reach, item)
            self._found.by_way.setdefault(style.turn, []).append(letters)
            self._found.recognised = self._found.recognised or style.needs_image

    def _style_of(self, index: int, item: int) -> Style:
        handle = ctypes.cast(item, pdfium.FPDF_PAGEOBJECT)
        matrix = self._matrix
        pdfium.FPDFText_GetMatrix(self._page, index, matrix)
        size = math.hypot(matrix.c, matrix.d) * pdfium.FPDFText_GetFontSize(self._page, index)
        mode = pdfium.FPDFTextObj_GetTextRenderMode(handle)
        pdfium.FPDFPageObj_GetFillColor(handle, *self._colour)
        red, green, blue, alpha = self._colour
        is_pale = mode == pdfium.FPDF_TEXTRENDERMODE_FILL and (
            alpha.value == 0 or min(red.value, green.value, blue.value) >= _WHITE
        )
        return Style(
            size=size or 1.0,
            turn=_way(matrix.a, matrix.b),
            needs_drawing=self._surroundings.layers or is_pale or is_clipped(handle),
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
