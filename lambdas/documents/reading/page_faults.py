"""
Which pages a damage concerns.

PDFium tells of no stream on which page it is, and of no page whether it is empty or could not be unpacked. So where a
file has such a damage, this follows its tree of pages, and from each page the objects that its text comes from.
"""

from __future__ import annotations

import itertools
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from documents.reading.whole_file import OBJECT_STREAM, streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from documents.reading.bounds import Bounds

_OBJECT = re.compile(rb"(?<!\d)(\d{1,9})\s+\d{1,5}\s+obj\b")
_END = re.compile(rb"\bstream\r?\n|\bendobj\b")
_REFERENCE = re.compile(rb"(?<!\d)(\d{1,9})\s+\d{1,5}\s+R\b")
_ROOT = re.compile(rb"/Root\s+(\d{1,9})\s+\d{1,5}\s+R\b")
_PAGES = re.compile(rb"/Pages\s+(\d{1,9})\s+\d{1,5}\s+R\b")
_KIDS = re.compile(rb"/Kids\s*(?:\[([^\]]*)\]|(\d{1,9}\s+\d{1,5}\s+R\b))")
_CONTENTS = re.compile(rb"/Contents\s*(?:\[([^\]]*)\]|(\d{1,9}\s+\d{1,5}\s+R\b))")
_RESOURCES = re.compile(rb"/Resources\s*(?:(\d{1,9}\s+\d{1,5}\s+R\b)|<<)")
_FORMS = re.compile(rb"/XObject\s*(?:(\d{1,9}\s+\d{1,5}\s+R\b)|<<(.*?)>>)", re.DOTALL)
_IS_FORM = re.compile(rb"/Subtype\s*/Form\b")
_OTHER_FILTERS = re.compile(rb"/Filter\s*(?!\s*(?:/(?:FlateDecode|Fl)\b|\[\s*/(?:FlateDecode|Fl)\s*\]))")
_FIRST, _COUNT = re.compile(rb"/First\s+(\d+)"), re.compile(rb"/N\s+(\d+)")
_MAX_DEPTH, _MAX_PAGES, _MAX_OBJECTS = 50, 20_000, 1_000_000
_MAX_UNPACKED = 50_000_000


@dataclass(frozen=True)
class PageFaults:
    """`pages`: numbers of those that lack something. `page_count`: how many there are by the tree of pages."""

    page_count: int
    pages: tuple[int, ...]


def find_page_faults(
    content: bytes, damaged: AbstractSet[int], empty: AbstractSet[int], bounds: Bounds
) -> PageFaults | None:
    """
    Look at the tree of pages; None where it cannot be followed.

    Args:
        content: the file, not encrypted.
        damaged: numbers of objects that do not unpack.
        empty: numbers of pages on which there is nothing; they are at fault where their content is not there.
        bounds: raises where that takes too long.
    """
    objects = _objects(content)
    pages = list(_pages(content, objects))
    if not pages:
        return None
    faulty = []
    for number, (page, resources) in enumerate(pages, 1):
        bounds.time()
        if (
            page is None
            or not damaged.isdisjoint(_text_objects(page, resources, objects))
            or (number in empty and _may_lack_content(page, objects))
        ):
            faulty.append(number)
    return PageFaults(len(pages), tuple(faulty))


def _may_lack_content(page: bytes, objects: Mapping[int, bytes]) -> bool:
    """Whether an empty page names content that is not there, or of which nobody has tried whether it unpacks."""
    contents = [objects.get(number) for number in _references(_CONTENTS, page, objects)]
    return any(content is None or _OTHER_FILTERS.search(content) for content in contents)


def _objects(content: bytes) -> dict[int, bytes]:
    """The newest revision of each object by its number, without its stream."""
    found: dict[int, bytes] = {}
    for _, head, data in streams(content):
        if OBJECT_STREAM in head and (first := _FIRST.search(head)) and (count := _COUNT.search(head)):
            found.update(_packed_objects(bytes(data), int(first[1]), int(count[1])))
    starts = itertools.islice(_OBJECT.finditer(content), _MAX_OBJECTS)
    # One ends at the latest where the next begins: no byte is looked at twice.
    for match, following in itertools.pairwise(itertools.chain(starts, [None])):
        last = following.start() if following else len(content)
        if match:
            end = _END.search(content, match.end(), last)
            found[int(match[1])] = content[match.end() : end.start() if end else last]
    return found


def _packed_objects(data: bytes, first: int, count: int) -> Iterator[tuple[int, bytes]]:
    try:
        unpacked = zlib.decompressobj().decompress(data, _MAX_UNPACKED)
    except zlib.error:
        return
    places = [int(figures) for figures in unpacked[:first].split()[: 2 * count] if figures.isdigit()]
    starts = sorted(zip(places[1::2], places[::2], strict=False))
    for (start, number), (end, _) in zip(starts, [*starts[1:], (len(unpacked), 0)], strict=True):
        yield number, unpacked[first + start : first + end]


def _pages(content: bytes, objects: Mapping[int, bytes]) -> Iterator[tuple[bytes | None, bytes]]:
    """Each page with its resources, in order; None for one that is named and not there."""
    roots = [root for match in _ROOT.finditer(content) if (root := int(match[1])) in objects]
    start = _PAGES.search(objects[roots[-1]]) if roots else None
    if start:
        yield from _below(int(start[1]), objects, b"", [], [0])


def _below(
    number: int, objects: Mapping[int, bytes], inherited: bytes, path: list[int], seen: list[int]
) -> Iterator[tuple[bytes | None, bytes]]:
    node = objects.get(number)
    seen[0] += 1
    if number in path or len(path) > _MAX_DEPTH or seen[0] > _MAX_PAGES:
        return
    if node is None:
        yield None, b""
        return
    resources = _resources(node, objects) or inherited
    if _KIDS.search(node) is None:
        yield node, resources
        return
    for kid in _references(_KIDS, node, objects):
        yield from _below(kid, objects, resources, [*path, number], seen)


def _references(entry: re.Pattern[bytes], node: bytes, objects: Mapping[int, bytes]) -> list[int]:
    """The objects that an entry names: in a list, which may be an object of its own, or one alone."""
    match = entry.search(node)
    if match is None:
        return []
    if match[1] is None:
        [number] = map(int, _REFERENCE.findall(match[2]))
        listed = objects.get(number, b"").strip()
        return list(map(int, _REFERENCE.findall(listed))) if listed.startswith(b"[") else [number]
    return list(map(int, _REFERENCE.findall(match[1])))


def _resources(node: bytes, objects: Mapping[int, bytes]) -> bytes:
    match = _RESOURCES.search(node)
    if match is None:
        return b""
    if match[1] is None:
        return node[match.end() :]
    return objects.get(int(match[1].split()[0]), b"")


def _text_objects(page: bytes, resources: bytes, objects: Mapping[int, bytes]) -> set[int]:
    """Numbers of the objects that a page's text comes from: its contents, and the forms in them."""
    found = set(_references(_CONTENTS, page, objects))
    todo = [resources]
    while todo:
        match = _FORMS.search(todo.pop())
        if match is None:
            continue
        named = match[2] if match[1] is None else objects.get(int(match[1].split()[0]), b"")
        for number in map(int, _REFERENCE.findall(named)):
            form = objects.get(number, b"")
            if number not in found and _IS_FORM.search(form):
                found.add(number)
                todo.append(_resources(form, objects))
    return found
