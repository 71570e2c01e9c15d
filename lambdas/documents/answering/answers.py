"""Answering business questions about an extracted document."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from documents.reading.extracted import ExtractedDocument, KeyValue, without_unknown
from documents.reading.key_values import normalize_key

MAX_SUMMARY_CHARACTERS = 200


@dataclass(frozen=True)
class Question:
    """A business question, and the keys under which documents give its answer, the best first."""

    id: str
    question: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Passage:
    """Words of the document, and the page on which they begin, counted from 1."""

    text: str
    page: int


@dataclass(frozen=True)
class Answer:
    """
    What the document says to a question.

    `answer` stands in the document as it is here, at `source`; where the document has none it is None, and
    `reason` says why. `also_found` are other values under the same key: a person may want to look.
    """

    id: str
    question: str
    answer: str | None
    source: KeyValue | Passage | None = None
    reason: str | None = None
    also_found: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self, dict_factory=without_unknown)


@dataclass(frozen=True)
class Answers:
    """The answers, and what they took of a service that is paid for (`usage`; None of one that is not)."""

    answers: tuple[Answer, ...]
    usage: Mapping[str, Any] | None = None


class Answerer(Protocol):
    """What Answer needs of whoever reads the document for it."""

    def answer(self, document: ExtractedDocument, questions: Sequence[Question]) -> Answers:
        """One answer a question, in the order of the questions; never one that is not in the document."""
        ...


class KeyValueAnswerer:
    """Answers from the document's key-values alone: the same document always has the same answers."""

    def answer(self, document: ExtractedDocument, questions: Sequence[Question]) -> Answers:
        by_key: dict[str, list[KeyValue]] = {}
        for key_value in document.key_values:
            by_key.setdefault(normalize_key(key_value.key), []).append(key_value)
        return Answers(tuple(_answer(question, by_key) for question in questions))


def _answer(question: Question, by_key: Mapping[str, list[KeyValue]]) -> Answer:
    for key in question.keys:
        if found := by_key.get(normalize_key(key)):
            first = found[0]
            others = dict.fromkeys(other.value for other in found if other.value != first.value)
            return Answer(question.id, question.question, first.value, first, also_found=tuple(others))
    reason = f"The document has none of the keys {', '.join(question.keys)}."
    return Answer(question.id, question.question, None, reason=reason)


@cache
def load_questions() -> tuple[Question, ...]:
    """The questions of `questions.json`, which is part of the function's code."""
    return parse_questions((Path(__file__).parents[1] / "questions.json").read_text("utf-8"))


def parse_questions(text: str) -> tuple[Question, ...]:
    """Questions from JSON, an array of `{"id", "question", "keys"}`; `ValueError` for anything else."""
    questions = []
    for entry in json.loads(text):
        match entry:
            case {"id": str(id_), "question": str(question), "keys": [_, *_] as keys, **rest} if not rest:
                questions.append(Question(id_, question, tuple(keys)))
            case _:
                raise ValueError(
                    f"A question is {entry!r:.200}; expected an object of id, question and keys (not empty)."
                )
    ids = [question.id for question in questions]
    if len(set(ids)) < len(ids):
        raise ValueError(f"Two questions have the same id; each needs its own: {ids}")
    return tuple(questions)


def summarize(answers: Sequence[Answer]) -> dict[str, str]:
    """The answers that were found, by id, short enough to be kept on the task (200 characters each)."""
    return {answer.id: answer.answer[:MAX_SUMMARY_CHARACTERS] for answer in answers if answer.answer is not None}
