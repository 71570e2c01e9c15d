"""A PDF of many pages and bytes, object by object: the same bytes each time."""

from __future__ import annotations

_CATALOG, _PAGES, _FONT, _FILE, _ATTACHMENT, _FIRST = 1, 2, 3, 4, 5, 6


def big_pdf(pages: int, attachment: bytes) -> bytes:
    """So many pages with a line of text each, and an attached file."""
    kids = b" ".join(b"%d 0 R" % (_FIRST + 2 * number) for number in range(pages))
    objects = {
        _CATALOG: b"<</Type/Catalog/Pages %d 0 R/Names<</EmbeddedFiles<</Names[(scan.bin) %d 0 R]>>>>>>"
        % (_PAGES, _FILE),
        _PAGES: b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages),
        _FONT: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        _FILE: b"<</Type/Filespec/F(scan.bin)/EF<</F %d 0 R>>>>" % _ATTACHMENT,
        _ATTACHMENT: _stream(attachment, b"/Type/EmbeddedFile"),
    }
    for number in range(pages):
        page = _FIRST + 2 * number
        objects[page] = (
            b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 %d 0 R>>>>/Contents %d 0 R>>"
            % (_PAGES, _FONT, page + 1)
        )
        objects[page + 1] = _stream(b"BT /F1 12 Tf 50 780 Td (Page %d of this agreement) Tj ET" % (number + 1))
    return _file(objects)


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)


def _file(objects: dict[int, bytes]) -> bytes:
    pieces, rows, at = [b"%PDF-1.7\n"], [b"0000000000 65535 f \n"], len(b"%PDF-1.7\n")
    for number, data in objects.items():
        rows.append(b"%010d 00000 n \n" % at)
        pieces.append(b"%d 0 obj\n%s\nendobj\n" % (number, data))
        at += len(pieces[-1])
    table = b"xref\n0 %d\n%s" % (len(rows), b"".join(rows))
    end = b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(rows), _CATALOG, at)
    return b"".join([*pieces, table, end])
