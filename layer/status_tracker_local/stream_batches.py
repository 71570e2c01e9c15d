"""What Lambda does with the records of one shard of a stream: batches in their order, windows, retries, giving up.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html. Where AWS says nothing, the function gets the worse of what
could be: a report whose first failure is the first record counts as a retry of the whole batch, and is not split.
"""

import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from status_tracker_local.event_filters import Filters
from status_tracker_local.runtime_api import Outcome

Record = Mapping[str, Any]

EXHAUSTED, TOO_OLD = "RetryAttemptsExhausted", "RecordAgeExceeded"
"""Why a batch is given up, as the message to the destination of failures says it."""
WINDOW_WAIT_SECONDS = 120.0
"""How long after the end of a window Lambda waits for late records of it."""
_LONGEST_PAUSE_SECONDS = 30.0
_FOR_EVER = -1


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """How records are handed to a function.

    Attributes:
        batch_size: records of a batch, at most.
        batching_seconds: how long a batch is gathered.
        window_seconds: of a tumbling window; 0 for none.
        retries: tries of a batch after the first; None for no limit.
        max_age_seconds: how old a record may be when it is tried; None for no limit.
        bisects: whether a batch that fails is split.
        reports_failures: whether the function reports which records failed.
        filters: which records it gets.
    """

    batch_size: int
    batching_seconds: float
    window_seconds: int
    retries: int | None
    max_age_seconds: float | None
    bisects: bool
    reports_failures: bool
    filters: Filters

    @classmethod
    def of(cls, mapping: Any) -> "StreamSettings":
        """Those of one of moto's event source mappings, as they are now.

        Raises:
            UnknownFilterError: it has a filter that is not known here.
        """
        return cls(
            batch_size=int(mapping.batch_size),
            batching_seconds=float(mapping.max_batch_window or 0),
            window_seconds=int(mapping.tumbling_window or 0),
            retries=_limit(mapping.max_retry_attempts),
            max_age_seconds=_limit(mapping.max_record_age),
            bisects=bool(mapping.bisect_on_error),
            reports_failures="ReportBatchItemFailures" in (mapping.function_response_types or []),
            filters=Filters(mapping.filter_criteria),
        )


def _limit(value: Any) -> int | None:
    return None if value is None or int(value) == _FOR_EVER else int(value)


@dataclass(frozen=True)
class GivenUp:
    """A batch that is not tried again: its records, why, and how often it was tried."""

    records: Sequence[Record]
    condition: str
    tries: int
    outcome: Outcome | None


class Shard:
    """Hands the records of one shard to a function, one batch after the other.

    Args:
        shard_id, stream_arn: named in each event of a window.
        settings: how they are handed over, asked before each batch.
        invoke: runs the function on an event.
        give_up: is told of each batch that is not tried again.
        observe: is told, at each try, the age of the batch's last record, in seconds.
        now: a clock, in seconds since 1970.
        pause: waits so many seconds before a batch is tried again; whether to go on then.
    """

    def __init__(
        self,
        shard_id: str,
        stream_arn: str,
        *,
        settings: Callable[[], StreamSettings],
        invoke: Callable[[bytes], Outcome],
        give_up: Callable[[GivenUp], None],
        observe: Callable[[float], None],
        now: Callable[[], float],
        pause: Callable[[float], bool],
    ) -> None:
        self._shard_id, self._stream_arn = shard_id, stream_arn
        self._settings, self._invoke, self._give_up = settings, invoke, give_up
        self._observe, self._now, self._pause = observe, now, pause
        self._window: int | None = None
        self._state: Any = {}

    def take(self, records: Iterable[Record]) -> list[Record]:
        """Hand records over, in their order, until all are handled or given up, or `pause` says to stop.

        Returns those that are then neither: they are to be handed over again.
        """
        settings = self._settings()
        waiting = deque((batch, 0) for batch in self._batches(list(records), settings))
        while waiting:
            batch, tries = waiting.popleft()
            self._enter_window_of(batch[0], settings)
            rest = self._try(batch, tries, settings)
            waiting.extendleft(reversed(rest))
            if rest and not self._pause(min(0.5 * 2 ** min(rest[0][1], 10), _LONGEST_PAUSE_SECONDS)):
                break
        return [record for batch, _ in waiting for record in batch]

    def close_window_when_over(self) -> None:
        """End the window when it is over and nothing more came."""
        settings = self._settings()
        if self._window is not None and self._now() >= self._window + settings.window_seconds + WINDOW_WAIT_SECONDS:
            self._end_window(settings)

    def _batches(self, records: Sequence[Record], settings: StreamSettings) -> Iterable[list[Record]]:
        """The records in batches, of which none is in two windows."""
        batch: list[Record] = []
        for record in records:
            full = len(batch) >= settings.batch_size
            if batch and (full or _window_of(batch[0], settings) != _window_of(record, settings)):
                yield batch
                batch = []
            batch.append(record)
        if batch:
            yield batch

    def _try(self, batch: list[Record], tries: int, settings: StreamSettings) -> list[tuple[list[Record], int]]:
        """Try a batch once; what of it is to be tried again, in batches, each with how often that was tried."""
        old = sum(self._is_too_old(each, settings) for each in batch)
        if old:
            self._give_up(GivenUp(batch[:old], TOO_OLD, tries, None))
            return [(batch[old:], tries)] if batch[old:] else []
        self._observe(self._now() - created_at(batch[-1]))
        outcome = self._invoke(self._event(batch, settings, final=False))
        first_failed = self._first_failed(outcome, batch, settings)
        if first_failed is None:
            return []
        if settings.bisects and first_failed:
            return [(batch[first_failed:], tries)]  # a split does not count as a retry
        if settings.bisects and len(batch) > 1 and not self._is_report(outcome, settings):
            half = len(batch) // 2
            return [(batch[:half], tries), (batch[half:], tries)]
        if settings.retries is not None and tries >= settings.retries:
            self._give_up(GivenUp(batch[first_failed:], EXHAUSTED, tries + 1, outcome))
            return []
        return [(batch[first_failed:], tries + 1)]

    def _is_too_old(self, record: Record, settings: StreamSettings) -> bool:
        return settings.max_age_seconds is not None and self._now() - created_at(record) > settings.max_age_seconds

    def _first_failed(self, outcome: Outcome, batch: Sequence[Record], settings: StreamSettings) -> int | None:
        """The place of the first record that was not handled; None where all were.

        An error, an answer without a state in a window, and a report that Lambda would not understand are failures of
        the whole batch.
        """
        if outcome.is_error:
            return 0
        if not (settings.window_seconds or settings.reports_failures):
            return None
        try:
            answer = json.loads(outcome.payload) or {}
            state = answer["state"] if settings.window_seconds else {}
            failures = answer.get("batchItemFailures") or [] if settings.reports_failures else []
            places = {sequence_number(each): place for place, each in enumerate(batch)}
            first = min((places[failure["itemIdentifier"]] for failure in failures), default=None)
        except (ValueError, AttributeError, KeyError, TypeError):
            return 0
        self._state = state
        return first

    def _is_report(self, outcome: Outcome, settings: StreamSettings) -> bool:
        return settings.reports_failures and not outcome.is_error

    def _enter_window_of(self, record: Record, settings: StreamSettings) -> None:
        window = _window_of(record, settings)
        if self._window is not None and window != self._window:
            self._end_window(settings)
        self._window = window

    def _end_window(self, settings: StreamSettings) -> None:
        """The last invocation of a window; one that fails is tried again as a batch is."""
        tries = 0
        while self._first_failed(self._invoke(self._event([], settings, final=True)), [], settings) is not None:
            if (settings.retries is not None and tries >= settings.retries) or not self._pause(0.5):
                break
            tries += 1
        self._window, self._state = None, {}

    def _event(self, batch: Sequence[Record], settings: StreamSettings, *, final: bool) -> bytes:
        event: dict[str, Any] = {"Records": [{**each, "eventSourceARN": self._stream_arn} for each in batch]}
        if self._window is not None:
            end = self._window + settings.window_seconds
            event |= {
                "window": {"start": told(self._window), "end": told(end)},
                "state": self._state,
                "shardId": self._shard_id,
                "eventSourceARN": self._stream_arn,
                "isFinalInvokeForWindow": final,
                "isWindowTerminatedEarly": False,
            }
        return json.dumps(event).encode()


def created_at(record: Record) -> float:
    """When the record was written, in seconds since 1970."""
    return float(record["dynamodb"]["ApproximateCreationDateTime"])


def sequence_number(record: Record) -> str:
    """The record's place in its shard."""
    return str(record["dynamodb"]["SequenceNumber"])


def _window_of(record: Record, settings: StreamSettings) -> int | None:
    """The beginning of the record's window, in seconds since 1970; None where there are none."""
    seconds = settings.window_seconds
    return math.floor(created_at(record) / seconds) * seconds if seconds else None


def told(seconds: float) -> str:
    """A time in seconds since 1970, as Lambda writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
