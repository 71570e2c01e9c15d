"""Fields that show something else than they store: the reader of the page sees what is drawn."""

from __future__ import annotations

from typing import Any

import pytest

from documents.report import report_on
from tests.support.pdf_files import PdfFile, stream, text

WRITTEN = "q BT /F1 10 Tf 2 4 Td ({}) Tj ET Q"


def form(stored: str, operators: str, *, name: str = "Total", acro_form: str = "") -> bytes:
    """An invoice with one field that stores a value, beside the word "Total"; the operators draw it."""
    form_object = "/Type/XObject/Subtype/Form/BBox[0 0 150 20]/Resources<</Font<</F1 3 0 R>>>>"
    field = f"/FT/Tx/T({name})/V({stored})/DA(/F1 10 Tf 0 g)/Rect[150 700 300 720]/AP<</N 1000 0 R>>/F 4"
    return PdfFile(
        [text("Invoice number: INV-1", top=760) + text("Total", top=704)],
        {4: f"<</Type/Annot/Subtype/Widget{field}>>".encode(), 1000: stream(operators.encode("cp1252"), form_object)},
        catalog=f"/AcroForm<</Fields[4 0 R]/DA(/F1 10 Tf 0 g)/DR<</Font<</F1 3 0 R>>>>{acro_form}>>",
        page_entries="/Annots[4 0 R]",
    ).to_bytes()


def report(content: bytes) -> dict[str, Any]:
    found = report_on("a.pdf", content)
    assert found["status"] == "succeeded", found["reason"]
    return found


@pytest.mark.parametrize("name", ["Total", "Text1"])
def test_a_field_that_shows_another_value_than_it_stores_answers_nothing(name: str) -> None:
    found = report(form("5.00 EUR", WRITTEN.format("9,999.00 EUR"), name=name))
    assert found["answers"]["total"] is None
    assert found["also_found"]["total"] == ["5.00 EUR", "9,999.00 EUR"]
    assert found["answers"]["invoice_number"] == "INV-1"
    assert found["warnings"] == [
        f'1 field shows another value than it stores: "{name}" shows "9,999.00 EUR" and stores "5.00 EUR".'
    ]


@pytest.mark.parametrize(
    ("stored", "operators", "acro_form"),
    [
        ("5.00 EUR", WRITTEN.format("5.00 EUR"), ""),
        ("5.00 EUR", "q BT /F1 10 Tf 2 4 Td (5) Tj 9 0 Td (.) Tj 5 0 Td (00) Tj 14 0 Td [(EU) 5 (R)] TJ ET Q", ""),
        ("5.00 EUR", "q BT /F1 10 Tf 2 4 Td <352E303020455552> Tj ET Q", ""),
        ("5.00 EUR", WRITTEN.format("9,999.00 EUR"), "/NeedAppearances true"),  # whoever shows it draws it anew
        ("5.00 EUR", "/Tx BMC EMC", ""),
        ("5 EUR", WRITTEN.format("5,00 €"), ""),
    ],
)
def test_a_field_that_shows_what_it_stores_answers(stored: str, operators: str, acro_form: str) -> None:
    found = report(form(stored, operators, acro_form=acro_form))
    assert found["answers"]["total"] == stored
    assert "also_found" not in found or not found["also_found"]


LONG = "Foo Limited Company of Great Britain and Northern Ireland"


@pytest.mark.parametrize(("shown", "answer"), [(LONG, LONG), ("Foo Limited", None)])
def test_a_value_that_is_longer_than_its_field_answers_whole(shown: str, answer: str | None) -> None:
    written = f"q BT /F1 10 Tf 2 4 Td <{shown.encode().hex()}> Tj ET Q"
    content = form(LONG, written, name="Customer").replace(b"(Total) Tj", b"(Buyer) Tj")
    assert report(content)["answers"]["customer"] == answer
