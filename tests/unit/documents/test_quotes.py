"""Quotes: what counts as standing in the document, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.answering.answers import Passage
from documents.answering.quotes import Quotes, occurs, plain, with_line_ends
from documents.reading.extracted import ExtractedDocument, KeyValue

DOCUMENT = ExtractedDocument(
    pages=("Invoice\nTotal due:  EUR 1,190.00\n", "Payable within\n30 days \u2013 \u201cnet\u201d 10\u00b2 m, five"),
    key_values=(KeyValue("Customer", "Sample Retail GmbH"),),
)


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("Total due: EUR 1,190.00", Passage("Total due: EUR 1,190.00", 1)),
        ("Payable within 30 days", Passage("Payable within 30 days", 2)),
        ('30 days - "net"', Passage('30 days - "net"', 2)),
        ("EUR 1,190.00 Payable within", Passage("EUR 1,190.00 Payable within", 1)),  # over the page's end
        ("Customer: Sample Retail GmbH", KeyValue("Customer", "Sample Retail GmbH")),
        ("Sample Retail GmbH", KeyValue("Customer", "Sample Retail GmbH")),
        ("\uff29nvoice", Passage("Invoice", 1)),
        ("total due: EUR 1,190.00", None),
        ("Total due: EUR 1,199.00", None),
        ("190.00", None),
        ("EUR 1", None),
        ("0 days", None),
        ("Invo", None),
        ("GmbHs", None),
        ("102 m", None),
        ("10\u00b2 m, \ufb01ve", Passage("10\u00b2 m, five", 2)),
        ("", None),
        (" \n", None),
    ],
)
def test_where_a_quote_stands(quote: str, found: Passage | KeyValue | None) -> None:
    assert Quotes(DOCUMENT).find(quote) == found


@pytest.mark.parametrize(
    ("words", "text", "position"),
    [
        ("5", "15 5", 3),
        ("5", "5.", 0),
        ("5", "5.5", None),
        ("5.5", "5.5", 0),
        ("番号", "請求書番号123", 3),
        ("", "x", None),
    ],
)
def test_whole_words_and_numbers_count(words: str, text: str, position: int | None) -> None:
    assert occurs(words, text) == position


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("100.00", "Total: -100.00"),
        ("100.00", "Total: \u2212100.00"),
        ("100.00", "-100.00"),
        ("100.00", "+100.00"),
        ("100.00", "Total: -$100.00"),
        ("$100.00", "Total: -$100.00"),
        ("100.00", "EUR-100.00"),
        ("100.00", "100.00- "),
        ("190.00", "Total 1 190.00"),
        ("190.00", "Total 1\u00a0190.00"),
        ("190.00", "Total 1\u2009190.00"),
        ("5", "5 000"),
        ("100", "100\u202f000"),
        ("190", "2 190 000"),
        ("190.00", "Total 1'190.00"),
        ("190.00", "1\u2019190.00 CHF"),
        ("5", "5'000"),
        ("1", "1\u00bd hours"),
        ("\u00bd", "1\u00bd hours"),
        ("1", "1\u20442"),
        ("5", "0 .5"),
        ("5", ".5 mg"),
        ("5", "(-.5)"),
        (".5", "0.5"),
        ("5.", "5.5"),
        ("5", "5\u00b75"),
        ("5", "5\u066b5"),
        ("10:30", "10:30:45"),
        ("30", "10:30"),
        ("12", "12/2026"),
        ("5", "5e3"),
        ("5", "5\u0323"),
        ("123", "INV-123"),
    ],
)
def test_a_part_of_a_number_is_not_quoted_from_it(words: str, text: str) -> None:
    assert occurs(plain(words), with_line_ends(text)) is None
    assert Quotes(ExtractedDocument((f"before\n{text}\nafter",), ())).find(words) is None


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("190.00", "Total: 190.00 EUR"),
        ("190.00", "It is 190.00."),
        ("190.00", "(190.00)"),
        ("190.00", "Total:190.00"),
        ("190.00", "Total....190.00"),
        ("190.00", "\u20ac190.00"),
        ("190.00", "\u2022190.00, net"),
        ("190.00", "95.00 190.00"),
        ("190.00", "01.02.2026 190.00 1"),
        ("190.00", "Quantity 2\n190.00"),
        ("95.00", "95.00\n190.00"),
        ("190.00", "Total \u2013 190.00"),
        ("-190.00", "Total: \u2212190.00"),
        ("1 190.00", "Total: 1\u202f190.00"),
        ("50", "50,- EUR"),
        ("30", "30-day notice"),
        ("5", "No.5"),
        ("10:30", "at 10:30: start"),
        ("31.12.2026", "01.01.2026\u201331.12.2026"),
        ("01.01.2026", "01.01.2026\u201331.12.2026"),
        ("10", "10%"),
        ("2", "A4 2 pages"),
        ("24 months", "Term: 24 months/2 years"),
        ("total", "'total'"),
    ],
)
def test_a_whole_number_is_quoted(words: str, text: str) -> None:
    assert occurs(plain(words), with_line_ends(text)) is not None
    assert Quotes(ExtractedDocument((f"before\n{text}\nafter",), ())).find(words) is not None


def test_a_key_that_ends_in_a_number_does_not_go_on_in_its_value() -> None:
    pair = KeyValue("Quantity 2", "190.00")
    assert Quotes(ExtractedDocument(("other words",), (pair,))).find("190.00") == pair


GROUPED = st.builds(
    lambda first, groups, mark: mark.join([str(first), *(f"{group:03}" for group in groups)]),
    st.integers(1, 999),
    st.lists(st.integers(0, 999), max_size=3),
    st.sampled_from([",", ".", "'", "\u2019", " ", "\u00a0", "\u2009", "\u202f", "\u066c", ""]),
)
NUMBERS = st.builds(
    lambda sign, whole, rest: sign + whole + rest,
    st.sampled_from(["", "-", "+", "\u2212", "\u2013", "-$", "\u00b1"]),
    GROUPED,
    st.sampled_from(["", ".5", ",50", "\u066b25", "\u00b75", "\u00bd", "/2026", ":30", ":30:45", "\u20442"]),
)


@given(NUMBERS, st.sampled_from(["Total: {} EUR", "{}", "It is {}.", "({})", "\n{}\n"]), st.data())
def test_of_a_number_the_whole_is_quoted_and_nothing_less(number: str, sentence: str, data: st.DataObject) -> None:
    quotes = Quotes(ExtractedDocument((sentence.format(number),), ()))
    assert quotes.find(number) is not None
    whole = plain(number)
    start = data.draw(st.integers(0, len(whole)))
    part = whole[start : data.draw(st.integers(start, len(whole)))].strip()
    if part != whole and any(character.isnumeric() for character in part):
        assert quotes.find(part) is None


@given(st.lists(st.text(), min_size=1, max_size=4), st.data())
def test_every_line_of_a_document_is_found_and_what_is_found_is_there(pages: list[str], data: st.DataObject) -> None:
    quotes = Quotes(ExtractedDocument(tuple(pages), ()))
    everything = plain(" ".join(pages))
    number = data.draw(st.integers(0, len(pages) - 1))
    if plain(pages[number]):
        assert quotes.find(pages[number]) is not None
    found = quotes.find(data.draw(st.text()))
    if found is not None:
        assert isinstance(found, Passage)
        assert found.text in everything
        assert 1 <= found.page <= len(pages)
