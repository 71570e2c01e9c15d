"""PDF files made object by object, so that a test says exactly what is in one."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PAGES, FONT, FIRST_PAGE = 2, 3, 10
"""Numbers of the tree of pages, of the font (Helvetica, as /F1), of the first page; a page has two numbers."""


@dataclass
class PdfFile:
    """
    A PDF with a page for each content.

    Attributes:
        contents: operators of each page; `text` makes them. Bytes are taken as they are, with `stream_entries`.
        objects: further objects by number, from 4 to 9 and from 1000.
        catalog, page_entries, resources: further entries of the catalog, of all pages, of their resources.
    """

    contents: Sequence[str | bytes]
    objects: Mapping[int, bytes] = field(default_factory=dict)
    catalog: str = ""
    page_entries: str = ""
    resources: str = ""
    count: int | None = None

    def to_bytes(self) -> bytes:
        return _file({**self._tree(), **self.objects})

    def _tree(self) -> dict[int, bytes]:
        numbers = range(FIRST_PAGE, FIRST_PAGE + 2 * len(self.contents), 2)
        kids = " ".join(f"{number} 0 R" for number in numbers)
        tree = {
            1: f"<</Type/Catalog/Pages {PAGES} 0 R{self.catalog}>>".encode(),
            PAGES: f"<</Type/Pages/Kids[{kids}]/Count {self.count or len(self.contents)}>>".encode(),
            FONT: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        }
        for number, content in zip(numbers, self.contents, strict=True):
            tree[number] = (
                f"<</Type/Page/Parent {PAGES} 0 R/MediaBox[0 0 600 800]/Contents {number + 1} 0 R"
                f"/Resources<</Font<</F1 {FONT} 0 R>>{self.resources}>>{self.page_entries}>>"
            ).encode()
            tree[number + 1] = content if isinstance(content, bytes) else stream(content.encode("cp1252"))
        return tree


def text(*lines: str, left: float = 50, top: float = 750, size: float = 12, leading: float = 16) -> str:
    """Operators that write lines below each other."""
    written = " ".join(f"({line}) Tj T*" for line in lines)
    return f"BT /F1 {size} Tf {leading} TL {left} {top} Td {written} ET\n"


def stream(data: bytes, entries: str = "") -> bytes:
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(data), entries.encode(), data)


def packed(data: bytes) -> bytes:
    return stream(zlib.compress(data), "/Filter/FlateDecode")


def form(content: str, number: int = 1001) -> bytes:
    """A form that draws others, by the name /X those of an object of that number."""
    resources = f"/Resources<</XObject<</X {number} 0 R>>>>"
    return stream(content.encode(), f"/Type/XObject/Subtype/Form/BBox[0 0 600 800]{resources}")


def forms_within_forms(levels: int) -> bytes:
    """A small file whose only page is drawn from 2 ** levels forms."""
    forms = {1000 + level: form("/X Do /X Do", 1001 + level) for level in range(levels)}
    return PdfFile(["/X Do"], forms, resources="/XObject<</X 1000 0 R>>").to_bytes()


def image() -> bytes:
    """A grey dot."""
    return stream(b"\x80", "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8")


def updated(content: bytes, number: int, data: bytes) -> bytes:
    """The file with an incremental update that replaces one object."""
    before = content.rindex(b"startxref")
    previous = int(content[before:].split()[1])
    start = len(content)
    added = b"%d 0 obj\n%s\nendobj\n" % (number, data)
    table = b"xref\n%d 1\n%010d 00000 n \ntrailer\n<</Size 2000/Root 1 0 R/Prev %d>>\n" % (number, start, previous)
    return content + added + table + b"startxref\n%d\n%%%%EOF\n" % (start + len(added))


def _file(objects: Mapping[int, bytes]) -> bytes:
    found, places = b"%PDF-1.7\n", {}
    for number, data in sorted(objects.items()):
        places[number] = len(found)
        found += b"%d 0 obj\n%s\nendobj\n" % (number, data)
    rows = b"".join(b"%d 1\n%010d 00000 n \n" % (number, place) for number, place in places.items())
    end = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, len(found))
    return found + b"xref\n0 1\n0000000000 65535 f \n" + rows + end
