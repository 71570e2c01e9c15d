"""Words, fields, notes and attachments of a PDF, where they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.reading.page_model import Contents, Word
from documents.reading.pdf_file import read_pdf
from tests.support.pdf_files import PdfFile, image, stream, text


def contents_of(*contents: str, **entries: object) -> Contents:
    return read_pdf(PdfFile(contents, **entries).to_bytes())[0]  # type: ignore[arg-type]


def page_text(*contents: str, **entries: object) -> str:
    return contents_of(*contents, **entries).pages[0].text


def test_a_word_has_its_place_as_shown() -> None:
    [page] = contents_of(text("Total: 5", left=100, top=700, size=20)).pages
    total, five = page.words
    assert (page.width, page.height) == (600, 800)
    assert (total.text, five.text) == ("Total:", "5")
    assert (total.left, total.size, total.top, total.bottom) == pytest.approx((100, 20, 85, 105), abs=0.5)
    assert total.right < five.left < five.right < 200
    assert (five.top, five.bottom) == (total.top, total.bottom)


@pytest.mark.parametrize(
    ("turn", "matrix"),
    [(0, "1 0 0 1 0 0"), (90, "0 1 -1 0 600 0"), (180, "-1 0 0 -1 600 800"), (270, "0 -1 1 0 0 800")],
)
def test_a_page_that_is_turned_is_read_as_shown(turn: int, matrix: str) -> None:
    upright = contents_of(text("Invoice number: 7", "Total: 5", top=500)).pages[0]
    turned = contents_of(
        f"q {matrix} cm {text('Invoice number: 7', 'Total: 5', top=500)} Q", page_entries=f"/Rotate {turn}"
    ).pages[0]
    assert turned.text == upright.text
    steps = [(one.left - two.left, one.top - two.top) for one, two in zip(turned.words, upright.words, strict=True)]
    assert steps == [pytest.approx(steps[0], abs=0.1)] * len(steps)


def test_a_line_drawn_as_one_is_one_line_though_it_rises_a_little() -> None:
    line = "Total:" + 40 * " " + "5"
    assert page_text(f"BT /F1 12 Tf 1 0.03 -0.03 1 50 700 Tm ({line}) Tj ET") == "Total: 5"


def test_a_word_begins_where_its_leftmost_letters_are() -> None:
    [iban, seven] = contents_of("BT /F1 12 Tf 150 700 Td [(IBA) 6000 (N) -500 (7)] TJ ET").pages[0].words
    assert (iban.text, seven.text) == ("IBAN", "7")
    assert iban.left < seven.left


def test_scale_is_applied() -> None:
    [word] = contents_of(f"q 0.1 0 0 0.1 0 0 cm {text('Total', left=500, top=7000, size=120)} Q").pages[0].words
    assert (word.left, word.size) == pytest.approx((50, 12), abs=0.5)


@settings(deadline=None, max_examples=25)
@given(st.permutations(["Invoice number: 7", "Customer: Foo Ltd", "Date: 3 May", "Total: 5"]))
def test_the_order_of_drawing_does_not_matter(order: list[str]) -> None:
    places = {"Invoice number: 7": 700, "Customer: Foo Ltd": 680, "Date: 3 May": 660, "Total: 5": 640}
    assert page_text("".join(text(line, top=places[line]) for line in order)) == "\n".join(places)


def test_letters_drawn_one_by_one_are_words() -> None:
    letters, at = [], 50.0
    widths = {"T": 7.33, "o": 6.67, "t": 3.33, "a": 6.67, "l": 2.67, "5": 6.67, " ": 3.33}
    for letter in "Total 5":
        if letter != " ":
            letters.append(text(letter, left=at))
        at += widths[letter]
    assert page_text("".join(letters)) == "Total 5"
    assert page_text("".join(reversed(letters))) == "Total 5"


@pytest.mark.parametrize("shift", [0, 0.3, 1])
def test_bold_that_is_printed_twice_is_read_once(shift: float) -> None:
    assert page_text(text("Total: 70.00 EUR") + text("Total: 70.00 EUR", left=50 + shift)) == "Total: 70.00 EUR"


def test_double_letters_stay() -> None:
    assert page_text(text("Committee coffee 1,100.00")) == "Committee coffee 1,100.00"


def test_lines_closer_than_their_letters_are_high_stay_apart() -> None:
    assert page_text(text("Invoice: 7", "Total: 5", size=12, leading=9)) == "Invoice: 7\nTotal: 5"


def test_a_raised_mark_is_a_word_of_its_own() -> None:
    mark = text("1", left=50 + 66.7, top=754, size=6)
    assert "INV-7 1" in page_text(text("Number: INV-7", left=50) + mark)


@pytest.mark.parametrize(
    "hidden",
    [
        text("Total: 1", top=900),
        text("Total: 1", left=-300),
        "3 Tr " + text("Total: 1", top=600) + "0 Tr ",
        "1 1 1 rg " + text("Total: 1", top=600) + "0 g ",
        "/OC /Off BDC " + text("Total: 1", top=600) + " EMC ",
        text("Total: 1", top=600) + "1 g 0 590 600 30 re f 0 g ",
        text("Total: 1", top=600) + "0 g 0 590 600 30 re f ",
        "q 0 0 40 40 re W n " + text("Total: 1", top=600) + "Q ",
        text("Total: 1", top=600) + "0 g 50 599.5 41 9.5 re f ",
        text("Total: 1", top=600) + "q 100 0 0 30 40 590 cm /Dot Do Q ",
        text("Total: 1", top=600) + "/Bar Do ",
        text("Total: 1", top=600) + "0.9 g 300 20 8 8 re f " * 600 + "0 g 0 590 600 30 re f ",
        "0 0 .6 rg 0 590 600 30 re f " + text("Total: 1", top=600) + "0 g ",
        text("Total: 1", top=600, size=0.5),
    ],
    ids=[
        "above the page",
        "left of it",
        "invisible",
        "white on white",
        "layer that is off",
        "painted over",
        "blackened",
        "outside of what is drawn",
        "under a tight bar",
        "under an image",
        "under a bar in a form",
        "under the last of many",
        "in the colour of its ground",
        "too small for eyes",
    ],
)
def test_what_nobody_sees_is_not_read(hidden: str) -> None:
    catalog = "/OCProperties<</OCGs[4 0 R]/D<</OFF[4 0 R]>>>>"
    resources = "/Properties<</Off 4 0 R>>/XObject<</Dot 5 0 R/Bar 6 0 R>>"
    bar = stream(b"0 g 0 590 600 30 re f", "/Type/XObject/Subtype/Form/BBox[0 0 600 800]")
    objects = {4: b"<</Type/OCG/Name(Off)>>", 5: image(), 6: bar}
    assert page_text(hidden + text("Total: 5"), objects=objects, catalog=catalog, resources=resources) == "Total: 5"


@pytest.mark.parametrize("kind", ["Square", "Redact", "Stamp"])
def test_what_is_under_an_annotation_is_not_read(kind: str) -> None:
    objects = {
        4: f"<</Type/Annot/Subtype/{kind}/Rect[40 590 200 620]/F 4/AP<</N 5 0 R>>>>".encode(),
        5: stream(b"0 g 0 0 160 30 re f", "/Type/XObject/Subtype/Form/BBox[0 0 160 30]"),
    }
    drawn = text("Total: 1", top=600) + text("Total: 5")
    assert page_text(drawn, objects=objects, page_entries="/Annots[4 0 R]") == "Total: 5"


def test_of_what_is_whited_out_and_typed_over_the_new_is_read() -> None:
    cover = "1 g 80 745 100 20 re f 0 g "
    drawn = text("Total:") + text("9.00 EUR", left=90) + cover + text("8.50 EUR", left=90)
    assert page_text(drawn) == "Total: 8.50 EUR"


def test_a_layer_that_is_on_is_read() -> None:
    layers = {"catalog": "/OCProperties<</OCGs[4 0 R]/D<</ON[4 0 R]>>>>", "resources": "/Properties<</On 4 0 R>>"}
    objects = {4: b"<</Type/OCG/Name(On)>>"}
    assert page_text("/OC /On BDC " + text("Total: 5") + " EMC", objects=objects, **layers) == "Total: 5"


def test_white_text_on_dark_ground_is_read() -> None:
    assert page_text("0 g 0 700 600 100 re f 1 1 1 rg " + text("Total: 5")) == "Total: 5"


@pytest.mark.parametrize(
    "drawn",
    [
        "1 g 0 700 600 100 re f 0 g " + text("Total: 5"),
        text("Total: 5") + "/Highlight gs 1 1 0 rg 0 740 600 30 re f ",
        "q 0 700 600 100 re W n " + text("Total: 5") + "Q ",
    ],
    ids=["on a ground", "highlighted", "in a frame"],
)
def test_what_is_seen_between_other_drawings_is_read(drawn: str) -> None:
    assert page_text(drawn, resources="/ExtGState<</Highlight<</BM/Multiply>>>>") == "Total: 5"


FIELDS = {
    4: b"<</Type/Annot/Subtype/Widget/FT/Tx/T(Code)/V(secret)/Ff 8192/Rect[50 600 200 620]>>",
    5: b"<</Type/Annot/Subtype/Widget/FT/Tx/T(Customer)/TU(Who buys)/V(Foo Ltd)/Rect[50 560 200 580]>>",
    6: b"<</Type/Annot/Subtype/Widget/FT/Ch/T(Law)/Ff 131072/Opt[[(DE)(Germany)][(FR)(France)]]/V(DE)"
    b"/Rect[50 520 200 540]>>",
    7: b"<</Type/Annot/Subtype/Widget/FT/Btn/T(Paid)/V/Yes/AS/Yes/Rect[50 480 62 492]"
    b"/AP<</N<</Yes 9 0 R/Off 9 0 R>>>>>>",
    8: b"<</Type/Annot/Subtype/FreeText/Contents(812.00 EUR)/Rect[100 745 300 765]/DA(/F1 12 Tf)>>",
    9: stream(b"", "/Type/XObject/Subtype/Form/BBox[0 0 12 12]"),
}


def test_fields_have_what_they_show() -> None:
    contents = contents_of(
        text("already paid", left=68, top=483),
        objects=FIELDS,
        page_entries="/Annots[4 0 R 5 0 R 6 0 R 7 0 R]",
        catalog="/AcroForm<</Fields[4 0 R 5 0 R 6 0 R 7 0 R]>>",
    )
    code, customer, law, paid = contents.fields
    assert (code.secret, code.value) == (True, "")
    assert (customer.name, customer.tooltip, customer.value) == ("Customer", "Who buys", "Foo Ltd")
    assert (customer.left, customer.top, customer.right, customer.bottom) == pytest.approx((50, 220, 200, 240))
    assert (law.kind, law.value) == ("choice", "Germany")
    assert (paid.kind, paid.checked, paid.caption, paid.value) == ("check box", True, "already paid", "")


@pytest.mark.parametrize("place", ["0 0 0 0", "900 900 1000 920"])
def test_fields_without_a_place_on_the_page_are_not_read(place: str) -> None:
    field = f"<</Type/Annot/Subtype/Widget/FT/Tx/T(Total)/V(5.00)/Rect[{place}]>>".encode()
    assert contents_of(text("Total:"), objects={4: field}, page_entries="/Annots[4 0 R]").fields == ()


def test_fields_that_no_form_lists_are_fields() -> None:
    contents = contents_of(
        text("Order"), objects=FIELDS, page_entries="/Annots[5 0 R]", catalog="/AcroForm<</Fields[]>>"
    )
    assert [field.value for field in contents.fields] == ["Foo Ltd"]


def test_a_note_typed_onto_the_page_stands_in_its_line() -> None:
    assert page_text(text("Total:"), objects=FIELDS, page_entries="/Annots[8 0 R]") == "Total: 812.00 EUR"


@pytest.mark.parametrize("kind", ["Stamp/Name/Approved", "Text", "Highlight/QuadPoints[50 760 90 760 50 740 90 740]"])
def test_stamps_and_comments_are_not_the_document(kind: str) -> None:
    entries = "/Type/XObject/Subtype/Form/BBox[0 0 99 20]/Resources<</Font<</F1 3 0 R>>>>"
    look = stream(text("Total: 9", left=0, top=0).encode(), entries)
    comment = f"<</Type/Annot/Subtype/{kind}/Contents(Total: 9)/Rect[50 600 149 620]/AP<</N 5 0 R>>>>".encode()
    assert page_text(text("Total: 5"), objects={4: comment, 5: look}, page_entries="/Annots[4 0 R]") == "Total: 5"


def test_attached_files() -> None:
    objects = {4: b"<</Type/Filespec/UF(a.xml)/F(a.xml)/EF<</F 5 0 R>>>>", 5: stream(b"<a/>", "/Type/EmbeddedFile")}
    catalog = "/Names<</EmbeddedFiles<</Names[(a.xml) 4 0 R]>>>>"
    [attachment] = contents_of(text("Invoice"), objects=objects, catalog=catalog).attachments
    assert (attachment.name, attachment.content) == ("a.xml", b"<a/>")


def test_words_are_in_reading_order() -> None:
    [page] = contents_of(text("right", left=300) + text("left") + text("below", top=700)).pages
    assert [word.text for word in page.words] == ["left", "right", "below"]
    assert all(isinstance(word, Word) for word in page.words)
