"""What is read from a document, as it goes from Extract to Answer by way of `extracted.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class KeyValue:
    """
    A key with its value, and where it stands.

    `page` and `line` count from 1. A form field belongs to the form, not to a line of text: both are None.
    """

    key: str
    value: str
    page: int | None = None
    line: int | None = None


@dataclass(frozen=True)
class ExtractedDocument:
    """`pages`: the text of each. `key_values`: form fields first, then the pages' lines in reading order."""

    pages: tuple[str, ...]
    key_values: tuple[KeyValue, ...]
    warnings: tuple[str, ...] = ()

    @property
    def characters(self) -> int:
        return sum(len(page) for page in self.pages)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            pages=tuple(stored["pages"]),
            key_values=tuple(KeyValue(**key_value) for key_value in stored["key_values"]),
            warnings=tuple(stored["warnings"]),
        )
