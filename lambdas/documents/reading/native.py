"""
PDFium's functions for what is asked many times a page.

Declared with addresses for handles and for what is written to, so that ctypes makes no object of an argument: a call
costs half, and `map` asks for all of a page at once. They keep Python's lock, for none takes long; as PDFium itself,
they are for one thread at a time.
"""

from __future__ import annotations

import ctypes
from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pypdfium2_raw as pdfium

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from documents.reading.geometry import Box

_ADDRESS, _NUMBER = ctypes.c_void_p, ctypes.c_int
_BOX_BYTES = 16


def address_of(handle: Any) -> int:
    """The address that a handle of PDFium stands for."""
    return ctypes.cast(handle, _ADDRESS).value or 0


def _declared(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    declared: Callable[..., Any] = ctypes.PYFUNCTYPE(result, *arguments)(address_of(function))
    return declared


object_of = _declared(pdfium.FPDFText_GetTextObject, _ADDRESS, _ADDRESS, _NUMBER)
is_generated = _declared(pdfium.FPDFText_IsGenerated, _NUMBER, _ADDRESS, _NUMBER)
font_size = _declared(pdfium.FPDFText_GetFontSize, ctypes.c_double, _ADDRESS, _NUMBER)
object_at = _declared(pdfium.FPDFPage_GetObject, _ADDRESS, _ADDRESS, _NUMBER)
object_in = _declared(pdfium.FPDFFormObj_GetObject, _ADDRESS, _ADDRESS, ctypes.c_ulong)
type_of = _declared(pdfium.FPDFPageObj_GetType, _NUMBER, _ADDRESS)
clip_of = _declared(pdfium.FPDFPageObj_GetClipPath, _ADDRESS, _ADDRESS)
count_clips = _declared(pdfium.FPDFClipPath_CountPaths, _NUMBER, _ADDRESS)
render_mode = _declared(pdfium.FPDFTextObj_GetTextRenderMode, _NUMBER, _ADDRESS)
_text = _declared(pdfium.FPDFText_GetText, _NUMBER, _ADDRESS, _NUMBER, _NUMBER, _ADDRESS)
_bounded_text = _declared(pdfium.FPDFText_GetBoundedText, _NUMBER, _ADDRESS, *[ctypes.c_double] * 4, _ADDRESS, _NUMBER)
_loose_box = _declared(pdfium.FPDFText_GetLooseCharBox, _NUMBER, _ADDRESS, _NUMBER, _ADDRESS)
_origin = _declared(pdfium.FPDFText_GetCharOrigin, _NUMBER, _ADDRESS, _NUMBER, _ADDRESS, _ADDRESS)
_matrix = _declared(pdfium.FPDFText_GetMatrix, _NUMBER, _ADDRESS, _NUMBER, _ADDRESS)
_fill = _declared(pdfium.FPDFPageObj_GetFillColor, _NUMBER, *[_ADDRESS] * 5)
_draw_mode = _declared(pdfium.FPDFPath_GetDrawMode, _NUMBER, *[_ADDRESS] * 3)
_bounds = _declared(pdfium.FPDFPageObj_GetBounds, _NUMBER, *[_ADDRESS] * 5)


def _start_of(values: bytearray) -> int:
    # An array of ctypes would be of a type of its own for each length, which costs more than filling it.
    return ctypes.addressof(ctypes.c_char.from_buffer(values)) if values else 0


def _places(values: Any) -> list[int]:
    start, size = ctypes.addressof(values), ctypes.sizeof(values) // len(values)
    return [start + index * size for index in range(len(values))]


_point, _floats, _colour, _modes = (
    (ctypes.c_double * 2)(),
    (ctypes.c_float * 6)(),
    (ctypes.c_uint * 4)(),
    (ctypes.c_int * 2)(),
)
_to_point, _to_floats, _to_colour, _to_modes = map(_places, (_point, _floats, _colour, _modes))


def text_of(text_page: int, count: int) -> str:
    """The first characters of a page; those beyond U+FFFF are of two."""
    values = bytearray(2 * count + 2)
    written = _text(text_page, 0, count, _start_of(values)) - 1
    return values[: 2 * max(written, 0)].decode("utf-16-le", "surrogatepass")


def bounded_text(text_page: int, left: float, top: float, right: float, bottom: float) -> str:
    """The text within a box."""
    count = _bounded_text(text_page, left, top, right, bottom, None, 0)
    values = bytearray(2 * max(count, 0))
    _bounded_text(text_page, left, top, right, bottom, _start_of(values), count)
    return values.decode("utf-16-le", "replace").rstrip("\0")


def loose_boxes(text_page: int, indexes: Sequence[int]) -> list[Box]:
    """Of characters, from where each begins to where the next does: left, bottom, right, top."""
    values = bytearray(len(indexes) * _BOX_BYTES)
    start = _start_of(values)
    places = range(start, start + len(values), _BOX_BYTES)
    deque(map(_loose_box, repeat(text_page), indexes, places), maxlen=0)
    each = iter(memoryview(values).cast("f").tolist())
    return [(left, bottom, right, top) for left, top, right, bottom in zip(each, each, each, each, strict=True)]


def origin(text_page: int, index: int) -> tuple[float, float]:
    """The point on its line at which a character begins."""
    _origin(text_page, index, *_to_point)
    return _point[0], _point[1]


def matrix(text_page: int, index: int) -> tuple[float, float, float, float]:
    """How a character is turned and scaled: a, b, c and d of its matrix."""
    _matrix(text_page, index, _to_floats[0])
    across, up, c, d, _, _ = _floats
    return across, up, c, d


def bounds(item: int) -> Box:
    _bounds(item, *_to_floats[:4])
    left, bottom, right, top, _, _ = _floats
    return left, bottom, right, top


def fill_colour(item: int) -> tuple[int, int, int, int] | None:
    """Red, green, blue and alpha, from 0 to 255; None of what has no colour."""
    if not _fill(item, *_to_colour):
        return None
    red, green, blue, alpha = _colour
    return red, green, blue, alpha


def is_filled(path: int) -> bool:
    return bool(_draw_mode(path, *_to_modes)) and _modes[0] != pdfium.FPDF_FILLMODE_NONE
