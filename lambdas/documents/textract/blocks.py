"""
From the blocks of Amazon Textract to the pages' text and key-values.

A block may name others that are not there, and anything may be missing in it: what cannot be followed is left out.
Only relations of a key to its own words and values are followed, so that no circle of blocks can hold us up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from documents.reading.extracted import ExtractedDocument, KeyValue
from documents.reading.key_values import find_key_values, normalize_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Block = Mapping[str, Any]

SELECTED = "selected"
NOT_SELECTED = "not selected"
_NEEDED_TYPES = frozenset({"LINE", "WORD", "KEY_VALUE_SET", "SELECTION_ELEMENT"})
_NEEDED_MEMBERS = ("BlockType", "Text", "Page", "Confidence", "EntityTypes", "SelectionStatus", "Relationships")


class BlockReader:
    """
    Collects blocks, as they come in several answers, and reads them.

    Of each it keeps what is read: the outlines on the page are most of an answer, and thousands of pages have millions.
    """

    def __init__(self) -> None:
        self._blocks: dict[str, Block] = {}

    def add(self, blocks: Iterable[Block]) -> None:
        """Take in the blocks of one answer; one that has come before is left as it was."""
        for block in blocks:
            if "Id" in block and block.get("BlockType") in _NEEDED_TYPES:
                kept = {name: block[name] for name in _NEEDED_MEMBERS if block.get(name) is not None}
                self._blocks.setdefault(block["Id"], kept)

    def read(self, page_count: int) -> ExtractedDocument:
        """The document of so many pages, each with its lines in the order in which Textract tells them."""
        lines: list[list[str]] = [[] for _ in range(max(page_count, 1))]
        for block in self._of_type("LINE"):
            lines[self._page(block, page_count) - 1].append(block.get("Text", ""))
        pages = tuple("\n".join(page) for page in lines)
        fields = [field for block in self._of_type("KEY_VALUE_SET") if (field := self._field(block, page_count))]
        known = {(field.page, normalize_key(field.key), field.value) for field in fields}
        in_lines = [pair for number, page in enumerate(pages, 1) for pair in find_key_values(page, number)]
        others = [pair for pair in in_lines if (pair.page, normalize_key(pair.key), pair.value) not in known]
        return ExtractedDocument(pages=pages, key_values=(*fields, *others))

    def _of_type(self, block_type: str) -> Iterator[Block]:
        return (block for block in self._blocks.values() if block["BlockType"] == block_type)

    def _page(self, block: Block, page_count: int) -> int:
        page: int = block.get("Page", 1)
        return min(max(page, 1), max(page_count, 1))

    def _field(self, block: Block, page_count: int) -> KeyValue | None:
        """The form field of a KEY block, where it has a key and a value."""
        if "KEY" not in block.get("EntityTypes", ()):
            return None
        values = list(self._related(block, "VALUE"))
        key = self._words(block).rstrip(":\uff1a ")
        value = " ".join(filter(None, map(self._words, values)))
        if not key or not value:
            return None
        confidences = [each["Confidence"] for each in (block, *values) if "Confidence" in each]
        confidence = round(min(confidences), 1) if confidences else None
        return KeyValue(key, value, self._page(block, page_count), confidence=confidence)

    def _words(self, block: Block) -> str:
        return " ".join(filter(None, map(_word, self._related(block, "CHILD"))))

    def _related(self, block: Block, kind: str) -> Iterator[Block]:
        for relation in block.get("Relationships", ()):
            if relation.get("Type") == kind:
                yield from (self._blocks[each] for each in relation.get("Ids", ()) if each in self._blocks)


def _word(block: Block) -> str:
    if block["BlockType"] == "SELECTION_ELEMENT":
        return SELECTED if block.get("SelectionStatus") == "SELECTED" else NOT_SELECTED
    return str(block.get("Text", "")).strip() if block["BlockType"] == "WORD" else ""
