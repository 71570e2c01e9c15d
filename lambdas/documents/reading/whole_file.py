"""
Whether all of a PDF file is there, by its bytes alone.

PDFium, like every viewer, makes what it can of a broken file without a word: of an update that is cut off it shows the
revision before, of a stream that does not unpack nothing. So that a part does not pass for the whole, this looks for
what it mends.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from documents.reading.weight import Weight
from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_START = re.compile(rb"startxref\s*(\d*)")
_TABLE = re.compile(rb"\s*(?:xref\b|\d+\s+\d+\s+obj\b)")
_OBJECT = re.compile(rb"(?:^|[\r\n])[ \t]*\d+[ \t]+\d+[ \t]+(?:obj\b|ob?\Z)")
_END_MARK = b"%%EOF"
_BEGUN_OBJECT = re.compile(rb"%%EOF\s*\d+[ \t]*(?:\d+[ \t]*)?o?\Z")
_TAIL_BYTES = 2048

_STREAM = re.compile(rb"(?<!end)stream(?:\r\n|\n|\r)")
_OBJECT_NUMBER = re.compile(rb"(\d+)\s+\d+\s+obj\b")
_LENGTH = re.compile(rb"/Length\s+(\d+)(?!\s+\d+\s+R)")
_FILTERS = re.compile(rb"/(?:Filter|F)\s*(\[[^\]]*\]|/[^\s/<>\[\]()]+)")
_FILTERS_ELSEWHERE = re.compile(rb"/Filter\s*(?:\[\s*)?\d")
_NAME = re.compile(rb"/([^\s/<>\[\]()]+)")
_NO_TEXT = re.compile(rb"/Subtype\s*/(?:Image|Type1C|CIDFontType0C|OpenType|XML)\b|/Length1\b|/Type\s*/XRef\b")
OBJECT_STREAM = b"/ObjStm"
_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
_ATTACHED = b"/EmbeddedFile"
_KNOWN_FILTERS = frozenset(
    b"FlateDecode Fl LZWDecode LZW ASCII85Decode A85 ASCIIHexDecode AHx RunLengthDecode RL DCTDecode DCT"
    b" CCITTFaxDecode CCF JBIG2Decode JPXDecode Crypt".split()
)
_MAX_HEAD, _MAX_NUMBERS = 65_536, 40
_MAX_UNPACKED = 50_000_000
_MAX_UNPACKED_TOGETHER = 500_000_000
_PIECE = 1 << 20


@dataclass
class Streams:
    """
    What the streams of a file tell.

    Attributes:
        damaged: numbers of the objects that do not unpack, other than images and fonts.
        page_objects: how many pages there are in all revisions together.
        has_layers: whether some of what is drawn may be switched off.
        has_bomb: whether one unpacks to more than 50 MB, and is no attached file.
        weight: what a page may be made of at most.
    """

    damaged: set[int] = field(default_factory=set)
    page_objects: int = 0
    has_layers: bool = False
    has_bomb: bool = False
    weight: Weight = field(default_factory=Weight)


def is_cut_off(content: bytes) -> bool:
    """
    Whether the end of the file, or of its last update, is missing.

    The end says where the table of contents is. A file without that line that has its end mark is whole; so is one
    without its end mark that has that line. Updated and web-optimised files have several, with objects between them.
    """
    starts = list(_START.finditer(content))
    if not starts:
        return _END_MARK not in content[-_TAIL_BYTES:]
    last = starts[-1]
    after = content[last.end() :]
    if _OBJECT.search(after) or _BEGUN_OBJECT.search(after):
        return True
    if _END_MARK in after[:64]:
        return False
    return not _leads_to_a_table(content, last[1]) if last[1] else not after.strip()


def with_end_mark(content: bytes) -> bytes:
    """The file with its end mark: without it, PDFium shows the revision before the last."""
    starts = list(_START.finditer(content))
    if not starts or _END_MARK in content[starts[-1].end() :]:
        return content
    return content[: starts[-1].end()] + b"\n" + _END_MARK + b"\n"


def refuse_cut_off_pdf(content: bytes) -> None:
    """Raises `NonRetryableError` for a PDF whose end, or that of its last update, is missing."""
    if is_cut_off(content):
        raise NonRetryableError(
            f"The PDF is cut off: its end, or that of its last update, is missing after {len(content):,} bytes."
            " The upload, or the copy it was made from, was interrupted. Upload the whole file again."
        )


def has_wrong_table(content: bytes) -> bool:
    """Whether the file says of no place, or of a wrong one, that its table of contents stands there."""
    starts = _START.findall(content)
    return not starts or not _leads_to_a_table(content, starts[-1])


def _leads_to_a_table(content: bytes, digits: bytes) -> bool:
    if not digits or len(digits) > 15:  # noqa: PLR2004  # no file is as long
        return False
    header = max(content.find(b"%PDF-", 0, 1024), 0)
    return any(_TABLE.match(content, int(digits) + offset) for offset in {0, header})


def inspect_streams(content: bytes) -> Streams:
    """Unpack all streams but images and fonts, 500 MB at most. Not for encrypted files: their streams are noise."""
    found = Streams(page_objects=len(_PAGE.findall(content)), has_layers=b"/OCProperties" in content)
    found.weight.add_objects(content)
    left = _MAX_UNPACKED_TOGETHER
    for number, head, data in streams(content):
        if _NO_TEXT.search(head) or left < 0:
            continue
        filters = [name for group in _FILTERS.findall(head)[:1] for name in _NAME.findall(group)]
        if _FILTERS_ELSEWHERE.search(head):
            found.weight.unseen = True
        elif not _KNOWN_FILTERS.issuperset(filters):
            found.damaged.add(number)
            found.weight.unseen = True
        elif filters[:1] in ([b"FlateDecode"], [b"Fl"]):
            unpacked = _unpack(data)
            if unpacked is None:
                found.damaged.add(number)
            else:
                left -= len(unpacked)
                _add_unpacked(found, head, unpacked, filters[1:])
        elif filters:
            found.weight.add_packed(len(data), filters)
        elif _ATTACHED not in head:
            found.weight.add(head, bytes(data))
    found.weight.unseen |= left < 0
    return found


def _add_unpacked(found: Streams, head: bytes, unpacked: bytes, filters: list[bytes]) -> None:
    """`filters`: what it still is packed with."""
    if len(unpacked) >= _MAX_UNPACKED and _ATTACHED not in head:
        found.has_bomb = True
    elif filters:
        found.weight.add_packed(len(unpacked), filters)
    elif OBJECT_STREAM in head:
        found.page_objects += len(_PAGE.findall(unpacked))
        found.has_layers = found.has_layers or b"/OCProperties" in unpacked
        found.weight.add_objects(unpacked)
    elif _ATTACHED not in head:
        found.weight.add(head, unpacked)


def streams(content: bytes) -> Iterator[tuple[int, bytes, memoryview]]:
    """Number, dictionary and packed bytes of each stream."""
    view, at = memoryview(content), 0
    while match := _STREAM.search(content, at):
        before, at = at, match.end()
        start = at
        head = content[max(match.start() - _MAX_HEAD, before) : match.start()]
        if not head.rstrip().endswith(b">>"):
            continue
        number = _last_object_number(head)
        if number is None:
            continue
        head = head[number.end() :]
        length = _LENGTH.search(head)
        end = start + int(length[1]) if length and len(length[1]) < 15 else -1  # noqa: PLR2004
        if end < 0 or not content[end : end + 16].lstrip().startswith(b"endstream"):
            end = content.find(b"endstream", start)
            end = len(content) if end < 0 else end
        yield int(number[1]), head, view[start:end]
        at = end


def _last_object_number(head: bytes) -> re.Match[bytes] | None:
    at = head.rfind(b"obj")
    while at >= 0:
        if numbers := list(_OBJECT_NUMBER.finditer(head, max(at - _MAX_NUMBERS, 0), at + 4)):
            return numbers[-1]
        at = head.rfind(b"obj", 0, at)
    return None


def _unpack(data: memoryview) -> bytes | None:
    """The first 50 MB of what is packed; None where it is damaged, or where nothing comes out of something."""
    unpacker = zlib.decompressobj()
    pieces: list[bytes] = []
    size: int = 0
    rest: bytes | memoryview = data
    try:
        while rest and not unpacker.eof and size < _MAX_UNPACKED:
            pieces.append(unpacker.decompress(rest, _PIECE))
            size += len(pieces[-1])
            rest = unpacker.unconsumed_tail
    except zlib.error:
        return None
    return b"".join(pieces) if size or unpacker.eof or not len(data) else None
