"""What is on a page besides text: images and drawings, and whether a place of it shows anything at all."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pypdfium2_raw as pdfium

if TYPE_CHECKING:
    from documents.reading.geometry import Box

_MAX_OBJECTS = 20_000
_MAX_COVERS, _LEAST_COVER = 500, 4.0
_MAX_CLIPS, _MAX_SEGMENTS, _CLOSE = 8, 100, 2.0
_INK = 24
_LONGER_SIDE = 1000


@dataclass
class PageObjects:
    """
    What a page is drawn from, in that order; of 20,000 objects at most.

    Attributes:
        images: the boxes of images, and of forms that have some.
        drawings: how many paths there are.
        covers: the places of filled paths that are drawn after text, with their boxes.
        order: the place of each text object, by its address.
    """

    images: list[Box] = field(default_factory=list)
    drawings: int = 0
    covers: list[tuple[int, Box]] = field(default_factory=list)
    order: dict[int, int] = field(default_factory=dict)

    def may_cover(self, text_object: int, x: float, y: float) -> bool:
        """Whether a filled path is drawn over a point of a text object."""
        place = self.order.get(text_object)
        return place is not None and any(
            place < after and left <= x <= right and bottom <= y <= top
            for after, (left, bottom, right, top) in self.covers
        )


# An address tells an object; ctypes would make a pointer of each.
_object_at = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(
    ctypes.cast(pdfium.FPDFPage_GetObject, ctypes.c_void_p).value or 0
)


def objects_of(page: Any) -> PageObjects:
    found, address = PageObjects(), ctypes.cast(page, ctypes.c_void_p)
    for place in range(min(pdfium.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        at = _object_at(address, place)
        item = ctypes.cast(at, pdfium.FPDF_PAGEOBJECT)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            found.order[at] = place
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE or (kind == pdfium.FPDF_PAGEOBJ_FORM and _has_image(item)):
            found.images.append(_bounds(item))
        elif kind in (pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING):
            found.drawings += 1
            if found.order and len(found.covers) < _MAX_COVERS and _is_filled(item):
                left, bottom, right, top = _bounds(item)
                if right - left >= _LEAST_COVER and top - bottom >= _LEAST_COVER:
                    found.covers.append((place, (left, bottom, right, top)))
    return found


def _is_filled(path: Any) -> bool:
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    return bool(pdfium.FPDFPath_GetDrawMode(path, mode, stroke)) and mode.value != pdfium.FPDF_FILLMODE_NONE


def _bounds(item: Any) -> Box:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top)
    return left.value, bottom.value, right.value, top.value


def is_clipped(item: Any) -> bool:
    """Whether a part of an object is outside of the paths that bound where it is drawn."""
    clip = pdfium.FPDFPageObj_GetClipPath(item)
    count = pdfium.FPDFClipPath_CountPaths(clip) if clip else 0
    if count <= 0:
        return False
    left, bottom, right, top = _bounds(item)
    for path in range(min(count, _MAX_CLIPS)):
        xs, ys = _points(clip, path)
        if xs and (
            left < min(xs) - _CLOSE or right > max(xs) + _CLOSE or bottom < min(ys) - _CLOSE or top > max(ys) + _CLOSE
        ):
            return True
    return False


def _points(clip: Any, path: int) -> tuple[list[float], list[float]]:
    x, y = ctypes.c_float(), ctypes.c_float()
    xs, ys = [], []
    for number in range(min(pdfium.FPDFClipPath_CountPathSegments(clip, path), _MAX_SEGMENTS)):
        pdfium.FPDFPathSegment_GetPoint(pdfium.FPDFClipPath_GetPathSegment(clip, path, number), x, y)
        xs.append(x.value)
        ys.append(y.value)
    return xs, ys


def _has_image(form: Any, depth: int = 0) -> bool:
    for index in range(min(pdfium.FPDFFormObj_CountObjects(form), 100)):
        item = pdfium.FPDFFormObj_GetObject(form, index)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            return True
        if kind == pdfium.FPDF_PAGEOBJ_FORM and depth < 4 and _has_image(item, depth + 1):  # noqa: PLR2004
            return True
    return False


def covered_share(images: list[Box], page: Box) -> float:
    """How much of the page its images cover, as if none lay over another; at most 1."""
    area = sum(
        max(min(right, page[2]) - max(left, page[0]), 0) * max(min(top, page[3]) - max(bottom, page[1]), 0)
        for left, bottom, right, top in images
    )
    return min(area / max((page[2] - page[0]) * (page[3] - page[1]), 1e-6), 1.0)


class Drawn:
    """The page as it is shown, drawn when first asked for: layers that are off are not on it."""

    def __init__(self, page: Any, box: Box) -> None:
        self._page, self._box = page, box
        width, height = max(box[2] - box[0], 1.0), max(box[3] - box[1], 1.0)
        self._scale = min(_LONGER_SIDE / max(width, height), 3.0)
        self._width, self._height = max(int(width * self._scale), 1), max(int(height * self._scale), 1)
        self._rows: bytes | None = None
        self._stride = 0

    def shows(self, box: Box) -> bool:
        """Whether what is drawn within the box has more than one shade."""
        rows = self._rows if self._rows is not None else self._draw()
        left, right = (int((x - self._box[0]) * self._scale) for x in (box[0], box[2]))
        top, bottom = (int((self._box[3] - y) * self._scale) for y in (box[3], box[1]))
        left, right = max(left, 0), min(right + 1, self._width)
        lines = range(max(top, 0), min(bottom + 1, self._height))
        shades = set().union(*(rows[line * self._stride + left : line * self._stride + right] for line in lines))
        return bool(shades) and max(shades) - min(shades) > _INK

    def _draw(self) -> bytes:
        # A page is drawn as its own coordinates have it, so that boxes need not be turned.
        turn = pdfium.FPDFPage_GetRotation(self._page)
        bitmap = pdfium.FPDFBitmap_CreateEx(self._width, self._height, pdfium.FPDFBitmap_Gray, None, 0)
        try:
            pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, self._width, self._height, 0xFFFFFFFF)
            pdfium.FPDF_RenderPageBitmap(bitmap, self._page, 0, 0, self._width, self._height, -turn % 4, 0)
            self._stride = pdfium.FPDFBitmap_GetStride(bitmap)
            size = self._stride * self._height
            self._rows = ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), size)
        finally:
            pdfium.FPDFBitmap_Destroy(bitmap)
        return self._rows
