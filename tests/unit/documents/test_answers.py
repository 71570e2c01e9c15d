"""Answers from key-values: where each comes from, and what is said when there is none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.answering.answers import (
    MAX_SUMMARY_CHARACTERS,
    Answer,
    KeyValueAnswerer,
    Question,
    load_questions,
    parse_questions,
    summarize,
)
from documents.reading.extracted import ExtractedDocument, KeyValue

TOTAL = Question("total", "What is the total?", ("Total due", "Total"))


def answer(*key_values: KeyValue) -> Answer:
    [answered] = KeyValueAnswerer().answer(ExtractedDocument(("",), key_values), [TOTAL]).answers
    return answered


def test_an_answer_says_where_it_stands() -> None:
    source = KeyValue("TOTAL:", "EUR 5", page=2, line=7)
    assert answer(source) == Answer("total", "What is the total?", "EUR 5", source)


def test_the_first_key_of_the_question_is_the_best_wherever_it_stands() -> None:
    assert answer(KeyValue("Total", "4", 1, 1), KeyValue("Total due", "5", 1, 2)).answer == "5"


def test_of_a_repeated_key_the_first_counts_and_others_are_told() -> None:
    answered = answer(*(KeyValue("Total", value, 1, line) for line, value in enumerate("5657", 1)))
    assert answered.answer == "5"
    assert answered.also_found == ("6", "7")


def test_without_a_key_there_is_a_reason_and_no_answer() -> None:
    answered = answer(KeyValue("Subtotal", "5", 1, 1))
    assert answered.answer is None
    assert answered.source is None
    assert answered.reason == "The document has none of the keys Total due, Total."


@settings(deadline=None)
@given(st.lists(st.builds(KeyValue, st.text(), st.text(min_size=1))))
def test_no_answer_is_invented(key_values: list[KeyValue]) -> None:
    document = ExtractedDocument(("",), tuple(key_values))
    for answered in KeyValueAnswerer().answer(document, load_questions()).answers:
        assert (answered.answer is None) == (answered.reason is not None)
        if answered.answer is not None:
            assert answered.source in key_values
            assert answered.source is not None
            assert answered.answer == answered.source.value


def test_the_summary_has_only_what_was_found_and_is_short() -> None:
    found = answer(KeyValue("Total", "5" * 1000))
    assert summarize([found, Answer("x", "X?", None, reason="none")]) == {"total": "5" * MAX_SUMMARY_CHARACTERS}


def test_an_answer_goes_to_json_with_its_source() -> None:
    assert json.loads(json.dumps(answer(KeyValue("Total", "5", 1, 2)).to_dict())) == {
        "id": "total",
        "question": "What is the total?",
        "answer": "5",
        "source": {"key": "Total", "value": "5", "page": 1, "line": 2},
        "reason": None,
        "also_found": [],
    }


def test_the_questions_of_the_application_are_well_formed() -> None:
    questions = load_questions()
    assert {"invoice_number", "total", "governing_law"} <= {question.id for question in questions}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"id": "a", "question": "A?"}], "expected an object of id, question and keys"),
        ([{"id": "a", "question": "A?", "keys": []}], "not empty"),
        (["a"], "expected an object"),
        ([{"id": "a", "question": "A?", "keys": ["A"]}] * 2, "same id"),
    ],
)
def test_a_mistake_in_the_questions_is_told(entries: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_questions(json.dumps(entries))
