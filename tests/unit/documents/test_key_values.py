"""The rules of "Key: value" lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.reading.extracted import KeyValue
from documents.reading.key_values import MAX_KEY_CHARACTERS, MAX_KEY_WORDS, find_key_values, normalize_key

FULL_WIDTH_COLON = "\uff1a"


def pairs(text: str) -> list[tuple[str, str]]:
    return [(found.key, found.value) for found in find_key_values(text, page=1)]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("Invoice number: INV-1", "Invoice number", "INV-1"),
        ("Invoice number:INV-1", "Invoice number", "INV-1"),
        ("  Total   due :  EUR 5.00  ", "Total due", "EUR 5.00"),
        (f"請求書番号{FULL_WIDTH_COLON}第5号", "請求書番号", "第5号"),
        (f"Ref{FULL_WIDTH_COLON} A:B", "Ref", "A:B"),
        ("Αριθμός τιμολογίου: 15", "Αριθμός τιμολογίου", "15"),
        ("رقم الفاتورة: 15", "رقم الفاتورة", "15"),
        ("Support hours: 08:00 to 18:00", "Support hours", "08:00 to 18:00"),
        ("Web: https://example.com/a:b", "Web", "https://example.com/a:b"),
        ("- Term: 24 months", "Term", "24 months"),
        ("• Term: 24 months", "Term", "24 months"),
        ("Total ......... : 5", "Total", "5"),
        ("VAT 19 %: EUR 190.00", "VAT 19 %", "EUR 190.00"),
        ("From 10:30 on: closed", "From 10:30 on", "closed"),
    ],
)
def test_a_line_with_a_key_and_a_value(line: str, key: str, value: str) -> None:
    assert pairs(line) == [(key, value)]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no colon here",
        ": a value without a key",
        "We meet at 10:30",
        "10:30",
        "10: 30",
        "see https://example.com/help",
        "the server is http://localhost:8080",
        r"C:\documents\invoice.pdf",
        "std::vector",
        "The parties agree that this is to be read as follows: all of it",
        f"{'k' * (MAX_KEY_CHARACTERS + 1)}: value",
        f"{'k ' * (MAX_KEY_WORDS + 1)}: value",
        "A key that ends the page:",
    ],
)
def test_a_line_that_only_looks_like_one(line: str) -> None:
    assert pairs(line) == []


def test_the_longest_key() -> None:
    assert pairs(f"{'k' * MAX_KEY_CHARACTERS}: v") == [("k" * MAX_KEY_CHARACTERS, "v")]


def test_the_value_may_stand_below_its_key() -> None:
    assert pairs("Bill to:\nSample Retail GmbH\nsecond line") == [("Bill to", "Sample Retail GmbH")]


@pytest.mark.parametrize("below", ["", "   "])
def test_a_blank_line_below_a_key_is_no_value(below: str) -> None:
    assert pairs(f"Bill to:\n{below}\nSample Retail GmbH") == []


def test_a_key_below_a_key_is_no_value() -> None:
    assert pairs("Parties:\nProvider: A\nClient: B") == [("Provider", "A"), ("Client", "B")]


def test_page_and_line_say_where_the_key_stands() -> None:
    found = find_key_values("Title\n\nTotal: 5\nTo:\nB", page=3)
    assert found == [KeyValue("Total", "5", page=3, line=3), KeyValue("To", "B", page=3, line=4)]


def test_a_repeated_key_is_kept_each_time_in_order() -> None:
    assert pairs("Item: A\nItem: B\nItem: A") == [("Item", "A"), ("Item", "B"), ("Item", "A")]


@settings(deadline=None)
@given(st.text())
def test_what_is_found_stands_in_the_text_within_the_bounds(text: str) -> None:
    lines = text.splitlines()
    for found in find_key_values(text, page=1):
        assert found.line is not None
        near = "\n".join(lines[found.line - 1 : found.line + 1])
        assert found.value in near
        assert all(word in near for word in found.key.split())
        assert found.value == found.value.strip() != ""
        assert 0 < len(found.key) <= MAX_KEY_CHARACTERS


WORDS = st.text(st.characters(categories=("L",)), min_size=1, max_size=10)
KEYS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
VALUES = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1).filter(
    lambda value: value == value.strip() and value[0] not in f":{FULL_WIDTH_COLON}/\\"
)


@settings(deadline=None)
@given(KEYS, VALUES, st.sampled_from([": ", ":", " : ", FULL_WIDTH_COLON]))
def test_every_key_of_letters_is_found_with_its_value(key: str, value: str, separator: str) -> None:
    assert pairs(f"{key}{separator}{value}") == [(key, value)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Invoice No.", "INVOICE_NO"),
        ("invoiceNumber", "Invoice number"),
        ("form.invoice-number", "Form Invoice Number"),
        ("Σύνολο", "ΣΥΝΟΛΟ"),
        ("Numéro", "NUMERO"),
        ("\uff34otal", "total"),
    ],
)
def test_spellings_of_the_same_key(one: str, other: str) -> None:
    assert normalize_key(one) == normalize_key(other)


def test_different_keys_stay_different() -> None:
    assert normalize_key("Invoice date") != normalize_key("Due date")


@settings(deadline=None)
@given(KEYS)
def test_normalizing_ignores_what_is_around_a_key(key: str) -> None:
    assert normalize_key(f"  {key}. ") == normalize_key(key)
