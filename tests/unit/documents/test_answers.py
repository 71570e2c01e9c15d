"""Answers from key-values: where each comes from, and what is said when there is none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.answering.answers import (
    MAX_SUMMARY_CHARACTERS,
    Answer,
    KeyValueAnswerer,
    summarize,
    summarize_undecided,
)
from documents.questions import Question, load_questions, load_vocabulary, parse_questions
from documents.reading.extracted import ExtractedDocument, KeyValue
from documents.values import read

TOTAL = Question("total", "What is the total?", (("Total due", "Total"), ("Amount due",)), "amount")


def answer(*key_values: KeyValue, e_invoice: tuple[KeyValue, ...] = (), question: Question = TOTAL) -> Answer:
    document = ExtractedDocument(("",), key_values, e_invoice=e_invoice)
    [answered] = KeyValueAnswerer(load_vocabulary()).answer(document, [question]).answers
    return answered


def printed(key: str, *values: str) -> list[KeyValue]:
    return [KeyValue(key, value, 1, line) for line, value in enumerate(values, 1)]


def test_an_answer_says_where_it_stands() -> None:
    source = KeyValue("TOTAL:", "EUR 5", page=2, line=7)
    assert answer(source) == Answer("total", "What is the total?", "EUR 5", source)


def test_two_values_of_equal_right_are_no_answer_and_both_are_told() -> None:
    answered = answer(*printed("Total", "5.00", "6.00"), *printed("Total due", "7.00"))
    assert answered.answer is None
    assert answered.source is None
    assert answered.also_found == ("5.00", "6.00", "7.00")
    assert answered.reason == "The document has more than one value for this, and none has more right than the others."


def test_the_same_value_twice_is_one() -> None:
    answered = answer(*printed("Total", "EUR 5.00", "5,00 EUR", "5.00 EUR"))
    assert (answered.answer, answered.also_found) == ("EUR 5.00", ())


def test_a_weaker_key_counts_only_where_no_other_has_a_value() -> None:
    assert answer(*printed("Amount due", "4.00")).answer == "4.00"
    answered = answer(*printed("Amount due", "4.00"), *printed("Total", "5.00"))
    assert (answered.answer, answered.also_found) == ("5.00", ("4.00",))


def test_what_is_due_of_a_paid_bill_is_no_total() -> None:
    assert answer(*printed("Total due", "0.00"), *printed("Total", "5.00")).answer == "5.00"
    assert answer(*printed("Total", "0.00")).answer == "0.00"


def test_a_sum_that_is_carried_over_is_no_total() -> None:
    pages = [*printed("Total", "5.00 EUR"), *printed("Brought forward", "5.00 EUR"), *printed("Total", "9.00 EUR")]
    assert answer(*pages).answer == "9.00 EUR"


@pytest.mark.parametrize(
    "page",
    [
        "Total 100.00\nplus 19 % VAT 19.00",
        "Total 100.00\nVAT 19.00\nSo much you pay 119.00",
        "All of it 500.00\nDeposit 400.00\nTotal 100.00",
    ],
)
def test_a_part_of_the_total_is_no_total_and_told(page: str) -> None:
    document = ExtractedDocument((page,), (KeyValue("Total", "100.00", 1, 1),))
    [answered] = KeyValueAnswerer(load_vocabulary()).answer(document, [TOTAL]).answers
    assert (answered.answer, answered.also_found) == (None, ("100.00",))


def test_equal_sums_of_sections_are_no_total() -> None:
    document = ExtractedDocument(("A 50.00\nB 50.00\nTo be paid 100.00",), tuple(printed("Total", "50.00", "50.00")))
    [answered] = KeyValueAnswerer(load_vocabulary()).answer(document, [TOTAL]).answers
    assert answered.answer is None


@pytest.mark.parametrize("value", ["37.5", "1,250", "(1)"])
def test_what_may_count_or_measure_is_no_total(value: str) -> None:
    document = ExtractedDocument((f"Total: {value}",), tuple(printed("Total", value)))
    [answered] = KeyValueAnswerer(load_vocabulary()).answer(document, [TOTAL]).answers
    assert answered.answer is None


def test_a_total_that_includes_its_tax_stays() -> None:
    document = ExtractedDocument(("Net 100.00\nTotal 119.00\nof it VAT 19.00",), (KeyValue("Total", "119.00", 1, 2),))
    [answered] = KeyValueAnswerer(load_vocabulary()).answer(document, [TOTAL]).answers
    assert answered.answer == "119.00"


def test_a_question_about_contracts_is_not_asked_of_what_is_none() -> None:
    term = next(question for question in load_questions() if question.id == "term")
    for page, expected in (("Term: Autumn 2026", None), ("Agreement\nTerm: Autumn 2026", "Autumn 2026")):
        document = ExtractedDocument((page,), tuple(printed("Term", "Autumn 2026")))
        [answered] = KeyValueAnswerer(load_vocabulary()).answer(document, [term]).answers
        assert answered.answer == expected


def test_the_currency_may_stand_in_the_key() -> None:
    assert answer(*printed("Total (EUR)", "1.234,56")).answer == "1.234,56 EUR"
    assert answer(*printed("Total in USD:", "USD 5.00")).answer == "USD 5.00"


def test_a_key_may_stand_in_two_languages() -> None:
    date = next(question for question in load_questions() if question.id == "date")
    assert answer(*printed("Rechnungsdatum / Invoice date", "5.3.2024"), question=date).answer == "5.3.2024"
    assert answer(*printed("Invoice date / Due date", "5.3.2024"), question=date).answer is None
    assert answer(*printed("Gesamtbetrag / Total (EUR)", "5.00")).answer is None  # the question at hand has no such key


def test_what_has_not_the_form_of_an_answer_is_none() -> None:
    assert answer(*printed("Total", "see page 3")).answer is None
    assert answer(*printed("Total", "see page 3", "5.00")).answer == "5.00"


def test_a_field_of_a_form_and_what_is_printed_have_equal_right() -> None:
    answered = answer(*printed("Total", "5.00"), KeyValue("Total", "6.00", 1))
    assert (answered.answer, answered.also_found) == (None, ("6.00", "5.00"))


def test_what_is_printed_around_a_field_is_no_other_value() -> None:
    assert answer(*printed("Total", "6.00 (EUR)"), KeyValue("Total", "6.00", 1)).answer == "6.00"


def test_an_e_invoice_goes_before_all_else_and_what_differs_is_told() -> None:
    source = KeyValue("Total", "7.00 EUR")
    answered = answer(*printed("Total", "5.00 EUR"), KeyValue("Total", "6.00 EUR", 1), e_invoice=(source,))
    assert (answered.answer, answered.source) == ("7.00 EUR", source)
    assert answered.also_found == ("6.00 EUR", "5.00 EUR")


def test_an_e_invoice_is_told_as_the_document_prints_it() -> None:
    page = printed("Total", "119,00 \u20ac")
    answered = answer(*page, e_invoice=(KeyValue("Total", "119.00 EUR"),))
    assert (answered.answer, answered.source, answered.also_found) == ("119,00 \u20ac", page[0], ())


def test_of_the_same_amounts_the_one_with_its_currency_is_told() -> None:
    answered = answer(*printed("Total", "5.00", "$5.00"))
    assert (answered.answer, answered.also_found) == ("$5.00", ())


def test_without_a_key_there_is_a_reason_and_no_answer() -> None:
    answered = answer(KeyValue("Subtotal", "5", 1, 1))
    assert answered.answer is None
    assert answered.source is None
    assert answered.reason == "The document has no value for Total due, Total, Amount due or their like."


KEYS = st.sampled_from([key for question in load_questions() for key in question.all_keys])
VALUES = st.one_of(st.text(min_size=1), st.sampled_from(["5.00 EUR", "2024-02-03", "A-1", "Ash Ltd", "0.00"]))


@settings(deadline=None)
@given(st.lists(st.builds(KeyValue, st.one_of(KEYS, st.text()), VALUES, st.none(), st.sampled_from([None, 1]))))
def test_no_answer_is_invented(key_values: list[KeyValue]) -> None:
    document = ExtractedDocument(("",), tuple(key_values))
    questions = load_questions()
    for question, answered in zip(
        questions, KeyValueAnswerer(load_vocabulary()).answer(document, questions).answers, strict=True
    ):
        assert (answered.answer is None) == (answered.reason is not None)
        if answered.answer is not None:
            assert answered.source in key_values
            assert answered.source is not None
            value = read(question.kind, answered.source.value)
            assert value is not None
            assert answered.answer.startswith(value)


def test_the_summary_has_only_what_was_found_and_is_short() -> None:
    found = Answer("total", "What is the total?", "5" * 1000)
    undecided = Answer("x", "X?", None, reason="two", also_found=("6" * 1000, *"12345"))
    assert summarize([found, undecided]) == {"total": "5" * MAX_SUMMARY_CHARACTERS}
    assert summarize_undecided([found, undecided]) == {"x": ["6" * MAX_SUMMARY_CHARACTERS, *"1234"]}


def test_what_an_earlier_release_stored_is_read() -> None:
    stored = {
        "pages": ["Total: 5"],
        "key_values": [{"key": "Total", "value": "5", "page": 1, "line": 1}],
        "warnings": [],
    }
    assert ExtractedDocument.from_dict(stored) == ExtractedDocument(("Total: 5",), (KeyValue("Total", "5", 1, 1),))


def test_all_that_is_extracted_comes_back_from_json() -> None:
    document = ExtractedDocument(
        ("",), (KeyValue("Total", "5", 1, 2),), ("a warning",), e_invoice=(KeyValue("Total", "5 EUR"),)
    )
    assert ExtractedDocument.from_dict(json.loads(json.dumps(document.to_dict()))) == document


def test_an_answer_goes_to_json_with_its_source() -> None:
    assert json.loads(json.dumps(answer(KeyValue("Total", "5.00", 1, 2)).to_dict())) == {
        "id": "total",
        "question": "What is the total?",
        "answer": "5.00",
        "source": {"key": "Total", "value": "5.00", "page": 1, "line": 2},
        "reason": None,
        "also_found": [],
    }


def test_the_questions_of_the_application_are_well_formed() -> None:
    questions = load_questions()
    assert {"invoice_number", "total", "governing_law"} <= {question.id for question in questions}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"id": "a", "question": "A?"}], "expected an object of id, question, keys"),
        ([{"id": "a", "question": "A?", "keys": []}], "none empty"),
        ([{"id": "a", "question": "A?", "keys": [["A"], []]}], "none empty"),
        ([{"id": "a", "question": "A?", "keys": ["A", 5]}], "expected an object"),
        (["a"], "expected an object"),
        ([{"id": "a", "question": "A?", "keys": ["A"]}] * 2, "same id"),
        ([{"id": "a", "question": "A?", "keys": ["A"], "kind": "colour"}], "one of number, date, amount, name, text"),
    ],
)
def test_a_mistake_in_the_questions_is_told(entries: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_questions(json.dumps(entries))
