"""What is on a page besides text: images and drawings, and whether a place of it shows anything at all."""

from __future__ import annotations

import ctypes
import itertools
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import pypdfium2_raw as pdfium

from documents.reading.native import (
    address_of,
    bounds,
    clip_of,
    count_clips,
    fill_colour,
    is_filled,
    object_at,
    object_in,
    type_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from documents.reading.geometry import Box

_MAX_OBJECTS = 20_000
_MAX_COVERS, _LEAST_COVER = 500, 4.0
_MAX_CLIPS, _MAX_SEGMENTS, _CLOSE = 8, 100, 2.0
_MAX_DEPTH = 5
_NO_COVERS = frozenset(
    {
        pdfium.FPDF_ANNOT_WIDGET,
        pdfium.FPDF_ANNOT_LINK,
        pdfium.FPDF_ANNOT_POPUP,
        pdfium.FPDF_ANNOT_TEXT,
        pdfium.FPDF_ANNOT_HIGHLIGHT,
        pdfium.FPDF_ANNOT_UNDERLINE,
        pdfium.FPDF_ANNOT_SQUIGGLY,
        pdfium.FPDF_ANNOT_STRIKEOUT,
    }
)
_INK, _NO_SHADE = 24, -1000
_LONGER_SIDE = 1000


class Placed(NamedTuple):
    """Something drawn: the how manieth it is, its box, and how light it is from 0 to 255; -1000 where none tells."""

    place: int
    box: Box
    shade: int

    def may_hide(self, text: Placed) -> bool:
        return text.place < self.place or abs(text.shade - self.shade) <= _INK


@dataclass
class PageObjects:
    """
    What a page is drawn from, in that order; of 20,000 objects at most.

    Attributes:
        images: the boxes of images, and of forms that have some.
        drawings: how many paths there are.
        covers: what may hide text: all that is drawn after some, and what has a colour before it.
        texts: each text object, by its address: its place in the order, and the box of the form that it is in.
    """

    images: list[Box] = field(default_factory=list)
    drawings: int = 0
    covers: list[Placed] = field(default_factory=list)
    texts: dict[int, tuple[int, Box | None]] = field(default_factory=dict)

    def may_cover(self, text_object: int, x: float, y: float) -> bool:
        """Whether something that may hide a text object is drawn at a point of it."""
        item = self._placed.get(text_object)
        return item is not None and any(
            cover.may_hide(item) and cover.box[0] <= x <= cover.box[2] and cover.box[1] <= y <= cover.box[3]
            for cover in self.covers
        )

    def under_covers(self) -> list[int]:
        """The addresses of the text objects that something may hide."""
        return [
            at
            for at, item in self._placed.items()
            if any(cover.may_hide(item) and _meet(cover.box, item.box) for cover in self.covers)
        ]

    @cached_property
    def _placed(self) -> dict[int, Placed]:
        """The text objects with their boxes and colours, which matter only where something may cover them."""
        if not self.covers:
            return {}
        return {at: Placed(place, box or bounds(at), _shade(at)) for at, (place, box) in self.texts.items()}

    def add_image(self, box: Box) -> None:
        """Of several in one form, which all have its box, the first counts."""
        if not self.images or self.images[-1] is not box:
            self.images.append(box)

    def add_cover(self, place: int, box: Box, item: int | None = None) -> None:
        """
        `item`: what has a colour.

        Of more than 500 covers, the last is as large as all others together: a drawing tells what they hide.
        """
        if box[2] - box[0] < _LEAST_COVER or box[3] - box[1] < _LEAST_COVER:
            return
        shade = _NO_SHADE if item is None else _shade(item)
        is_paper = not self.texts and not 0 <= shade < 255 - _INK
        if is_paper:
            return
        if len(self.covers) == _MAX_COVERS:
            last, shade = self.covers.pop().box, _NO_SHADE
            box = (min(last[0], box[0]), min(last[1], box[1]), max(last[2], box[2]), max(last[3], box[3]))
        self.covers.append(Placed(place, box, shade))


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def objects_of(page: Any) -> PageObjects:
    found, address = PageObjects(), address_of(page)
    places = itertools.count()
    for at in map(object_at, repeat(address), range(min(pdfium.FPDFPage_CountObjects(page), _MAX_OBJECTS))):
        _add(found, at, None, places)
    for box in _annotations_of(page):
        found.add_cover(next(places), box)
    return found


def _add(found: PageObjects, at: int, form: Box | None, places: Iterator[int], depth: int = 0) -> None:
    """`form`: the box of the form on the page that the object is in."""
    place, kind = next(places), type_of(at)
    if place >= _MAX_OBJECTS:
        return
    if kind == pdfium.FPDF_PAGEOBJ_TEXT:
        found.texts[at] = (place, form)
    elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
        box = form or bounds(at)
        found.add_cover(place, box)
        found.add_image(box)
    elif kind in (pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING):
        found.drawings += not depth
        if is_filled(at):
            found.add_cover(place, form or bounds(at), at)
    elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _MAX_DEPTH:
        box, count = form or bounds(at), pdfium.FPDFFormObj_CountObjects(ctypes.cast(at, pdfium.FPDF_PAGEOBJECT))
        for each in map(object_in, repeat(at), range(min(count, _MAX_OBJECTS))):
            _add(found, each, box, places, depth + 1)


def _annotations_of(page: Any) -> Iterator[Box]:
    """The places of what is laid over a page and may hide it: no fields, links and marks of text."""
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation, rect = pdfium.FPDFPage_GetAnnot(page, index), pdfium.FS_RECTF()
        if annotation:
            if pdfium.FPDFAnnot_GetSubtype(annotation) not in _NO_COVERS:
                pdfium.FPDFAnnot_GetRect(annotation, rect)
                yield rect.left, rect.bottom, rect.right, rect.top
            pdfium.FPDFPage_CloseAnnot(annotation)


def _shade(item: int) -> int:
    colour = fill_colour(item)
    return _NO_SHADE if colour is None else (30 * colour[0] + 59 * colour[1] + 11 * colour[2]) // 100


def is_clipped(item: int) -> bool:
    """Whether a part of an object is outside of the paths that bound where it is drawn."""
    at = clip_of(item)
    count = count_clips(at) if at else 0
    if count <= 0:
        return False
    clip = ctypes.cast(at, pdfium.FPDF_CLIPPATH)
    left, bottom, right, top = bounds(item)
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


def covered_share(images: list[Box], page: Box) -> float:
    """How much of the page its images cover, as if none lay over another; at most 1."""
    area = sum(
        max(min(right, page[2]) - max(left, page[0]), 0) * max(min(top, page[3]) - max(bottom, page[1]), 0)
        for left, bottom, right, top in images
    )
    return min(area / max((page[2] - page[0]) * (page[3] - page[1]), 1e-6), 1.0)


class Drawn:
    """The page as it is shown, drawn when first asked for: layers that are off are not on it."""

    def __init__(self, page: Any, box: Box, covered: Sequence[int] = ()) -> None:
        """`covered`: addresses of text objects that may be hidden by what is drawn over them."""
        self._page, self._box, self._covered = page, box, covered
        width, height = max(box[2] - box[0], 1.0), max(box[3] - box[1], 1.0)
        self._scale = min(_LONGER_SIDE / max(width, height), 3.0)
        self._width, self._height = max(int(width * self._scale), 1), max(int(height * self._scale), 1)
        self._stride = 0

    def shows(self, box: Box) -> bool:
        """Whether what is drawn within the box has more than one shade."""
        shades: set[int] = set().union(*(self._rows[start:end] for start, end in self._lines(box)))
        return bool(shades) and max(shades) - min(shades) > _INK

    def shows_covered(self, box: Box) -> bool:
        """Whether the page would look otherwise within the box without the texts that may be hidden."""
        return any(
            abs(one - other) > _INK
            for start, end in self._lines(box, inset=1)
            if self._rows[start:end] != self._rows_without[start:end]
            for one, other in zip(self._rows[start:end], self._rows_without[start:end], strict=True)
        )

    def _lines(self, box: Box, inset: int = 0) -> list[tuple[int, int]]:
        """From where to where the lines of a drawing are within the box."""
        _ = self._rows
        left, right = (int((x - self._box[0]) * self._scale) for x in (box[0], box[2]))
        top, bottom = (int((self._box[3] - y) * self._scale) for y in (box[3], box[1]))
        left, right = max(left + inset, 0), min(right + 1 - inset, self._width)
        lines = range(max(top + inset, 0), min(bottom + 1 - inset, self._height))
        return [(line * self._stride + left, line * self._stride + right) for line in lines if left < right]

    @cached_property
    def _rows(self) -> bytes:
        return self._draw()

    @cached_property
    def _rows_without(self) -> bytes:
        items = [ctypes.cast(at, pdfium.FPDF_PAGEOBJECT) for at in self._covered]
        try:
            for item in items:
                pdfium.FPDFPageObj_SetIsActive(item, 0)
            return self._draw()
        finally:
            for item in items:
                pdfium.FPDFPageObj_SetIsActive(item, 1)

    def _draw(self) -> bytes:
        # A page is drawn as its own coordinates have it, so that boxes need not be turned.
        turn = -pdfium.FPDFPage_GetRotation(self._page) % 4
        bitmap = pdfium.FPDFBitmap_CreateEx(self._width, self._height, pdfium.FPDFBitmap_Gray, None, 0)
        try:
            pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, self._width, self._height, 0xFFFFFFFF)
            pdfium.FPDF_RenderPageBitmap(bitmap, self._page, 0, 0, self._width, self._height, turn, pdfium.FPDF_ANNOT)
            self._stride = pdfium.FPDFBitmap_GetStride(bitmap)
            return ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), self._stride * self._height)
        finally:
            pdfium.FPDFBitmap_Destroy(bitmap)
