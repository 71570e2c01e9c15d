"""A document that is read was read whole, as its newest revision; or the reason says truly why not."""

from __future__ import annotations

import os
import re
import zlib
from io import BytesIO

import pypdf
import pytest

from documents.reading.bounds import HeavyDocumentError
from documents.reading.reader import PdfReader
from status_tracker import NonRetryableError
from tests.support.pdf_files import FIRST_PAGE, PdfFile, form, forms_within_forms, image, packed, stream, text, updated

INVOICE = text("Invoice number: INV-1", "Total: 5.00 EUR")
SCANNED = "q 600 0 0 800 0 0 cm /Im1 Do Q\n"
IMAGES = "/XObject<</Im1 4 0 R>>"
PROSE = [f"line {number} of what the parties have agreed upon today" for number in range(20)]


def read_text(content: bytes) -> str:
    return "\n".join(PdfReader().read(content).pages)


def reason(content: bytes, *, whole_only: bool = False) -> str:
    with pytest.raises(NonRetryableError) as refused:
        PdfReader(whole_only=whole_only).read(content)
    return str(refused.value)


def revised() -> bytes:
    content = PdfFile([INVOICE]).to_bytes()
    return updated(content, FIRST_PAGE + 1, stream(text("Invoice number: INV-1", "Total: 9,999.00 EUR").encode()))


def test_the_newest_revision_is_read() -> None:
    assert "9,999.00" in read_text(revised())


def test_an_update_that_is_cut_off_anywhere_never_passes_for_the_revision_before() -> None:
    whole, first = revised(), len(PdfFile([INVOICE]).to_bytes())
    for end in range(first + 1, len(whole)):
        try:
            found = read_text(whole[:end])
        except NonRetryableError as error:
            found = str(error)
        assert "9,999.00" in found or "The PDF is cut off" in found, whole[first:end]


def test_a_header_alone_is_cut_off() -> None:
    assert "cut off" in reason(b"%PDF-1.7\n")


def test_an_update_with_old_line_ends_that_is_cut_off() -> None:
    assert "cut off" in reason(PdfFile([INVOICE]).to_bytes() + b"\r11 0 obj\r<</Length 5>>\rstream\r")


def test_a_file_without_startxref_is_read_and_says_what_was_mended() -> None:
    content = PdfFile([INVOICE]).to_bytes()
    start = content.rindex(b"startxref")
    document = PdfReader().read(content[:start] + b"%%EOF\n")
    assert document.pages == ("Invoice number: INV-1\nTotal: 5.00 EUR",)
    assert document.warnings == ("The file's table of contents was missing or wrong, and was made anew.",)


@pytest.mark.parametrize("after", [b"<!-- 12 0 obj -->\n", b"\x00" * 3000, b"\r\n\r\n"])
def test_what_stands_behind_the_end_is_no_update(after: bytes) -> None:
    assert "5.00 EUR" in read_text(PdfFile([INVOICE]).to_bytes() + after)


@pytest.mark.parametrize(
    "broken",
    [
        packed(INVOICE.encode())[:-30] + b"\x00" * 19 + b"\nendstream",
        stream(INVOICE.encode(), "/Filter/NobodyKnowsDecode"),
    ],
)
def test_a_page_that_does_not_unpack_is_named_and_the_rest_is_read(broken: bytes) -> None:
    content = PdfFile([INVOICE, broken, text("the end")]).to_bytes()
    document = PdfReader().read(content)
    assert (document.pages[0], document.pages[2]) == ("Invoice number: INV-1\nTotal: 5.00 EUR", "the end")
    [warning] = document.warnings
    assert warning.startswith("Page 2 of 3 could not be read whole: the file is damaged there.")
    assert "Page 2 of 3 could not be read whole" in reason(content, whole_only=True)


def test_a_damaged_page_is_named_where_its_object_stands_behind_a_short_one() -> None:
    broken = stream(INVOICE.encode(), "/Filter/FlateDecode").replace(b"/Length %d" % len(INVOICE), b"/Length 1000 0 R")
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 1001 0 R>>"
    content = PdfFile([INVOICE, ""], {12: page, 1000: b"%d" % len(INVOICE), 1001: broken}).to_bytes()
    assert PdfReader().read(content).warnings[0].startswith("Page 2 of 2 could not be read whole")


def test_an_empty_page_is_no_damage() -> None:
    assert PdfReader().read(PdfFile([INVOICE, "", "q Q"]).to_bytes()).warnings == ()


def test_a_document_of_which_nothing_unpacks_is_damaged() -> None:
    assert reason(PdfFile([stream(INVOICE.encode(), "/Filter/NobodyKnowsDecode")]).to_bytes()).startswith(
        "The PDF is damaged"
    )


def test_a_page_that_is_claimed_and_not_there_is_named() -> None:
    document = PdfReader().read(PdfFile([INVOICE], count=2).to_bytes())
    assert document.warnings[0].startswith("Page 2 of 2 could not be read")


def test_pages_beyond_those_claimed_are_told() -> None:
    document = PdfReader().read(PdfFile([INVOICE, text("Total: 7")], count=1).to_bytes())
    assert "Page 2 of 2" in document.warnings[0]


@pytest.mark.parametrize("stamp", ["", text("Page 1 of 1"), text("RECEIVED 3 MAY", "No 12")])
def test_an_image_with_hardly_any_text_is_a_scan(stamp: str) -> None:
    content = PdfFile([SCANNED + stamp], {4: image()}, resources=IMAGES).to_bytes()
    assert "like a scan" in reason(content)
    assert "OCR" in reason(content)


def test_a_file_that_is_mostly_scanned_is_set_aside_and_names_the_pages() -> None:
    content = PdfFile([SCANNED, INVOICE, SCANNED], {4: image()}, resources=IMAGES).to_bytes()
    assert "Pages 1, 3 of 3" in reason(content)


def test_one_scanned_page_of_many_is_told() -> None:
    content = PdfFile([INVOICE, SCANNED, INVOICE], {4: image()}, resources=IMAGES).to_bytes()
    [warning] = PdfReader().read(content).warnings
    assert warning.startswith("Page 2 of 3 could not be read: only an image")


def test_a_receipt_scanned_onto_a_larger_page_is_a_scan_too() -> None:
    receipt = "q 300 0 0 500 0 0 cm /Im1 Do Q\n"
    content = PdfFile([receipt, INVOICE], {4: image()}, resources=IMAGES).to_bytes()
    assert "Page 1 of 2" in reason(content)


def test_a_logo_makes_no_scan() -> None:
    content = PdfFile(["q 90 0 0 60 0 0 cm /Im1 Do Q\n" + INVOICE], {4: image()}, resources=IMAGES).to_bytes()
    assert PdfReader().read(content).warnings == ()


def test_the_invisible_text_over_a_scan_is_the_document() -> None:
    content = PdfFile([SCANNED + "3 Tr " + INVOICE], {4: image()}, resources=IMAGES).to_bytes()
    assert read_text(content) == "Invoice number: INV-1\nTotal: 5.00 EUR"


def test_text_before_an_image_as_large_as_the_page_is_text() -> None:
    content = PdfFile([SCANNED + text(*PROSE)], {4: image()}, resources=IMAGES).to_bytes()
    assert PdfReader().read(content).warnings == ()


def test_a_dynamic_form_is_refused_for_what_it_is() -> None:
    content = PdfFile(
        [text("Please wait...")],
        {4: stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")},
        catalog="/NeedsRendering true/AcroForm<</Fields[]/XFA 4 0 R>>",
    ).to_bytes()
    assert "dynamic XFA form" in reason(content)


def test_a_dynamic_form_that_does_not_say_so_is_one_by_its_only_page() -> None:
    form = {"objects": {4: stream(b"<template/>")}, "catalog": "/AcroForm<</Fields[]/XFA 4 0 R>>"}
    placeholder = PdfFile([text("Please wait...", "If this message is not eventually replaced")], **form)  # type: ignore[arg-type]
    assert "dynamic XFA form" in reason(placeholder.to_bytes())
    assert "INV-1" in read_text(PdfFile([INVOICE], **form).to_bytes())  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_damage_in_an_encrypted_file_is_noticed(algorithm: str) -> None:
    writer = pypdf.PdfWriter(
        clone_from=BytesIO(PdfFile([packed(INVOICE.encode()), packed(text(*PROSE).encode())]).to_bytes())
    )
    writer.encrypt("", owner_password="owner", algorithm=algorithm)
    writer.write(file := BytesIO())
    content = file.getvalue()
    assert PdfReader().read(content).warnings == ()
    at = [match.end() for match in re.finditer(rb"(?<!end)stream\n", content)][1]
    damaged = content[:at] + bytes(byte ^ 0x5A for byte in content[at : at + 40]) + content[at + 40 :]
    assert "Page 2 of 2 could not be read whole" in PdfReader().read(damaged).warnings[0]


def test_a_portfolio_is_refused_for_what_it_is() -> None:
    objects = {4: b"<</Type/Filespec/F(a.pdf)/EF<</F 5 0 R>>>>", 5: stream(b"x", "/Type/EmbeddedFile")}
    catalog = "/Collection<</Type/Collection>>/Names<</EmbeddedFiles<</Names[(a.pdf) 4 0 R]>>>>"
    assert "portfolio" in reason(PdfFile([text("Open in Acrobat")], objects, catalog=catalog).to_bytes())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"This text talks of %PDF-1.4 and of nothing else.", "plain text"),
        (b"PK\x03\x04" + PdfFile([INVOICE]).to_bytes(), "a ZIP archive"),
        (b"<!DOCTYPE html><html>%PDF-1.4 is a format</html>", "a web page"),
    ],
)
def test_what_only_mentions_a_pdf_is_none(content: bytes, words: str) -> None:
    assert reason(content).startswith("The file is not a PDF")
    assert words in reason(content)


def test_a_download_that_kept_its_headers_is_read() -> None:
    assert "5.00" in read_text(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n" + PdfFile([INVOICE]).to_bytes()
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([" ".join(f"/{65 + number % 26}/115" for number in range(8))] * 6, "numbers of glyphs"),
        (["TToottaall aammoouunntt ooff wwhhaatt iiss dduuee"] * 6, "each letter twice"),
        (["T o t a l a m o u n t"] * 6, "spaces between all letters"),
        (["Wkh sduwlhv kdyh djuhhg wkdw wkh sulfh lv gxh"] * 6, "other letters than it shows"),
    ],
)
def test_text_that_is_no_language_is_refused(lines: list[str], words: str) -> None:
    assert words in reason(PdfFile([text(*lines)]).to_bytes())


def test_codes_and_numbers_are_no_reason() -> None:
    lines = [f"XK-{number} 4711 ZZ{number}" for number in range(10)] + PROSE
    assert PdfReader().read(PdfFile([text(*lines)]).to_bytes()).warnings == ()


def test_more_pages_than_can_be_read() -> None:
    assert "has 10,001 pages; at most 10,000" in reason(PdfFile([""], count=10_001).to_bytes())


def test_more_fields_than_can_be_read() -> None:
    objects = {4: b"<</Type/Annot/Subtype/Widget/FT/Tx/T(Total)/V(5)/Rect[50 600 200 620]>>"}
    content = PdfFile([INVOICE], objects, page_entries=f"/Annots[{'4 0 R ' * 20_001}]").to_bytes()
    assert "more than 10,000 form fields" in reason(content)


def test_reading_that_takes_too_long_says_what_to_do() -> None:
    with pytest.raises(NonRetryableError, match=r"takes longer to read than 0 s\. Split it"):
        PdfReader(seconds=0).read(PdfFile([INVOICE]).to_bytes())


def test_a_part_that_unpacks_to_too_much_is_refused_before_it_takes_memory() -> None:
    assert "unpacks to more than 50 MB" in reason(PdfFile([packed(b" " * 50_000_001)]).to_bytes())


def test_a_page_of_too_many_pieces_of_text_is_refused_before_it_takes_time() -> None:
    pieces = "".join(f"BT /F1 1 Tf {number % 600} {number // 600} Td (x) Tj ET\n" for number in range(50_001))
    assert "more than 50,000 pieces of text" in reason(PdfFile([pieces]).to_bytes())


HEAVY = {
    "many pieces": PdfFile([packed(b"0 0 1 1 re f " * 400_000)]).to_bytes(),
    "a part that is drawn often": PdfFile(
        ["/X Do " * 2_000], {1000: form("0 0 1 1 re f " * 500)}, resources="/XObject<</X 1000 0 R>>"
    ).to_bytes(),
    "forms within forms": forms_within_forms(levels=40),
    "contents of the same part again and again": PdfFile(
        [INVOICE], {1000: packed(b"0 0 1 1 re f " * 1_000)}, page_entries=f"/Contents[{'1000 0 R ' * 1_000}]"
    ).to_bytes(),
    "packed twice": PdfFile(
        [stream(zlib.compress(zlib.compress(os.urandom(30_000))), "/Filter[/FlateDecode/Fl]")]
    ).to_bytes(),
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_page_that_may_take_too_much_is_not_read_where_that_would_do_harm(name: str) -> None:
    with pytest.raises(HeavyDocumentError):
        PdfReader(heavy=False).read(HEAVY[name])


def test_what_documents_have_is_not_heavy() -> None:
    logo = form("/X Do " + "0 0 1 1 re f " * 500)
    content = PdfFile(
        [packed(("/X Do " * 5 + INVOICE * 50).encode())],
        {1000: logo, 1001: image()},
        resources="/XObject<</X 1000 0 R>>",
    )
    assert PdfReader(heavy=False).read(content.to_bytes()).pages


def test_pieces_of_text_are_counted_before_pdfium_makes_them() -> None:
    content = PdfFile([packed(b"BT /F1 9 Tf " + b"(x) Tj " * 1_000_000 + b"ET")])
    assert "more than 50,000 pieces of text" in reason(content.to_bytes())
