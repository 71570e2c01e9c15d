"""The business questions, and the keys by which they are known in a document."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from documents.reading.key_values import normalize_key
from documents.values import CURRENCY, KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_CURRENCY_AT_THE_END = re.compile(rf"\s*(?:\bin\s+)?[(\[]?\s*(?P<currency>{CURRENCY})\s*[)\]]?[\s:]*$")
_LONGEST_END = 30
_CURRENCY_AT_THE_BEGINNING = re.compile(rf"^(?P<currency>{CURRENCY})\s+")

_BETWEEN_LANGUAGES = re.compile(r"\s*[/|]\s*")


@dataclass(frozen=True)
class Question:
    """
    A business question, and the keys under which documents give its answer.

    Attributes:
        keys: ranks of names, the best first. Those of a rank have equal right: where they have different values, there
            is no answer. Those of a lower rank count only where no higher one has a value.
        kind: what its values look like, one of `documents.values.KINDS`.
        words: of which a document must have one to be asked, also as a part of a longer word; none: each is asked.
    """

    id: str
    question: str
    keys: tuple[tuple[str, ...], ...]
    kind: str = "text"
    words: tuple[str, ...] = ()

    @property
    def all_keys(self) -> tuple[str, ...]:
        return tuple(key for rank in self.keys for key in rank)


class Vocabulary:
    """
    The keys that are known: those of the questions, with the kinds of their values, and others.

    The others answer nothing. They end the value before them, and tell a table of items or the head of a mail.
    """

    def __init__(self, questions: Sequence[Question], others: dict[str, Sequence[str]]) -> None:
        self._kinds: dict[str, str] = {}
        self._questions: dict[str, set[str]] = {}
        for question in questions:
            for key in question.all_keys:
                self._kinds.setdefault(normalize_key(key), question.kind)
                self._questions.setdefault(normalize_key(key), set()).add(question.id)
        self._others = {group: frozenset(map(normalize_key, keys)) for group, keys in others.items()}
        known = self._kinds.keys() | frozenset().union(*self._others.values())
        self._known = known
        self._known_as = lru_cache(maxsize=10_000)(self._look_up)
        first_words = frozenset(key.split()[0] for key in known if key)
        self._begins_with = lru_cache(maxsize=10_000)(lambda word: normalize_key(word).partition(" ")[0] in first_words)
        self.longest = max((len(key.split()) for key in known), default=0)

    def kind(self, key: str) -> str | None:
        """What the values of a question's key look like; None for all other keys."""
        return self._kinds.get(self.known_as(key))

    def known_as(self, key: str) -> str:
        """
        The normal form of a key, without a currency at its end where it is only known so.

        Of a key in two languages, such as "Datum / Date", it is that of the first, where both are of one question.
        """
        return self._known_as(key)

    def _look_up(self, key: str) -> str:
        whole, plain = normalize_key(key), split_currency(key)[0]
        if whole in self._known:
            return whole
        parts = [normalize_key(part) for part in _BETWEEN_LANGUAGES.split(plain)]
        if len(parts) == 1:
            return parts[0] if parts[0] in self._known else whole
        return parts[0] if set.intersection(*(self._questions.get(part, set()) for part in parts)) else whole

    def knows(self, key: str) -> bool:
        return self.known_as(key) in self._known

    def begins_with(self, word: str) -> bool:
        """Whether any key begins with that word: most words of a page need no further look."""
        return self._begins_with(word)

    def is_other(self, group: str, key: str) -> bool:
        return normalize_key(key) in self._others.get(group, ())


def split_currency(key: str) -> tuple[str, str | None]:
    """
    A key without the currency at its end, or before it on a page that runs from right to left, and that currency.

    >>> split_currency("Total (EUR)")
    ('Total', 'EUR')
    """
    if (found := _CURRENCY_AT_THE_END.search(key, max(len(key) - _LONGEST_END, 0))) and found.start():
        return key[: found.start()], found["currency"]
    if found := _CURRENCY_AT_THE_BEGINNING.match(key):
        return key[found.end() :], found["currency"]
    return key, None


@cache
def load_questions() -> tuple[Question, ...]:
    """The questions of `questions.json`, which is part of the function's code."""
    return parse_questions(_file("questions.json"))


@cache
def load_vocabulary() -> Vocabulary:
    """The keys of the questions, and those of `other_keys.json`."""
    return Vocabulary(load_questions(), json.loads(_file("other_keys.json")))


def parse_questions(text: str) -> tuple[Question, ...]:
    """
    Questions from JSON, an array of `{"id", "question", "kind", "keys", "words"}`; `ValueError` for anything else.

    `kind` may be left out ("text"), and `words` too (none). `keys` are arrays of names, one a rank, or
    the names of a single rank.
    """
    questions = tuple(map(_question, json.loads(text)))
    ids = [question.id for question in questions]
    if len(set(ids)) < len(ids):
        raise ValueError(f"Two questions have the same id; each needs its own: {ids}")
    return questions


def _question(entry: Any) -> Question:
    match entry:
        case {"id": str(id_), "question": str(question), "keys": [_, *_] as keys, **others}:
            kind = others.pop("kind", "text")
            ranks = [keys] if all(isinstance(key, str) for key in keys) else keys
            words = others.pop("words", ["any"])
            if not others and kind in KINDS and all(map(_is_rank, [*ranks, words])):
                return Question(id_, question, tuple(map(tuple, ranks)), kind, tuple(entry.get("words", ())))
    raise ValueError(
        f"A question is {entry!r:.200}; expected an object of id, question, keys (names, or ranks of them, none empty)"
        f" and, where it is not text, kind (one of {', '.join(KINDS)}), and words."
    )


def _is_rank(rank: Any) -> bool:
    return isinstance(rank, list) and bool(rank) and all(isinstance(key, str) for key in rank)


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")
