"""From blocks to text and key-values: the documented graphs, and graphs of all other kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from documents.reading.extracted import ExtractedDocument, KeyValue
from documents.textract.blocks import BlockReader
from tests.support.aws_stubs import answer


def read(blocks: Iterable[dict[str, Any]], pages: int = 1) -> ExtractedDocument:
    reader = BlockReader()
    reader.add(blocks)
    return reader.read(pages)


def word(block_id: str, text: str) -> dict[str, Any]:
    return {"BlockType": "WORD", "Id": block_id, "Text": text, "Confidence": 99.0}


def entity(block_id: str, kind: str, **related: list[str]) -> dict[str, Any]:
    relations = [{"Type": name, "Ids": ids} for name, ids in related.items()]
    return {
        "BlockType": "KEY_VALUE_SET",
        "Id": block_id,
        "EntityTypes": [kind],
        "Confidence": 90.04 if kind == "KEY" else 80.06,
        "Relationships": relations,
    }


def test_a_form_has_its_fields_with_page_and_confidence_and_checkboxes_say_whether() -> None:
    document = read(answer("textract_page")["Blocks"])
    assert document.pages == (
        "ORDER FORM\nOrder number: PO-7788\nCustomer: Sample Retail GmbH\nExpress delivery\nGift wrapping\nSignature",
    )
    assert document.key_values == (
        KeyValue("Order number", "PO-7788", 1, confidence=95.1),
        KeyValue("Customer", "Sample Retail GmbH", 1, confidence=91.5),
        KeyValue("Express delivery", "selected", 1, confidence=88.2),
        KeyValue("Gift wrapping", "not selected", 1, confidence=87.8),
    )


def test_blocks_that_come_in_several_answers_are_one_document() -> None:
    parts = [answer(f"textract_job_{number}")["Blocks"] for number in (1, 2, 3)]
    document = read([block for part in parts for block in part], 3)
    assert [page.split("\n")[0] for page in document.pages] == ["SERVICE CONTRACT", "Term: 24 months", ""]
    assert [(pair.key, pair.value, pair.page) for pair in document.key_values] == [
        ("Contract number", "SC-2026-07", 1),
        ("Provider", "Demo Logistics Inc.", 1),
        ("Term", "24 months", 2),
        ("Governing law", "Ireland", 2),
        ("Client", "Sample Retail GmbH", 1),  # lines that are no fields to Textract follow, as with every reader
        ("Total", "EUR 1,190.00 a month", 2),
    ]


def test_a_field_is_as_sure_as_the_less_sure_of_its_halves() -> None:
    blocks = [
        entity("k", "KEY", VALUE=["v"], CHILD=["1"]),
        entity("v", "VALUE", CHILD=["2", "3"]),
        *(word("1", "Total\uff1a"), word("2", "EUR"), word("3", "5")),
    ]
    assert read(blocks).key_values == (KeyValue("Total", "EUR 5", 1, confidence=80.1),)


def test_a_block_that_comes_again_counts_once_and_circles_hold_nobody_up() -> None:
    blocks = [
        entity("k", "KEY", VALUE=["v", "k"], CHILD=["k", "1", "nowhere"]),
        entity("v", "VALUE", CHILD=["v", "k", "2"], VALUE=["k"]),
        *(word("1", "Total"), word("2", "5")),
    ]
    document = read([*blocks, *blocks])
    assert [(pair.key, pair.value) for pair in document.key_values] == [("Total", "5 Total")]


def test_the_same_pair_on_a_line_and_in_a_field_is_told_once_and_others_are_kept() -> None:
    line = {"BlockType": "LINE", "Id": "l", "Text": "TOTAL: 5", "Page": 1}
    other = {"BlockType": "LINE", "Id": "m", "Text": "Total: 6", "Page": 1}
    field = [entity("k", "KEY", VALUE=["v"], CHILD=["1"]), entity("v", "VALUE", CHILD=["2"])]
    document = read([line, other, *field, word("1", "Total:"), word("2", "5")])
    assert [(pair.key, pair.value, pair.line) for pair in document.key_values] == [
        ("Total", "5", None),
        ("Total", "6", 2),
    ]


IDS = st.sampled_from("abcdefgh")
RELATIONS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"Type": st.sampled_from(["CHILD", "VALUE", "ANSWER"]), "Ids": st.lists(IDS, max_size=4)}
    ),
    max_size=3,
)
BLOCKS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "Id": IDS,
            "BlockType": st.sampled_from(["PAGE", "LINE", "WORD", "KEY_VALUE_SET", "SELECTION_ELEMENT", "TABLE"]),
            "Text": st.text(max_size=8),
            "Page": st.one_of(st.integers(-1, 5), st.just(10**12)),
            "Confidence": st.floats(0, 100),
            "EntityTypes": st.lists(st.sampled_from(["KEY", "VALUE"]), max_size=2),
            "SelectionStatus": st.sampled_from(["SELECTED", "NOT_SELECTED"]),
            "Relationships": st.one_of(st.none(), RELATIONS),
        },
    ),
    max_size=25,
)


@given(BLOCKS, st.integers(0, 4))
def test_whatever_the_blocks_a_document_is_read_and_each_key_at_most_once(
    blocks: list[dict[str, Any]], pages: int
) -> None:
    document = read(blocks, pages)
    assert len(document.pages) == max(pages, 1)
    fields = [pair for pair in document.key_values if pair.line is None]
    keys = {block["Id"] for block in blocks if "Id" in block and "KEY" in block.get("EntityTypes", ())}
    assert len(fields) <= len(keys)
    for pair in document.key_values:
        assert pair.key
        assert pair.value
        assert 1 <= (pair.page or 0) <= max(pages, 1)
    assert ExtractedDocument.from_dict(document.to_dict()) == document


@given(st.permutations([*"abcd"]), st.data())
def test_each_key_gives_its_own_pair_in_whatever_order_the_blocks_come(names: list[str], data: st.DataObject) -> None:
    blocks = [
        block
        for name in names
        for block in (
            entity(f"k{name}", "KEY", VALUE=[f"v{name}"], CHILD=[f"x{name}"]),
            entity(f"v{name}", "VALUE", CHILD=[f"y{name}"]),
            word(f"x{name}", f"key {name}"),
            word(f"y{name}", f"value {name}"),
        )
    ]
    shuffled = data.draw(st.permutations(blocks))
    found = [(pair.key, pair.value) for pair in read(shuffled).key_values]
    assert sorted(found) == [(f"key {name}", f"value {name}") for name in "abcd"]
