"""Reading PDF files of all kinds, made here."""

import logging
from io import BytesIO

import pypdf
import pytest
from fpdf import FPDF
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from documents.reading.extracted import ExtractedDocument, KeyValue
from documents.reading.reader import PdfReader
from samples import make_samples
from status_tracker import NonRetryableError


def make_pdf(*pages: str) -> bytes:
    pdf = FPDF()
    pdf.set_font("Helvetica", size=12)
    for text in pages:
        pdf.add_page()
        pdf.multi_cell(0, 8, text)
    return bytes(pdf.output())


def written(writer: pypdf.PdfWriter) -> bytes:
    buffer = BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def encrypted(user_password: str, algorithm: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=BytesIO(make_pdf("Total: 5")))
    writer.encrypt(user_password, owner_password="owner", algorithm=algorithm)
    return written(writer)


def reason(content: bytes) -> str:
    with pytest.raises(NonRetryableError) as refused:
        PdfReader().read(content)
    assert type(refused.value) is NonRetryableError
    return str(refused.value)


def test_pages_keep_their_order_and_say_where_a_key_stands() -> None:
    document = PdfReader().read(make_pdf("Title\nNumber: 7", "", "Total: 5"))
    assert [page.strip() for page in document.pages] == ["Title\nNumber: 7", "", "Total: 5"]
    assert document.key_values == (
        KeyValue("Number", "7", page=1, line=2),
        KeyValue("Total", "5", page=3, line=1),
    )
    assert document.characters == sum(map(len, document.pages))


def test_a_result_comes_back_from_json_as_it_was() -> None:
    document = PdfReader().read(make_pdf("Total: 5"))
    assert ExtractedDocument.from_dict(document.to_dict()) == document


def test_form_fields_come_by_the_name_people_see_and_empty_ones_not_at_all() -> None:
    writer = pypdf.PdfWriter(clone_from=BytesIO(make_samples.order_form()))
    fields = {str(field["/TU"]): field for field in map(resolve, writer.pages[0]["/Annots"])}
    fields["Customer"][NameObject("/V")] = TextStringObject("")
    del fields["Order number"]["/TU"]
    fields["Total amount"][NameObject("/V")] = DictionaryObject()  # as a signature has
    fields["Express delivery"][NameObject("/V")] = NameObject("/Off")
    document = PdfReader().read(written(writer))
    assert [pair for pair in document.key_values if pair.line is None] == [
        KeyValue("order_number", "PO-7788", 1),
        KeyValue("Order date", "2026-02-27", 1),
    ]


def resolve(reference: pypdf.generic.PdfObject) -> DictionaryObject:
    found = reference.get_object()
    assert isinstance(found, DictionaryObject)
    return found


def test_an_empty_file() -> None:
    assert "empty (0 bytes)" in reason(b"")


def test_another_kind_of_file() -> None:
    assert reason(b"\x89PNG\r\n\x1a\n" + bytes(100)) == (
        "The file is not a PDF: it looks like a PNG image. Upload the document as a PDF."
    )


def test_no_text_on_any_page() -> None:
    assert "no text on its 2 pages" in reason(make_pdf("", ""))


def test_no_page_at_all() -> None:
    assert "has no pages" in reason(written(pypdf.PdfWriter()))


def test_a_method_of_encryption_that_is_not_known() -> None:
    unknown = encrypted("", "RC4-128").replace(b"/Standard", b"/PubSec00")
    assert "encrypted with a method of its own" in reason(unknown)


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
def test_an_empty_password_is_no_obstacle(algorithm: str) -> None:
    assert PdfReader().read(encrypted("", algorithm)).key_values == (KeyValue("Total", "5", 1, 1),)


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_password_is_one(algorithm: str) -> None:
    assert "protected with a password" in reason(encrypted("secret", algorithm))


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.97])
def test_a_file_that_is_cut_off(part: float) -> None:
    whole = make_pdf("Total: 5")
    assert "cut off" in reason(whole[: int(len(whole) * part)])


def test_a_cut_off_update_does_not_pass_for_the_document_before_it() -> None:
    whole = make_pdf("Total: 5")
    assert "cut off" in reason(whole + b"\n9 0 obj\n<< /Type /Page >>\nendobj\n")


@pytest.mark.parametrize("junk", [b"\x00" * 5000, b"\r\n<!-- sent by a server -->\r\n" * 100])
def test_junk_after_the_end_does_no_harm(junk: bytes) -> None:
    assert PdfReader().read(make_pdf("Total: 5") + junk).key_values == (KeyValue("Total", "5", 1, 1),)


def test_a_damaged_file_is_not_called_cut_off() -> None:
    damaged = make_pdf("Total: 5").replace(b"/Catalog", b"/Nothing").replace(b"/Pages", b"/Sagep")
    assert "damaged and cannot be read" in reason(damaged)
    assert "cut off" not in reason(damaged)


@settings(deadline=None)
@given(st.data())
def test_whatever_is_in_a_file_it_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(make_samples.SAMPLES[data.draw(st.sampled_from(["order-form.pdf", "invoice-1001.pdf"]))]())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        document = PdfReader().read(bytes(content))
    except NonRetryableError:
        return
    assert ExtractedDocument.from_dict(document.to_dict()) == document
    "".join(document.pages).encode()


def test_a_wrong_table_of_contents_is_told_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    whole = make_pdf("Total: 5")
    position = whole.rindex(b"startxref")
    misplaced = whole[:position] + b"startxref\n7\n%%EOF\n"
    with caplog.at_level(logging.DEBUG):
        document = PdfReader().read(misplaced)
    assert document.key_values == (KeyValue("Total", "5", 1, 1),)
    assert document.warnings == ("The file's table of contents was missing or wrong, and was made anew.",)
    assert caplog.records == []
