"""What is a value of each kind, and which spellings say the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.values import KINDS, read, same


@pytest.mark.parametrize(
    "value",
    [
        "INV-1",
        "2024-117",
        "000123",
        "TIMO/2024/5",
        "INV 1001",
        "8500 1234",
        "\u03a4\u03a0\u03a5-0912",
        "#4",
        "2312/2019",
        "F_2024.031",
    ],
)
def test_numbers(value: str) -> None:
    assert read("number", value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "HIDDEN",
        "see clause 5",
        "INV-5 attached",
        "it must be paid.",
        "1 of 3",
        "19 %",
        "5.00 \u20ac",
        "[000]",
        "#####",
        "INV-2024-",
        "/65/115/45",
        "BOX 1234",
        "date: 5",
        "12 Main Street",
        "2024-03-05",
        "+49 30 1234",
        "INV-1 INV-2",
        "2024-117 05.03.2024",
    ],
)
def test_no_numbers(value: str) -> None:
    assert read("number", value) is None


@pytest.mark.parametrize(
    "value",
    [
        "2024-03-05",
        "05/03/24",
        "1/2/24",
        "5.3.2024",
        "05. 03. 2024",
        "14 March 2024",
        "March 5, 2024",
        "05-Mar-2024",
        "1st May 2024",
        "3 mars 2024",
        "5. M\u00e4rz 2024",
        "11 de octubre de 2023",
        "12 Mar 24",
        "2024\u5e743\u67085\u65e5",
        "5 \u039c\u03b1\u03c1\u03c4\u03af\u03bf\u03c5 2026",
        "5 \u043c\u0430\u0440\u0442\u0430 2024",
    ],
)
def test_dates(value: str) -> None:
    assert read("date", value) == value


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("Mon, 4 Mar 2024 10:30:11 +0100", "4 Mar 2024"),
        ("05/03/24 10:31", "05/03/24"),
        ("1 May 2024 (30 days)", "1 May 2024"),
    ],
)
def test_what_stands_around_a_date(printed: str, value: str) -> None:
    assert read("date", printed) == value


@pytest.mark.parametrize(
    "value",
    ["", "30 days net", "see section 4.", "32/13/2024", "2024", "1.234,56", "1 May 2024 or 2 June 2024", "on receipt"],
)
def test_no_dates(value: str) -> None:
    assert read("date", value) is None


@pytest.mark.parametrize(
    "value",
    [
        "5,310.00 EUR",
        "EUR 5.00",
        "\u20ac 1.190,00",
        "1 190,00 EUR",
        "$93.50",
        "(1,190.00) EUR",
        "-5.00",
        "5.00-",
        "1.234,56",
        "1'200.50 CHF",
        "US$ 12",
        "\u00a51,190.00",
        "12",
        "100.00 CR",
        "1,000,000.00 US dollars",
        "CA$5.00",
        "\u00a3 310.00",
    ],
)
def test_amounts(value: str) -> None:
    assert read("amount", value) == value


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("\u00a3 120.44 by 26 Mar 24", "\u00a3 120.44"),
        ("5.00 EUR incl. VAT", "5.00 EUR"),
        ("EUR 50.00 EUR", "50.00 EUR"),
        ("1,000.00 US dollars and no cents", "1,000.00 US dollars"),
    ],
)
def test_what_follows_an_amount(printed: str, value: str) -> None:
    assert read("amount", printed) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "see page 3",
        "items 3",
        "3 items",
        "19 %",
        "19% 5.00",
        "VAT 190.00",
        "1 of 3",
        "2 x 5.00",
        "5.00 - 6.00",
        "EUR 5.00 to EUR 6.00",
        "5.00 or 6.00",
        "(5.00",
        "2024-03-05",
        "A-17",
        "24.00 kg",
        "12,50 Std.",
        "50.00 EUR per month",
        "50,00 EUR/Monat",
        "100.00 EUR excl. VAT",
        "100.00 EUR + VAT",
        "100.00 EUR net",
        "100,00 EUR zzgl. MwSt.",
        "100.00 EUR deposit",
        "25.00 USD minimum",
        "EUR 50.00 USD",
        "$19 99",
    ],
)
def test_no_amounts(value: str) -> None:
    assert read("amount", value) is None


@pytest.mark.parametrize(
    "value",
    [
        "Foo Ltd",
        "Municipal Library of Ostbrueck",
        "3M Company",
        "\u67d0\u67d0\u516c\u53f8",
        "Soci\u00e9t\u00e9 Durand",
        "Fennel & Daughters",
    ],
)
def test_names(value: str) -> None:
    assert read("name", value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "4711",
        "to pay within 30 days.",
        "09:00 to 17:00 daily",
        "Ann <ann@example.com>",
        "see above",
        "The Client shall pay all invoices",
        "2024-03-05",
        "-",
        "Same as ship to",
        "Identique",
        "[Customer name]",
        "Your Company Name",
        "The company named on page 1",
    ],
)
def test_no_names(value: str) -> None:
    assert read("name", value) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a clause that goes on " * 8,
        "see clause 5",
        "siehe Anlage",
        "The period stated in clause 9",
        "n/a",
        "---",
        "as agreed",
        "Yes",
        "Off",
        "[State]",
        "days",
        "17",
        "19:00 Uhr",
        "[ ] 12 months [x] 24 months",
        "o England o Scotland",
    ],
)
def test_no_texts(value: str) -> None:
    assert read("text", value) is None


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("amount", "EUR 5.00", "5,00 EUR"),
        ("amount", "1 190,00 \u20ac", "\u20ac1,190.00"),
        ("amount", "5 EUR", "5.00 EUR"),
        ("amount", "5.00", "5.00 EUR"),
        ("amount", "5.00 \u20ac", "5.00 EUR"),
        ("date", "2024-02-01", "1 February 2024"),
        ("date", "1/2/24", "1. Februar 2024"),
        ("name", "FOO  Ltd", "Foo Ltd."),
        ("number", "inv-1", "INV-1"),
    ],
)
def test_spellings_of_one_value(kind: str, one: str, other: str) -> None:
    assert same(kind, one, other)
    assert same(kind, other, one)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("amount", "5.00 EUR", "5.00 USD"),
        ("amount", "5.00", "-5.00"),
        ("amount", "1.190", "1.19"),
        ("date", "2024-02-01", "2024-02-02"),
        ("number", "INV-1", "INV-11"),
    ],
)
def test_different_values(kind: str, one: str, other: str) -> None:
    assert not same(kind, one, other)


@pytest.mark.parametrize(
    ("kind", "value"), [("name", "Ash \ufffdtd"), ("amount", "5.00 EUR \ufffd"), ("text", "\ufffd 5")]
)
def test_a_letter_that_is_not_known_makes_no_value(kind: str, value: str) -> None:
    assert read(kind, value) is None


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.text())
def test_a_value_is_part_of_what_is_printed_and_is_read_as_itself(kind: str, printed: str) -> None:
    value = read(kind, printed)
    if value is not None:
        assert value in " ".join(printed.split())
        assert read(kind, value) == value
        assert same(kind, value, value)


@pytest.mark.parametrize(
    "placeholder",
    ["Please choose", "-- select --", "Click to enter text", "Bitte w\u00e4hlen", "Choisissez une option"],
)
@pytest.mark.parametrize("kind", ["name", "text"])
def test_what_a_form_asks_for_is_no_value(kind: str, placeholder: str) -> None:
    assert read(kind, placeholder) is None


def test_a_name_may_begin_like_what_a_form_asks_for() -> None:
    assert read("name", "Select Foods Ltd") == "Select Foods Ltd"
