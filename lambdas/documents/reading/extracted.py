"""What is read from a document, as it goes from Extract to Answer by way of `extracted.json`."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class KeyValue:
    """
    A key with its value, and where it stands.

    `page` and `line` count from 1. A form field belongs to the form, not to a line of text: `line` is None, and so
    is `page` where the reader does not tell it. `confidence` is how sure a reader of images is, in percent.
    """

    key: str
    value: str
    page: int | None = None
    line: int | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class ExtractedDocument:
    """
    `pages`: the text of each. `key_values`: form fields first, then the pages' lines in reading order.

    `usage`: what reading it took of a service that is paid for; None of one that is not. `e_invoice`: the data of an
    attached e-invoice, under keys of the questions. What an earlier release has stored has none.
    """

    pages: tuple[str, ...]
    key_values: tuple[KeyValue, ...]
    warnings: tuple[str, ...] = ()
    usage: Mapping[str, Any] | None = None
    e_invoice: tuple[KeyValue, ...] = ()

    @property
    def characters(self) -> int:
        return sum(len(page) for page in self.pages)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self, dict_factory=without_unknown)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            pages=tuple(stored["pages"]),
            key_values=tuple(KeyValue(**key_value) for key_value in stored["key_values"]),
            warnings=tuple(stored["warnings"]),
            usage=stored.get("usage"),
            e_invoice=tuple(KeyValue(**key_value) for key_value in stored.get("e_invoice", ())),
        )


def without_unknown(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The members of a record for JSON, without those that only some readers know and this one did not."""
    return {name: value for name, value in members if value is not None or name not in _KNOWN_TO_SOME}


_KNOWN_TO_SOME = frozenset({"confidence", "usage"})
