"""When an alarm goes off, by the datapoints that there are: ``X`` breaches, ``0`` does not, ``-`` is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from status_tracker_local.monitoring.alarms import EXTRA_PERIODS, Missing, Rule, State, next_state

OK, ALARM, UNKNOWN = State.OK, State.ALARM, State.INSUFFICIENT_DATA
POINTS = {"X": True, "0": False, "-": None}
KEPT = "kept"


def rule(breaching: int, periods: int, missing: Missing = Missing.MISSING) -> Rule:
    return Rule(
        queries={},
        watched="",
        period=60,
        periods=periods,
        breaching=breaching,
        comparison="GreaterThanThreshold",
        threshold=0,
        missing=missing,
    )


def points(text: str) -> list[bool | None]:
    return [POINTS[each] for each in text]


# What the user guide of CloudWatch says of each, for missing, ignore, breaching and notBreaching.
@pytest.mark.parametrize(
    ("breaching", "text", "states"),
    [
        (3, "0-X-X", (OK, OK, OK, OK)),
        (3, "0----", (OK, OK, OK, OK)),
        (3, "-----", (UNKNOWN, KEPT, ALARM, OK)),
        (3, "0XX-X", (ALARM, ALARM, ALARM, ALARM)),
        (3, "--X--", (ALARM, KEPT, ALARM, OK)),
        (3, "----X", (UNKNOWN, KEPT, ALARM, OK)),
        (2, "0-X-X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "00X0X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0-X--", (OK, OK, ALARM, OK)),
        (2, "----0", (OK, OK, ALARM, OK)),
        (2, "---X-", (ALARM, KEPT, ALARM, OK)),
    ],
)
def test_the_examples_of_the_user_guide(breaching: int, text: str, states: tuple[str, ...]) -> None:
    for missing, expected in zip(Missing, states, strict=True):
        for before in State:
            found = next_state(points(text), rule(breaching, 3, missing), before)
            assert found is (before if expected is KEPT else expected), (missing, before)


@st.composite
def alarms(draw: st.DrawFn) -> tuple[Rule, list[bool | None]]:
    periods = draw(st.integers(1, 8))
    breaching = draw(st.integers(1, periods))
    length = periods + EXTRA_PERIODS
    found = draw(st.lists(st.sampled_from([True, False, None]), min_size=length, max_size=length))
    return rule(breaching, periods, draw(st.sampled_from(Missing))), found


states = st.sampled_from(State)


@given(alarms(), states)
def test_enough_datapoints_decide_alone(alarm: tuple[Rule, list[bool | None]], before: State) -> None:
    asked, found = alarm
    real = [point for point in found if point is not None]
    if len(real) < asked.periods:
        return
    expected = ALARM if sum(real[-asked.periods :]) >= asked.breaching else OK
    assert {next_state(found, replace(asked, missing=each), before) for each in Missing} == {expected}


@given(alarms(), states)
def test_what_is_missing_never_hides_what_breaches(alarm: tuple[Rule, list[bool | None]], before: State) -> None:
    asked, found = alarm
    real = [point for point in found if point is not None]
    if len(real) <= asked.periods and sum(real) >= asked.breaching:
        assert next_state(found, asked, before) is ALARM


@given(alarms(), states)
def test_each_way_of_taking_what_is_missing(alarm: tuple[Rule, list[bool | None]], before: State) -> None:
    """More suspicious ways never find less: notBreaching, then missing and ignore, then breaching."""
    asked, found = alarm
    of = {each: next_state(found, replace(asked, missing=each), before) for each in Missing}
    assert of[Missing.NOT_BREACHING] is not UNKNOWN
    assert of[Missing.BREACHING] is not UNKNOWN
    if of[Missing.NOT_BREACHING] is ALARM:
        assert set(of.values()) == {ALARM}
    if of[Missing.MISSING] is ALARM:
        assert of[Missing.BREACHING] is ALARM
    if of[Missing.MISSING] is UNKNOWN:
        assert (of[Missing.NOT_BREACHING], of[Missing.IGNORE]) == (OK, before)


@given(alarms(), states)
def test_without_any_datapoint(alarm: tuple[Rule, list[bool | None]], before: State) -> None:
    asked, found = alarm
    nothing: list[bool | None] = [None] * len(found)
    expected = {Missing.MISSING: UNKNOWN, Missing.IGNORE: before, Missing.BREACHING: ALARM, Missing.NOT_BREACHING: OK}
    assert next_state(nothing, asked, before) is expected[asked.missing]
