"""What a function gets of a shard: batches in their order, windows, retries, and what is given up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from status_tracker_local.event_filters import Filters
from status_tracker_local.runtime_api import Outcome
from status_tracker_local.stream_batches import EXHAUSTED, TOO_OLD, GivenUp, Record, Shard, StreamSettings

FAILED = Outcome(b'{"errorType": "Error"}', is_error=True)
NOON = 1_800_000_000.0


def record(number: int, at: float = NOON) -> Record:
    return {"dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": at}}


def answer(*failed: object, state: object = None) -> Outcome:
    body = {"state": state or {}, "batchItemFailures": [{"itemIdentifier": each} for each in failed]}
    return Outcome(json.dumps(body).encode(), is_error=False)


class Function:
    """Notes the events that it gets, and answers as it is told."""

    def __init__(self, answers: Callable[[list[int]], Outcome], **settings: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.given_up: list[GivenUp] = []
        self.pauses: list[float] = []
        self.most_pauses = 99
        self.ages: list[float] = []
        self.now = NOON
        known: dict[str, Any] = {"batch_size": 10, "window_seconds": 0, "retries": 2, "max_age_seconds": None}
        known |= {"bisects": False, "reports_failures": True, "filters": Filters(None), "batching_seconds": 0}
        self._settings = StreamSettings(**{**known, **settings})
        self._answers = answers
        self.shard = Shard(
            "shard-1",
            "arn:stream",
            settings=lambda: self._settings,
            invoke=self._invoke,
            give_up=self.given_up.append,
            observe=self.ages.append,
            now=lambda: self.now,
            pause=self._pause,
        )

    def take(self, *numbers: int) -> Function:
        self.shard.take([record(each) for each in numbers])
        return self

    @property
    def batches(self) -> list[list[int]]:
        return [numbers_of(event["Records"]) for event in self.events]

    @property
    def lost(self) -> list[tuple[list[int], str, int]]:
        return [(numbers_of(each.records), each.condition, each.tries) for each in self.given_up]

    def _invoke(self, event: bytes) -> Outcome:
        self.events.append(json.loads(event))
        return self._answers(self.batches[-1])

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += seconds
        return len(self.pauses) <= self.most_pauses


def numbers_of(records: Sequence[Record]) -> list[int]:
    return [int(each["dynamodb"]["SequenceNumber"]) for each in records]


def failing(*poison: int) -> Callable[[list[int]], Outcome]:
    return lambda batch: FAILED if set(batch) & set(poison) else answer()


def reporting(*poison: int) -> Callable[[list[int]], Outcome]:
    return lambda batch: answer(*[str(each) for each in batch if each in poison])


def test_records_come_in_their_order_and_in_batches() -> None:
    function = Function(lambda _: answer(), batch_size=2).take(1, 2, 3)
    assert function.batches == [[1, 2], [3]]
    [first, _] = function.events
    assert first["Records"][0] == {**record(1), "eventSourceARN": "arn:stream"}
    assert set(first) == {"Records"}


def test_a_batch_that_fails_is_tried_again_before_the_next_and_then_given_up() -> None:
    function = Function(failing(2), batch_size=2).take(1, 2, 3)
    assert function.batches == [[1, 2], [1, 2], [1, 2], [3]]
    assert function.lost == [([1, 2], EXHAUSTED, 3)]
    assert function.pauses == [1.0, 2.0]


def test_without_a_limit_it_is_tried_until_the_poller_stops() -> None:
    function = Function(failing(1), retries=None).take(1, 2)
    assert len(function.batches) == 100
    assert function.lost == []


def test_each_try_tells_how_old_the_batch_is_by_then() -> None:
    function = Function(failing(2)).take(1, 2)
    assert function.ages == [0.0, 1.0, 3.0]


@given(most_pauses=some.integers(0, 12), batch_size=some.integers(1, 4), bisects=some.booleans())
def test_when_the_poller_stops_what_is_not_handled_is_left_in_its_order(
    most_pauses: int, batch_size: int, bisects: bool
) -> None:
    handled: list[int] = []

    def work(batch: list[int]) -> Outcome:
        bad = [each for each in batch if each in {3, 6}]
        handled.extend(batch[: batch.index(bad[0])] if bad else batch)
        return answer(*map(str, bad[:1]))

    function = Function(work, batch_size=batch_size, retries=1, bisects=bisects)
    function.most_pauses = most_pauses
    left = numbers_of(function.shard.take([record(each) for each in range(1, 8)]))
    lost = [number for numbers, _, _ in function.lost for number in numbers]
    assert sorted(handled + lost) + left == list(range(1, 8))


def test_a_batch_that_fails_is_split_until_the_poison_is_alone() -> None:
    function = Function(failing(3), bisects=True, retries=1).take(1, 2, 3, 4)
    assert function.batches == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4]]
    assert function.lost == [([3], EXHAUSTED, 2)]


def test_only_what_follows_the_first_reported_failure_is_tried_again() -> None:
    function = Function(reporting(3), retries=1).take(1, 2, 3, 4)
    assert function.batches == [[1, 2, 3, 4], [3, 4]]
    assert function.lost == [([3, 4], EXHAUSTED, 2)]
    split = Function(reporting(3), bisects=True, retries=1).take(1, 2, 3, 4)
    assert split.batches == [[1, 2, 3, 4], [3, 4], [3, 4]]


@pytest.mark.parametrize(
    "said",
    [answer("7"), answer(""), answer(None), Outcome(b'{"batchItemFailures": [{}]}', is_error=False), FAILED],
)
def test_a_report_that_says_nothing_of_the_batch_is_a_failure_of_all(said: Outcome) -> None:
    assert Function(lambda _: said, retries=0).take(1, 2).lost == [([1, 2], EXHAUSTED, 1)]


@pytest.mark.parametrize("text", ["null", "{}", '{"batchItemFailures": []}', '{"batchItemFailures": null}'])
def test_an_empty_report_is_a_success(text: str) -> None:
    assert Function(lambda _: Outcome(text.encode(), is_error=False)).take(1).lost == []


def test_without_reports_any_answer_is_a_success() -> None:
    function = Function(lambda _: Outcome(b'"text"', is_error=False), reports_failures=False).take(1)
    assert (function.batches, function.lost) == ([[1]], [])


def test_records_that_are_too_old_are_given_up_and_the_others_are_not() -> None:
    function = Function(lambda _: answer(), max_age_seconds=60)
    function.now = NOON + 100
    function.shard.take([record(1), record(2, NOON + 50)])
    assert function.lost == [([1], TOO_OLD, 0)]
    assert function.batches == [[2]]


def test_in_a_window_events_have_its_state_and_the_last_one_says_so() -> None:
    function = Function(lambda batch: answer(state={"seen": batch}), window_seconds=900)
    start = NOON // 900 * 900
    function.shard.take([record(1, start + 1), record(2, start + 899), record(3, start + 900)])
    assert function.batches == [[1, 2], [], [3]]
    first, last, next_window = function.events
    assert (first["shardId"], first["state"], first["isFinalInvokeForWindow"]) == ("shard-1", {}, False)
    assert first["window"] == {"start": "2027-01-15T08:00:00Z", "end": "2027-01-15T08:15:00Z"}
    assert (last["state"], last["isFinalInvokeForWindow"], last["window"]) == ({"seen": [1, 2]}, True, first["window"])
    assert (next_window["state"], next_window["window"]["start"]) == ({}, first["window"]["end"])


def test_a_window_ends_by_itself_two_minutes_after_its_end() -> None:
    function = Function(lambda _: answer(), window_seconds=900).take(1)
    end = (NOON // 900 + 1) * 900
    function.now = end + 119
    function.shard.close_window_when_over()
    assert function.batches == [[1]]
    function.now = end + 120
    function.shard.close_window_when_over()
    function.shard.close_window_when_over()
    assert function.batches == [[1], []]


def test_in_a_window_an_answer_without_a_state_is_a_failure() -> None:
    function = Function(lambda _: Outcome(b"{}", is_error=False), window_seconds=900, retries=0).take(1)
    assert function.lost == [([1], EXHAUSTED, 1)]


@given(
    count=some.integers(1, 40),
    poison=some.sets(some.integers(1, 40)),
    batch_size=some.integers(1, 12),
    reports=some.booleans(),
)
def test_with_splitting_every_record_is_handled_in_order_or_given_up(
    count: int, poison: set[int], batch_size: int, reports: bool
) -> None:
    poison &= set(range(1, count + 1))
    handled: list[int] = []

    def work(batch: list[int]) -> Outcome:
        bad = [each for each in batch if each in poison]
        if bad and not reports:
            return FAILED
        handled.extend(batch[: batch.index(bad[0])] if bad else batch)
        return answer(*map(str, bad[:1]))

    function = Function(work, batch_size=batch_size, bisects=True, retries=0)
    function.shard.take([record(each) for each in range(1, count + 1)])
    lost = [number for numbers, _, _ in function.lost for number in numbers]
    assert handled == sorted(handled)
    assert sorted(handled + lost) == list(range(1, count + 1))
    assert poison <= set(lost)
    if not reports:
        assert poison == set(lost)
