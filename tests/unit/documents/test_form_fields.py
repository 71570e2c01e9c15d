"""The fields of a form as key-values, and where their words stand."""

import dataclasses
from typing import Any

import pytest

from documents.questions import load_vocabulary
from documents.reading.content_pairs import pairs_of
from documents.reading.extracted import KeyValue
from documents.reading.form_fields import field_pairs
from documents.reading.page_model import Contents, FieldKind, FormField, Page
from tests.support.pages import LETTER, SIZE, drawn


def field(
    name: str, value: str = "", kind: FieldKind = "text", *, row: int = 1, column: int = 30, **more: Any
) -> FormField:
    """A field in that row and column of a drawn page."""
    middle, left = 50 + 13 * row - SIZE / 4, 50 + column * LETTER
    box = FormField(name, "", kind, value, 1, left, middle - 7, left + (100 if kind == "text" else 10), middle + 7)
    return dataclasses.replace(box, **more)


def fields_of(*fields: FormField) -> list[tuple[str, str]]:
    return [(pair.key, pair.value) for pair in field_pairs(fields, load_vocabulary())]


def all_of(page: str, *fields: FormField) -> list[tuple[str, str]]:
    contents = Contents((Page(1, 600, 800, tuple(drawn(page)), page),), 1, fields, ())
    return [(pair.key, pair.value) for pair in pairs_of(contents, load_vocabulary())]


@pytest.mark.parametrize(
    ("name", "tooltip", "key"),
    [
        ("Total", "", "Total"),
        ("topmostSubform[0].Page1[0].InvoiceNumber[0]", "", "InvoiceNumber"),
        ("form.invoice.number", "", "invoice number"),
        ("P.O. number", "", "P.O. number"),
        ("Invoice number", "Please enter here the number that is printed at the top", "Invoice number"),
        ("Text1", "Due date", "Due date"),
        ("Text1", "How you have heard of us", "How you have heard of us"),
        ("survey.colour", "", "colour"),
        ("Date", "Date of birth", "Date of birth"),
        ("Invoice.Customer.Name[0]", "", "Customer Name"),
    ],
)
def test_a_field_has_the_name_by_which_it_is_known(name: str, tooltip: str, key: str) -> None:
    assert fields_of(field(name, "5", tooltip=tooltip)) == [(key, "5")]


def test_a_field_says_on_which_page_it_is_and_has_no_line() -> None:
    assert field_pairs([field("Total", " 5  EUR ")], load_vocabulary()) == [KeyValue("Total", "5 EUR", 1)]


def test_the_chosen_radio_button_says_what_is_printed_beside_it() -> None:
    buttons = (
        field("Term", "1", "radio button", caption="12 months"),
        field("Term", "1", "radio button", caption="24 months", checked=True),
    )
    assert fields_of(*buttons) == [("Term", "24 months")]


@pytest.mark.parametrize(
    "no_value",
    [
        field("Total", "Off", "check box", caption="Total included"),
        field("Customer", "Yes", "check box", caption="Existing customer", checked=True),
        field("Client", "1", "radio button", caption="private"),
        field("Customer", "hush", secret=True),
        field("Customer", "  "),
        field("Customer", "Send", "button"),
        field("Customer", "x", "signature"),
    ],
)
def test_what_is_no_value(no_value: FormField) -> None:
    assert fields_of(no_value) == []


def test_a_field_without_a_telling_name_is_known_by_what_is_printed_beside_it() -> None:
    page = """
    Total
    Customer
    """
    pairs = all_of(page, field("Text1", "5 EUR"), field("Text2", "Ash Ltd", row=2))
    assert pairs == [("Text1", "5 EUR"), ("Text2", "Ash Ltd"), ("Total", "5 EUR"), ("Customer", "Ash Ltd")]


def test_an_option_that_is_not_chosen_is_no_value() -> None:
    page = """
    Client:          business
    Customer:        private
    """
    boxes = [
        field("a", "x", "check box", column=14),
        field("b", "x", "check box", row=2, column=14, checked=True),
    ]
    assert all_of(page, *boxes) == [("Customer", "private")]
