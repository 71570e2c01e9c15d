"""Answering business questions about an extracted document."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from documents.questions import Question, split_currency
from documents.reading.extracted import KeyValue, without_unknown
from documents.reading.key_values import normalize_key
from documents.values import has_currency, is_zero, read, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from documents.questions import Vocabulary
    from documents.reading.extracted import ExtractedDocument

MAX_SUMMARY_CHARACTERS = 200
MAX_SUMMARY_VALUES = 5


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
    `reason` says why. `also_found` are other values that the document has for it: all that are of equal right where
    there is no answer because of them, else those of less right. A person may want to look.
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


@dataclass(frozen=True)
class Candidate:
    """A value that has the form of an answer, and where it stands."""

    value: str
    source: KeyValue


class KeyValueAnswerer:
    """
    Answers from the document's key-values alone: the same document always has the same answers.

    The data of an e-invoice go first, then the question's keys, then its weaker keys; of these, form fields go before
    what is printed. The first of these that has values decides: one value is the answer, two that differ are none.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def answer(self, document: ExtractedDocument, questions: Sequence[Question]) -> Answers:
        return Answers(tuple(self._answer(question, document) for question in questions))

    def _answer(self, question: Question, document: ExtractedDocument) -> Answer:
        carried_over = [
            pair.value for pair in document.key_values if self._vocabulary.is_other("carried_over", pair.key)
        ]
        ranks = [_that_count(question, rank, carried_over) for rank in _ranks(question, document)]
        ranks = [rank for rank in ranks if rank]
        if not ranks:
            keys = ", ".join(question.all_keys[:5])
            return Answer(
                question.id, question.question, None, reason=f"The document has no value for {keys} or their like."
            )
        found, others = ranks[0], _different(question.kind, [each for rank in ranks for each in rank])
        if len(_different(question.kind, found)) > 1:
            reason = "The document has more than one value for this, and none has more right than the others."
            values = tuple(each.value for each in _different(question.kind, found))
            return Answer(question.id, question.question, None, reason=reason, also_found=values)
        first = found[0]
        also_found = tuple(each.value for each in others if not same(question.kind, each.value, first.value))
        return Answer(question.id, question.question, first.value, first.source, also_found=also_found)


def _ranks(question: Question, document: ExtractedDocument) -> Iterator[list[Candidate]]:
    """The candidates of a question, those of most right first."""
    yield list(_candidates(question, question.all_keys, document.e_invoice))
    fields = [pair for pair in document.key_values if pair.line is None]
    printed = [pair for pair in document.key_values if pair.line is not None]
    for keys in (question.keys, question.weaker_keys):
        yield list(_candidates(question, keys, fields))
        yield list(_candidates(question, keys, printed))


def _candidates(question: Question, keys: Sequence[str], pairs: Iterable[KeyValue]) -> Iterator[Candidate]:
    names = {normalize_key(key) for key in keys}
    for pair in pairs:
        key, currency = (pair.key, None) if normalize_key(pair.key) in names else split_currency(pair.key)
        value = read(question.kind, pair.value) if normalize_key(key) in names else None
        if value is not None:
            has_none = currency and question.kind == "amount" and not has_currency(value)
            yield Candidate(f"{value} {currency}" if has_none else value, pair)


def _that_count(question: Question, found: list[Candidate], carried_over: list[str]) -> list[Candidate]:
    """Without sums that are carried over to the next page, nor nothing that is still due, where there are others."""
    if question.kind != "amount":
        return found
    own = [each for each in found if not any(same("amount", each.value, other) for other in carried_over)]
    return [each for each in own if not is_zero(each.value)] or own


def _different(kind: str, found: Sequence[Candidate]) -> list[Candidate]:
    """The first of each value."""
    kept: list[Candidate] = []
    for each in found:
        if not any(same(kind, each.value, other.value) for other in kept):
            kept.append(each)
    return kept


def summarize(answers: Sequence[Answer]) -> dict[str, str]:
    """The answers that were found, by id, short enough to be kept on the task (200 characters each)."""
    return {answer.id: _short(answer.answer) for answer in answers if answer.answer is not None}


def summarize_undecided(answers: Sequence[Answer]) -> dict[str, list[str]]:
    """What was found for the questions that have no answer, by id: five values each, of 200 characters."""
    return {
        answer.id: [_short(value) for value in answer.also_found[:MAX_SUMMARY_VALUES]]
        for answer in answers
        if answer.answer is None and answer.also_found
    }


def _short(value: str) -> str:
    return value[:MAX_SUMMARY_CHARACTERS]
