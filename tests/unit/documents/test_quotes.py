"""Quotes: what counts as standing in the document, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.answers import Passage
from documents.extracted import ExtractedDocument, KeyValue
from documents.quotes import Quotes, occurs, plain

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
