"""Metric math: what it gives, and that what is not known is refused by name."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from status_tracker_local.monitoring.errors import NotEvaluatedError
from status_tracker_local.monitoring.expressions import Inputs, Series, evaluate

ENDS = [60, 120, 180, 240, 300]
NAMES = ("a", "b", "empty", "never")
A, B = {60: 30.0, 120: 20.0, 180: 0.0, 240: 0.0}, {60: 20.0, 180: 20.0}


def math(expression: str, **series: Series) -> Series:
    given_ = {"a": A, "b": B, "empty": {}, "never": {}, **series}
    return evaluate(expression, Inputs(given_, ENDS, frozenset({"a", "b", "empty"})))


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        # What the user guide shows: where one of two series lacks a value, it counts as 0.
        ("a < b", {60: 0, 120: 0, 180: 1, 240: 0}),
        ("a >= 30", {60: 1, 120: 0, 180: 0, 240: 0}),
        ("a > 15 AND b > 15", {60: 1, 120: 0, 180: 0, 240: 0}),
        ("a > 15 && b > 15 || b == 20", {60: 1, 120: 0, 180: 1, 240: 0}),
        ("a + b", {60: 50, 120: 20, 180: 20, 240: 0}),
        ("-a * 2", {60: -60, 120: -40, 180: 0, 240: 0}),
        ("100 / b", {60: 5, 180: 5}),
        ("b / a", {60: 20 / 30, 120: 0}),  # a division by zero is dropped
        ("a / 1000 * 256 / 1024", {60: 0.0075, 120: 0.005, 180: 0, 240: 0}),
        ("b ^ 2 - 1", {60: 399, 180: 399}),
        ("2 * (a - b)", {60: 20, 120: 40, 180: -40, 240: 0}),
        ("SUM([a, b])", {60: 50, 120: 20, 180: 20, 240: 0}),
        ("AVG([a, b])", {60: 25, 120: 10, 180: 10, 240: 0}),
        ("MAX([a, b])", {60: 30, 120: 20, 180: 20, 240: 0}),
        ("MIN([a, b])", {60: 20, 120: 20, 180: 0, 240: 0}),
        ("SUM(METRICS())", {60: 50, 120: 20, 180: 20, 240: 0}),
        ("a - MIN(b)", {60: 10, 120: 0, 180: -20, 240: -20}),
        ("FILL(b, 7)", {60: 20, 120: 7, 180: 20, 240: 7, 300: 7}),
        ("FILL(empty, 0)", dict.fromkeys(ENDS, 0)),
        ("FILL(never, 0)", {}),
        ("IF(a, 5, 6)", {60: 5, 120: 5, 180: 6, 240: 6}),
        ("IF(a > 25, a, b)", {60: 30, 180: 20}),
        ("IF(a, b, 1)", {60: 20, 120: 0, 180: 1, 240: 1}),
        ("IF(1 < 2, b, a)", B),
        ("empty", {}),
    ],
)
def test_what_it_gives(expression: str, values: Series) -> None:
    assert math(expression) == pytest.approx(values)


def test_no_progress_as_the_stack_asks_for_it() -> None:
    expression = "IF(unfinished > 0 AND finished == 0 AND succeeded == 0, 1, 0)"
    found = math(
        expression,
        unfinished={60: 3.0, 120: 3.0, 180: 0.0, 240: 1.0},
        finished={60: 0.0, 120: 1.0, 180: 0.0, 240: 0.0},
        succeeded={60: 0.0, 120: 0.0, 180: 0.0, 240: 2.0},
    )
    assert found == {60: 1, 120: 0, 180: 0, 240: 0}


@pytest.mark.parametrize(
    ("expression", "unknown"),
    [
        ("ANOMALY_DETECTION_BAND(a, 2)", "the function ANOMALY_DETECTION_BAND"),
        ("SEARCH('{AWS/Lambda}', 'Sum', 60)", "SEARCH('{AWS/Lambda}', 'Sum', 60)"),
        ("SELECT AVG(x) FROM y", "'SELECT'"),
        ("RATE(a)", "the function RATE"),
        ("FILL(a, REPEAT)", "'REPEAT'"),
        ("FILL(a, b)", "FILL is known here only with"),
        ("m1 + 1", "'m1'"),
        ("[a, b]", "gives a list of series"),
        ("SUM(a)", "gives a number"),
        ("[a, b] + 1", "'+' is known here between numbers and single series only"),
        ("a +", "the end"),
        ("a b", "'b' was not expected"),
        ("", "the end"),
        ("a % 2", "'% 2'"),
        ("1 / 0 + a", "1 / 0 has no value"),
        ("(" * 400 + "a" + ")" * 400, "nested too deeply"),
        ("a" + " + a" * 1000, "at most"),
        ("__import__('os')", "__import__"),
        ("IF(a, 1)", "IF is known here only with"),
    ],
)
def test_what_is_not_known_is_named(expression: str, unknown: str) -> None:
    with pytest.raises(NotEvaluatedError) as raised:
        math(expression)
    assert unknown in str(raised.value)


values = st.floats(-1e6, 1e6, allow_nan=False)
series = st.dictionaries(st.sampled_from(ENDS), values)


@given(series, series, st.sampled_from(["+", "-", "*"]))
def test_arithmetic_is_that_of_numbers(left: Series, right: Series, sign: str) -> None:
    apply = {"+": float.__add__, "-": float.__sub__, "*": float.__mul__}[sign]
    expected = {end: apply(left.get(end, 0.0), right.get(end, 0.0)) for end in {*left, *right}}
    assert math(f"x {sign} y", x=left, y=right) == expected


@given(series, values)
def test_a_filled_series_has_a_value_everywhere(some: Series, filler: float) -> None:
    filled = math(f"FILL(a, {abs(filler):.3f})", a=some)
    assert set(filled) == set(ENDS)
    assert {end: filled[end] for end in some} == some


fragments = st.sampled_from(
    [
        *NAMES,
        "IF",
        "FILL",
        "SUM",
        "METRICS",
        "(",
        ")",
        "[",
        "]",
        ",",
        "-",
        "+",
        "/",
        "^",
        "1",
        "0",
        "==",
        "AND",
        " ",
        "'",
        "é",
    ]
)


@given(st.lists(fragments, max_size=25).map("".join))
def test_whatever_is_asked_gives_a_series_or_says_what_is_not_known(expression: str) -> None:
    found: Series = {}
    with suppress(NotEvaluatedError):
        found = math(expression)
    assert set(found) <= set(ENDS)
