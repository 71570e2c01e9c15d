"""The letters of a page as PDFium tells them: what they are, where they stand, and which of them are seen."""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pypdfium2_raw as pdfium

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from documents.reading.pdfium_drawings import Drawn

_UPRIGHT_DEGREES = 6
_SLANTED = -1
_WHITE = 245
_NOT_SEEN = frozenset("\u00ad\u200b\u2060\ufeff")
_HYPHEN, _END_OF_LINE_HYPHEN = "-", 2
_MEANINGLESS = re.compile("[\0-\x1f\x7f-\x9f\ud800-\uf8ff\ufffd-\uffff]")

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in the coordinates of the page."""


class Letter(NamedTuple):
    """
    A character where it is shown: `left` to `right` is its advance, `base` the line that it stands on.

    `follows` tells that it belongs to the letter before it without a space between them, if it stands near enough.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    follows: bool
    item: int


@dataclass(frozen=True)
class Style:
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
    images: Sequence[Box]
    drawn: Drawn
    layers: bool
    """Whether text may be on a layer that is off, so that only a drawing of the page tells what is seen."""


@dataclass
class Letters:
    """
    The seen letters of a page in the order of the file.

    Attributes:
        by_way: the letters by the way they run: quarters of a turn counted as a page's rotation, so that text that runs
            as the page is turned is upright; -1 for everything slanted.
        meaningless: how many others there are of which the font does not tell what they are.
        recognised: whether some are invisible over an image.
    """

    by_way: dict[int, list[Letter]] = field(default_factory=dict)
    meaningless: int = 0
    recognised: bool = False

    def way_of_most(self, otherwise: int) -> int:
        ways = Counter({way: len(found) for way, found in self.by_way.items() if way != _SLANTED})
        return ways.most_common(1)[0][0] if ways else otherwise


def letters_of(text_page: Any, surroundings: Surroundings) -> Letters:
    found = Letters()
    follows = False
    for char, box, base, item, style in _raw(text_page, surroundings):
        if not char or char in _NOT_SEEN:
            continue
        if char.isspace():
            follows = False
            continue
        if _MEANINGLESS.match(char):
            found.meaningless += 1
            continue
        if not _is_seen(box, style, surroundings):
            follows = False
            continue
        left, right, line = _turned(box, base, style.turn, surroundings.box)
        letter = Letter(char, left, right, line, style.size, follows, item)
        found.by_way.setdefault(style.turn, []).append(letter)
        found.recognised = found.recognised or style.needs_image
        follows = True
    return found


def size_as_shown(box: Box, turn: int) -> tuple[float, float]:
    width, height = box[2] - box[0], box[3] - box[1]
    return (height, width) if turn % 2 else (width, height)


def shown(box: Box, turn: int, page: Box) -> Box:
    """Left, top, right, bottom as shown of a box in the page's coordinates."""
    left, bottom, right, top = box
    x0, y0, x1, y1 = page
    return {
        0: (left - x0, y1 - top, right - x0, y1 - bottom),
        1: (bottom - y0, left - x0, top - y0, right - x0),
        2: (x1 - right, bottom - y0, x1 - left, top - y0),
        3: (y1 - top, x1 - right, y1 - bottom, x1 - left),
    }[turn % 4]


def _turned(box: Box, base: tuple[float, float], turn: int, page: Box) -> tuple[float, float, float]:
    left, _top, right, _bottom = shown(box, max(turn, 0), page)
    x, y = base
    return left, right, (page[3] - y, x - page[0], y - page[1], page[2] - x)[max(turn, 0)]


def _is_seen(box: Box, style: Style, surroundings: Surroundings) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    if not _is_in(x, y, surroundings.box):
        return False
    if style.needs_image:
        return any(_is_in(x, y, image) for image in surroundings.images)
    return not style.needs_drawing or surroundings.drawn.shows(box)


def _is_in(x: float, y: float, box: Box) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


# A text object is told by its address: a number is compared faster than what ctypes makes of a pointer.
_object_of = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(
    ctypes.cast(pdfium.FPDFText_GetTextObject, ctypes.c_void_p).value or 0
)


def _raw(text_page: Any, surroundings: Surroundings) -> Iterator[tuple[str, Box, tuple[float, float], int, Style]]:
    """Each character that PDFium has not made up itself, with the style of its text object."""
    x, y, rect = ctypes.c_double(), ctypes.c_double(), pdfium.FS_RECTF()
    unicode, origin, loose = pdfium.FPDFText_GetUnicode, pdfium.FPDFText_GetCharOrigin, pdfium.FPDFText_GetLooseCharBox
    at_x, at_y, at_rect = ctypes.byref(x), ctypes.byref(y), ctypes.byref(rect)
    page = ctypes.cast(text_page, ctypes.c_void_p)
    known, style = None, None
    for index in range(pdfium.FPDFText_CountChars(text_page)):
        item = _object_of(page, index)
        if item is None:
            continue
        if item != known or style is None:
            known, style = item, _style_of(text_page, index, item, layers=surroundings.layers)
        code = unicode(text_page, index)
        origin(text_page, index, at_x, at_y)
        loose(text_page, index, at_rect)
        char = _HYPHEN if code == _END_OF_LINE_HYPHEN else chr(code)
        yield char, (rect.left, rect.bottom, rect.right, rect.top), (x.value, y.value), item, style


def _style_of(text_page: Any, index: int, item: int, *, layers: bool) -> Style:
    handle = ctypes.cast(item, pdfium.FPDF_PAGEOBJECT)
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(text_page, index, matrix)
    size = math.hypot(matrix.c, matrix.d) * pdfium.FPDFText_GetFontSize(text_page, index)
    degrees = math.degrees(math.atan2(matrix.b, matrix.a))
    quarter = round(degrees / 90)
    upright = abs(degrees - quarter * 90) <= _UPRIGHT_DEGREES
    mode = pdfium.FPDFTextObj_GetTextRenderMode(handle)
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    pdfium.FPDFPageObj_GetFillColor(handle, red, green, blue, alpha)
    filled = mode == pdfium.FPDF_TEXTRENDERMODE_FILL
    transparent = filled and alpha.value == 0
    white = filled and min(red.value, green.value, blue.value) >= _WHITE
    return Style(
        size=size or 1.0,
        turn=quarter % 4 if upright else _SLANTED,
        needs_drawing=transparent or white or layers,
        needs_image=mode in (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP),
    )
