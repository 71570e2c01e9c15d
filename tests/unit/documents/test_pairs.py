"""Keys and values by where they stand: pages made by hand, and what is found on them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.questions import load_vocabulary
from documents.reading.page_model import Word
from documents.reading.pairs import find_pairs
from tests.support.pages import drawn, moved, scaled, words_at


def found(words: list[Word]) -> list[tuple[str, str]]:
    return [(pair.key, pair.value) for pair in find_pairs(words, 1, load_vocabulary())]


PAGES = {
    "a year or a number that belongs to a key": (
        """
        Total 2026           50.00 EUR
        Total (1)            60.00 EUR
        Invoice 2            70.00 EUR
        """,
        [],
    ),
    "a key and its value on a line": (
        """
        Invoice number: A-17
        Total: 5.00 EUR
        """,
        [("Invoice number", "A-17"), ("Total", "5.00 EUR")],
    ),
    "two columns, keys and values": (
        """
        Invoice number:      A-17
        Customer:            Ash & Elm Ltd
        Total:               5.00 EUR
        """,
        [("Invoice number", "A-17"), ("Customer", "Ash & Elm Ltd"), ("Total", "5.00 EUR")],
    ),
    "several pairs on a line, far apart": (
        """
        Invoice number: A-17          Invoice date: 2024-02-03
        Customer: Ash & Elm Ltd       Due date: 2024-03-04
        """,
        [
            ("Invoice number", "A-17"),
            ("Invoice date", "2024-02-03"),
            ("Customer", "Ash & Elm Ltd"),
            ("Due date", "2024-03-04"),
        ],
    ),
    "several pairs on a line, close together": (
        """
        Invoice: A-17 Date: 2024-02-03 Total: 5.00 EUR Page: 1
        """,
        [("Invoice", "A-17"), ("Date", "2024-02-03"), ("Total", "5.00 EUR"), ("Page", "1")],
    ),
    "a row of keys above a row of values": (
        """
        Invoice number:     PO number:      Due date:        Amount due:
        A-17                                2024-03-04       5.00 EUR
        """,
        [("Invoice number", "A-17"), ("Due date", "2024-03-04"), ("Amount due", "5.00 EUR")],
    ),
    "a row of keys without colons": (
        """
        Invoice No      Date            Due date        Total
        A-17            2024-02-03      2024-03-04      5.00 EUR
        """,
        [("Invoice No", "A-17"), ("Date", "2024-02-03"), ("Due date", "2024-03-04"), ("Total", "5.00 EUR")],
    ),
    "a table of several invoices has no single number": (
        """
        Invoice No      Date            Total
        A-17            2024-02-03      5.00
        A-18            2024-02-04      6.00
        """,
        [],
    ),
    "a table of items has no keys": (
        """
        Item            Qty         Price        Total:
        Oats            2           2.50         5.00
        """,
        [],
    ),
    "blocks side by side": (
        """
        Invoice number: A-17

        Bill to:                    Ship to:
        Ash & Elm Ltd               Depot 4
        1 High Street               Dock 9
        """,
        [("Invoice number", "A-17"), ("Bill to", "Ash & Elm Ltd"), ("Ship to", "Depot 4")],
    ),
    "a value below each key": (
        """
        Invoice number:
        A-17

        Seller:
        Ash & Elm Ltd
        """,
        [("Invoice number", "A-17"), ("Seller", "Ash & Elm Ltd")],
    ),
    "empty keys with other text on the next line": (
        """
        Invoice number: A-17
        PO number:
        Customer: Ash & Elm Ltd
        Thank you for being with us
        Seller:
        Paid within thirty days or less
        Total: 5.00 EUR
        """,
        [("Invoice number", "A-17"), ("Customer", "Ash & Elm Ltd"), ("Total", "5.00 EUR")],
    ),
    "values that had no room on their line": (
        """
        Customer: The Society Of
        Friends Of Old Steamers
        And Ferries
        Governing law: that of the
        Republic of Malta
        """,
        [
            ("Customer", "The Society Of Friends Of Old Steamers And Ferries"),
            ("Governing law", "that of the Republic of Malta"),
        ],
    ),
    "a value that goes on under itself": (
        """
        Customer:            Ash & Elm
                             Limited
        Total:               5.00 EUR
        """,
        [("Customer", "Ash & Elm Limited"), ("Total", "5.00 EUR")],
    ),
    "an address that goes on after its comma": (
        """
        Seller: Ash & Elm Ltd, 1 High Street,
        Leeds

        Total: 5.00 EUR
        """,
        [("Seller", "Ash & Elm Ltd, 1 High Street, Leeds"), ("Total", "5.00 EUR")],
    ),
    "keys without colons whose values have the form that is asked for": (
        """
        Invoice Number A-17
        Invoice Date January 25, 2024
        Total Due $93.50
        Total Items 12
        """,
        [("Invoice Number", "A-17"), ("Invoice Date", "January 25, 2024"), ("Total Due", "$93.50")],
    ),
    "keys without colons in two columns": (
        """
        Customer            Ash & Elm Ltd
        Invoice #           A-17
        Total               5.00 EUR
        """,
        [("Customer", "Ash & Elm Ltd"), ("Invoice #", "A-17"), ("Total", "5.00 EUR")],
    ),
    "options without boxes are no value": (
        """
        Client              private         business
        """,
        [],
    ),
    "dots that lead to a value": (
        """
        Invoice number ........ : A-17
        Customer: ............ Ash & Elm Ltd
        Total due ..................... USD 5.00
        """,
        [("Invoice number", "A-17"), ("Customer", "Ash & Elm Ltd"), ("Total due", "USD 5.00")],
    ),
    "an amount in the next cell of its currency": (
        """
        Total:        EUR          5.00
        """,
        [("Total", "EUR 5.00")],
    ),
    "the head of a mail is no data of the document": (
        """
        From: Ann Reed <ann@example.com>
        To: Ash & Elm Ltd
        Subject: Invoice: A-1 attached
        Date: 4 March 2024

        Invoice number: A-17
        """,
        [("Invoice number", "A-17")],
    ),
    "words of a sentence are no keys": (
        """
        The total is due. If you pay the
        invoice later, a fee of 5.00 EUR
        client 12 has no discount.
        """,
        [],
    ),
    "space below sets a block apart": (
        """
        Invoice number: A-17
        Bill to:
        Ash & Elm Ltd

        Total: 5.00 EUR
        """,
        [("Invoice number", "A-17"), ("Bill to", "Ash & Elm Ltd"), ("Total", "5.00 EUR")],
    ),
    "keys and values take turns": (
        """
        Invoice number:
        A-17
        Seller:
        Ash & Elm Ltd
        Total due:
        5.00 EUR
        """,
        [("Invoice number", "A-17"), ("Seller", "Ash & Elm Ltd"), ("Total due", "5.00 EUR")],
    ),
    "an empty key at the top, and a slogan": (
        """
        Customer:
        Quality Since Ever
        Total: 5.00 EUR
        """,
        [("Total", "5.00 EUR")],
    ),
    "an address that begins beside its key": (
        """
        Customer: Ash & Elm Ltd
        12 High Street
        London N1
        Total: 5.00 EUR
        """,
        [("Customer", "Ash & Elm Ltd"), ("Total", "5.00 EUR")],
    ),
    "a clause of many lines": (
        """
        Term: This agreement begins today and
        goes on for a year and then
        for another one and then
        for yet another one and then
        for the last one and then
        for as long as all want and
        no longer
        """,
        [],
    ),
    "headings of clauses": (
        """
        Term

        It begins on 1 May 2024 and ends a year later.

        Client

        The Client pays within 30 days.
        """,
        [],
    ),
    "lines for signatures": (
        """
        Client: ________________    Provider: ________________
        Date: ___________           Date: ____________
        """,
        [],
    ),
    "from where to where": (
        """
        From: London To: Paris

        From                To
        London              Paris
        """,
        [],
    ),
    "from whom to whom": (
        """
        Invoice number: A-17

        From                To
        Ash & Elm Ltd       Oak GmbH
        1 High Street       2 Hauptweg
        """,
        [("Invoice number", "A-17"), ("From", "Ash & Elm Ltd"), ("To", "Oak GmbH")],
    ),
    "a journey from one place to another": (
        """
        From                To
        Berlin              London
        Terminal 1          Terminal 5
        """,
        [],
    ),
    "colons in a column of their own": (
        """
        Invoice number     : A-17
        Customer           : Ash & Elm Ltd
        Total              :   5.00 EUR
        """,
        [("Invoice number", "A-17"), ("Customer", "Ash & Elm Ltd"), ("Total", "5.00 EUR")],
    ),
    "dots that lead to pages": (
        """
        Invoice number .......... 4
        Total ................... 12
        Customer ................ 15
        """,
        [],
    ),
    "a date beside an address": (
        """
        Date:         3 May 2024           Ash & Elm Ltd
        Due date:     4 June 2024          3 High Street
        """,
        [("Date", "3 May 2024"), ("Due date", "4 June 2024")],
    ),
    "keys beside the middle of their values": (
        """
                      The Cleaning
        Provider      Company of
                      Scotland

        Client        Oak School

                      Two years from
        Term          the first of
                      May
        """,
        [
            ("Provider", "The Cleaning Company of Scotland"),
            ("Client", "Oak School"),
            ("Term", "Two years from the first of May"),
        ],
    ),
    "rows of such a table too close to tell which line is whose": (
        """
                      The Cleaning
        Provider      Company of
                      Scotland
        Client        Oak School
                      Two years from
        Term          the first of
                      May
        """,
        [("Provider", "The Cleaning Company of Scotland")],
    ),
    "a key without a colon that goes on on the next line": (
        """
        Total               5.00 EUR
        before tax

        Grand total         6.00 EUR
        """,
        [("Grand total", "6.00 EUR")],
    ),
    "paragraphs of one column, of which each had no room": (
        """
        Customer: The Society Of Friends Of
        Old Steamers And Ferries

        Governing law: that of the Republic
        of Malta

        The parties agree on what is above.
        """,
        [
            ("Customer", "The Society Of Friends Of Old Steamers And Ferries"),
            ("Governing law", "that of the Republic of Malta"),
        ],
    ),
    "values that are indented under their keys": (
        """
        Invoice number:
            A-17
        Due date:
            2024-03-04
        """,
        [("Invoice number", "A-17"), ("Due date", "2024-03-04")],
    ),
    "the wide gaps of a justified line": (
        """
        Customer: Society   of   the
        Friends of Old Steamers too

        Total: 1   190,00 EUR
        """,
        [("Total", "1 190,00 EUR")],
    ),
    "keys in two languages": (
        """
        Rechnungsnummer / Invoice no. A-17
        Datum / Date: 5.3.2024
        Gesamtbetrag / Total (EUR): 5,00
        """,
        [
            ("Rechnungsnummer / Invoice no.", "A-17"),
            ("Datum / Date", "5.3.2024"),
            ("Gesamtbetrag / Total (EUR)", "5,00"),
        ],
    ),
    "numbered clauses": (
        """
        1. Term: 24 months
        2.1 Notice period: three months
        (c) Governing law: Ireland
        """,
        [("Term", "24 months"), ("Notice period", "three months"), ("Governing law", "Ireland")],
    ),
    "where a value ends is unclear": (
        """
        Customer: Ash & Elm Ltd Order date: 2024-02-03
        """,
        [],
    ),
    "keys in one cell, values in the next line of text, of another column": (
        """
        From:                    Invoice Number A-17
        Ash & Elm Ltd            Invoice Date 2024-02-03
        1 High Street
        """,
        [("From", "Ash & Elm Ltd"), ("Invoice Number", "A-17"), ("Invoice Date", "2024-02-03")],
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_what_is_found_on_a_page(name: str) -> None:
    page, expected = PAGES[name]
    assert found(drawn(page)) == expected


@pytest.mark.parametrize("name", PAGES)
@settings(deadline=None, max_examples=8)
@given(
    shuffler=st.randoms(use_true_random=False),
    factor=st.floats(0.05, 50),
    right=st.floats(-100, 1000),
    down=st.floats(-100, 1000),
)
def test_neither_the_order_of_drawing_nor_scale_nor_place_matter(
    name: str, shuffler: random.Random, factor: float, right: float, down: float
) -> None:
    page, expected = PAGES[name]
    words = moved(scaled(drawn(page), factor), right * factor, down * factor)
    shuffler.shuffle(words)
    assert found(words) == expected


def test_lines_closer_than_their_letters_are_high() -> None:
    page = drawn("Invoice number: A-17\nCustomer: Ash Ltd\nTotal: 5.00 EUR", pitch=7.5)
    assert found(page) == [("Invoice number", "A-17"), ("Customer", "Ash Ltd"), ("Total", "5.00 EUR")]


def test_columns_whose_lines_are_not_level_are_not_mixed() -> None:
    left = drawn("Customer:\nAsh Ltd")
    right = moved(drawn("never to be\nread across"), 200, 5)
    assert found(left + right) == [("Customer", "Ash Ltd")]


def test_a_key_between_the_two_lines_of_its_value() -> None:
    value = drawn("Two years from the\nfirst of May")
    key = moved(drawn("Term"), -100, 6.5)
    assert found([*key, *value]) == [("Term", "Two years from the first of May")]


def test_a_small_raised_figure_is_a_footnote_mark() -> None:
    line = words_at(50, 100, "Invoice number: A-17")
    mark = words_at(line[-1].right, 96, "1", size=6)
    assert found(line + mark) == [("Invoice number", "A-17")]


def test_page_and_line_say_where_a_key_stands() -> None:
    [pair] = find_pairs(drawn("Head\n\nTotal: 5.00 EUR"), 3, load_vocabulary())
    assert (pair.page, pair.line) == (3, 2)


PARTS = "Total:|Total|Invoice number:|5.00|EUR|A-17|Ash Ltd|Due|date:|....|x|:|\uff1a5|()|-|Bill to|Client:"
WORDS = st.builds(
    lambda text, left, baseline, size: words_at(left, baseline, text, size),
    st.sampled_from(PARTS.split("|")),
    st.floats(0, 600),
    st.floats(0, 800),
    st.sampled_from([6.0, 10.0, 20.0]),
)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=40), st.randoms(use_true_random=False))
def test_any_page_is_read_the_same_in_any_order_and_nothing_is_made_up(
    parts: list[list[Word]], shuffler: random.Random
) -> None:
    words = [word for part in parts for word in part]
    pairs = found(words)
    shuffler.shuffle(words)
    assert found(words) == pairs
    letters = {character for word in words for character in word.text}
    assert all(set(value) <= letters | {" "} for _, value in pairs)
