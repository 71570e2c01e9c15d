"""From the bytes of a PDF to the answers, as Extract and Answer go with what they keep in between."""

import json

import pytest

from documents.answering.answers import Answer, KeyValueAnswerer
from documents.questions import load_questions, load_vocabulary
from documents.reading.extracted import ExtractedDocument
from documents.reading.reader import PdfReader
from tests.support.pdf_files import PdfFile, stream, text
from tests.unit.documents.test_e_invoice import CII


def answered(pdf: PdfFile) -> dict[str, Answer]:
    kept = json.loads(json.dumps(PdfReader().read(pdf.to_bytes()).to_dict()))
    answers = KeyValueAnswerer(load_vocabulary()).answer(ExtractedDocument.from_dict(kept), load_questions()).answers
    return {answer.id: answer for answer in answers}


def found(pdf: PdfFile) -> dict[str, str]:
    return {id_: answer.answer for id_, answer in answered(pdf).items() if answer.answer is not None}


KEYS = text("Invoice number:", "Customer:", "Total:", left=50)
VALUES = text("A-17", "Ash & Elm Ltd", "5.00 EUR", left=200)
EXPECTED = {"invoice_number": "A-17", "customer": "Ash & Elm Ltd", "total": "5.00 EUR"}


@pytest.mark.parametrize("content", [KEYS + VALUES, VALUES + KEYS])
@pytest.mark.parametrize("entries", ["", "/Rotate 0", "/UserUnit 3"])
def test_columns_are_read_across_whichever_is_drawn_first(content: str, entries: str) -> None:
    assert found(PdfFile([content], page_entries=entries)) == EXPECTED


@pytest.mark.parametrize(
    ("turn", "matrix"),
    [(90, "0 1 -1 0 600 0"), (180, "-1 0 0 -1 600 800"), (270, "0 -1 1 0 0 800")],
)
def test_a_page_that_is_turned_is_read_as_it_is_shown(turn: int, matrix: str) -> None:
    content = f"q {matrix} cm {text('Invoice number: A-17', 'Total: 5.00 EUR', left=50, top=500)} Q"
    assert found(PdfFile([content], page_entries=f"/Rotate {turn}")) == {"invoice_number": "A-17", "total": "5.00 EUR"}


def test_blocks_and_a_table_of_items_beside_each_other() -> None:
    content = (
        text("Bill to:", "Ash & Elm Ltd", "1 High Street", left=50, top=700)
        + text("Ship to:", "Depot 4", "Dock 9", left=300, top=700)
        + text("Item", "Oats", left=50, top=600)
        + text("Total:", "5.00", left=300, top=600)
        + text("Total: 6.00 EUR", left=300, top=500)
    )
    assert found(PdfFile([content])) == {"customer": "Ash & Elm Ltd", "total": "6.00 EUR"}


def test_two_invoices_in_one_file_have_no_single_number() -> None:
    pages = [text(f"Invoice number: A-{number}", "Customer: Ash Ltd") for number in (1, 2)]
    answers = answered(PdfFile(pages))
    assert answers["invoice_number"].answer is None
    assert answers["invoice_number"].also_found == ("A-1", "A-2")
    assert answers["customer"].answer == "Ash Ltd"


def test_an_attached_e_invoice_answers_first() -> None:
    attached = {
        4: b"<</Type/Filespec/F(factur-x.xml)/UF(factur-x.xml)/EF<</F 5 0 R>>>>",
        5: stream(CII.encode(), "/Type/EmbeddedFile"),
    }
    pdf = PdfFile(
        [text("Invoice number: A-17", "Invoice date: 3 February 2024", "Total: 118.00 EUR")],
        objects=attached,
        catalog="/Names<</EmbeddedFiles<</Names[(factur-x.xml) 4 0 R]>>>>",
    )
    answers = answered(pdf)
    assert answers["seller"].answer == "Ash & Elm Ltd"
    assert answers["date"].answer == "3 February 2024"
    assert (answers["total"].answer, answers["total"].also_found) == ("119.00 EUR", ("118.00 EUR",))
