"""What is on a page besides text: images and drawings, and whether a place of it shows anything at all."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import pypdfium2_raw as pdfium

if TYPE_CHECKING:
    from documents.reading.geometry import Box

_MAX_OBJECTS = 20_000
_INK = 24
_LONGER_SIDE = 1000


def images_and_drawings(page: Any) -> tuple[list[Box], int]:
    """The boxes of images, and of forms that have some, and how many paths there are; of 20,000 objects at most."""
    images: list[Box] = []
    drawings = 0
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    for index in range(min(pdfium.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        item = pdfium.FPDFPage_GetObject(page, index)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE or (kind == pdfium.FPDF_PAGEOBJ_FORM and _has_image(item)):
            pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top)
            images.append((left.value, bottom.value, right.value, top.value))
        elif kind in (pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING):
            drawings += 1
    return images, drawings


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
