"""Answering business questions about an extracted document."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from documents.answering.no_totals import NoTotals
from documents.questions import Question, split_currency
from documents.reading.extracted import KeyValue, without_unknown
from documents.reading.key_values import normalize_key
from documents.values import has_currency, is_plain_count, is_zero, read, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from documents.questions import Vocabulary
    from documents.reading.extracted import ExtractedDocument

    _ByKey = dict[str, list[tuple[int, KeyValue, str | None]]]

MAX_SUMMARY_CHARACTERS = 200
MAX_SUMMARY_VALUES = 5
MAX_CANDIDATES = 1_000
MAX_ALSO_FOUND = 20


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
    """A value that has the form of an answer, where it stands, and how often its key has it on that page."""

    value: str
    source: KeyValue
    times: int = 1


class KeyValueAnswerer:
    """
    Answers from the document's key-values alone: the same document always has the same answers.

    The data of an e-invoice go first, then the question's ranks of keys. The first of these that has values decides:
    one value is the answer, two that differ are none, also where one is a form's and the other is printed.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def answer(self, document: ExtractedDocument, questions: Sequence[Question]) -> Answers:
        pairs = _Pairs(document, self._vocabulary)
        carried_over = {
            pair.value for pair in document.key_values if self._vocabulary.is_other("carried_over", pair.key)
        }
        no_totals = NoTotals(document.pages)
        words = "\n".join((*document.pages, *(pair.key for pair in document.key_values))).casefold()
        return Answers(
            tuple(
                _answer(question, pairs, carried_over, no_totals)
                if not question.words or any(word in words for word in question.words)
                else _none(question, f"The document has none of the words {', '.join(question.words)}.")
                for question in questions
            )
        )


class _Pairs:
    """The key-values of a document by where they come from and by their keys."""

    def __init__(self, document: ExtractedDocument, vocabulary: Vocabulary) -> None:
        fields = [pair for pair in document.key_values if pair.line is None]
        printed = [pair for pair in document.key_values if pair.line is not None]
        self._e_invoice = _by_key(document.e_invoice, vocabulary)
        self._fields = _by_key(fields, vocabulary)
        self._printed = _by_key(printed, vocabulary)

    def ranks(self, question: Question) -> Iterator[list[Candidate]]:
        """The candidates of a question, those of most right first."""
        yield _candidates(question.kind, question.all_keys, self._e_invoice)
        for keys in question.keys:
            fields = _candidates(question.kind, keys, self._fields)
            printed = _candidates(question.kind, keys, self._printed)
            # What is printed around a field has its value in it: "Foo Ltd (required)".
            yield [*fields, *(each for each in printed if not any(field.value in each.value for field in fields))]


def _by_key(pairs: Iterable[KeyValue], vocabulary: Vocabulary) -> _ByKey:
    """The pairs by what their keys are known as, with the currency that a key may have at its end."""
    found: _ByKey = {}
    for number, pair in enumerate(pairs):
        found.setdefault(vocabulary.known_as(pair.key), []).append((number, pair, split_currency(pair.key)[1]))
    return found


def _candidates(kind: str, keys: Sequence[str], pairs: _ByKey) -> list[Candidate]:
    """The different values of these keys that have the right form, the first 1,000."""
    found: dict[str, Candidate] = {}
    under = [each for key in {normalize_key(key) for key in keys} for each in pairs.get(key, ())]
    for _, pair, currency in sorted(under, key=itemgetter(0)):
        value = read(kind, pair.value)
        if value is None:
            continue
        if currency and kind == "amount" and not has_currency(value):
            value = f"{value} {currency}"
        if kind == "amount" and is_plain_count(value):
            continue
        first = found.setdefault(value, Candidate(value, pair, 0))
        if (first.source.page, first.source.key) == (pair.page, pair.key):
            found[value] = replace(first, times=first.times + 1)
        if len(found) == MAX_CANDIDATES:
            break
    return list(found.values())


def _none(question: Question, reason: str) -> Answer:
    return Answer(question.id, question.question, None, reason=reason)


def _answer(question: Question, pairs: _Pairs, carried_over: AbstractSet[str], no_totals: NoTotals) -> Answer:
    all_ranks = [_that_count(question.kind, rank, carried_over) for rank in pairs.ranks(question)]
    ranks = [own for rank in all_ranks if (own := _without_no_totals(question.kind, rank, no_totals))]
    if not ranks and any(all_ranks):
        values = tuple(each.value for each in _different(question.kind, [each for rank in all_ranks for each in rank]))
        reason = "What the document has for this is a part of the total, or no money."
        return Answer(question.id, question.question, None, reason=reason, also_found=values)
    if not ranks:
        keys = ", ".join(question.all_keys[:MAX_SUMMARY_VALUES])
        return _none(question, f"The document has no value for {keys} or their like.")
    found, all_found = _different(question.kind, ranks[0]), [each for rank in all_ranks for each in rank]
    if len(found) > 1:
        reason = "The document has more than one value for this, and none has more right than the others."
        values = tuple(each.value for each in found)
        return Answer(question.id, question.question, None, reason=reason, also_found=values)
    first = _best_spelling(found[0], all_found, question.kind)
    others = [each for each in _different(question.kind, all_found) if not same(question.kind, each.value, first.value)]
    also_found = tuple(each.value for each in others)
    return Answer(question.id, question.question, first.value, first.source, also_found=also_found)


def _that_count(kind: str, found: list[Candidate], carried_over: AbstractSet[str]) -> list[Candidate]:
    """Without sums that are carried over to the next page, nor nothing that is still due, where there are others."""
    if kind != "amount":
        return found
    own = [each for each in found if not any(same(kind, each.value, sum_) for sum_ in carried_over)]
    return [each for each in own if not is_zero(each.value)] or own


def _without_no_totals(kind: str, found: list[Candidate], no_totals: NoTotals) -> list[Candidate]:
    if kind != "amount":
        return found
    return [each for each in found if not no_totals.has(each.value, each.source.page, each.times)]


def _best_spelling(first: Candidate, found: Sequence[Candidate], kind: str) -> Candidate:
    """The same value as the document prints it, and an amount with its currency."""
    alike = [each for each in found if same(kind, each.value, first.value)]
    printed = [each for each in alike if each.source.line is not None] if first.source.page is None else alike
    return next((each for each in printed if kind == "amount" and has_currency(each.value)), (printed or [first])[0])


def _different(kind: str, found: Sequence[Candidate]) -> list[Candidate]:
    """The first of each value, of at most 20 values: a person wants no more."""
    kept: list[Candidate] = []
    for each in found:
        if not any(same(kind, each.value, other.value) for other in kept):
            kept.append(each)
        if len(kept) == MAX_ALSO_FOUND:
            break
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
