"""What is done with the records of the table's stream: events are sent, then changes are counted."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from status_tracker import TaskLockedError
from status_tracker.core.history import told
from status_tracker.core.retries import jittered
from status_tracker.dynamodb.count_items import PROBE, CountItems
from status_tracker.dynamodb.counting import ShardCounting
from status_tracker_ops.clients import sqs_client
from status_tracker_ops.events.bus import entries_of, send
from status_tracker_ops.events.changes import change_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_lambda_powertools import Logger

    from status_tracker.operations.pipeline import Pipeline
    from status_tracker_ops.events.records import StreamRecord
    from status_tracker_ops.settings import EventsSettings

TRIES = 10
LONGEST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Taken:
    """What became of a batch.

    Attributes:
        again: the record from which on the batch is to be delivered again; None where all of it is done with.
    """

    events: int
    changes: int
    set_aside: int
    again: StreamRecord | None


class Stream:
    """Takes the batches of the stream of one pipeline's table.

    Events are sent before the changes are counted, and the place in the shard moves with the counting: so each event is
    sent at least once, and each change is counted exactly once, wherever the process is killed. What is counted already
    is told all the same: another function on the same stream may have counted it.
    """

    def __init__(self, pipeline: Pipeline, settings: EventsSettings, logger: Logger) -> None:
        self._pipeline = pipeline
        self._class = pipeline.first.task_class
        self._items = CountItems(self._class)
        self._ends = {code: step.unfinished for step in pipeline for code in step.ends}
        self._settings = settings
        self._logger = logger

    def take(self, records: Sequence[StreamRecord], shard: str | None) -> Taken:
        """Take a batch of one shard.

        Raises:
            ValueError: the changes are to be counted, and the shard is not named.
            TaskLockedError: others were counting the same at each try; to be delivered again.
        """
        counting = self._counting(shard)
        told, set_aside, events = self._tell(records)
        changes = 0 if counting is None else self._count(counting, counting.place(), told)
        again = records[len(told)] if len(told) < len(records) else None
        return Taken(events, changes, set_aside, again)

    def _counting(self, shard: str | None) -> ShardCounting | None:
        if self._settings.status_tracker_counts == "0":
            return None
        if shard is None:
            raise ValueError(
                "The event names no shardId, without which no change can be counted once: give the event source "
                "mapping a TumblingWindowInSeconds, such as 900, or set STATUS_TRACKER_COUNTS to 0."
            )
        return ShardCounting(self._class, shard)

    def _tell(self, records: Sequence[StreamRecord]) -> tuple[Sequence[StreamRecord], int, int]:
        """Send the events of the records; returns the records that are done with, how many of them were set aside, and
        how many events were sent."""
        bus = self._settings.event_bus_name
        if bus is None:
            return records, 0, 0
        entries, of_record, aside = [], [], {}
        for place, record in enumerate(records):
            try:
                change = change_of(self._pipeline, record)
            except Exception as error:  # noqa: BLE001  # an item may hold anything
                aside[place] = told(error)
                continue
            own = [] if change is None else list(entries_of(self._pipeline.use_case_id, record, change))
            entries += own
            of_record += [place] * len(own)
        sent = send(bus, entries, self._logger)
        done = records if sent.number == len(entries) else records[: of_record[sent.number]]
        aside |= {of_record[event]: why for event, why in sent.refused.items()}
        refused = {of_record[event]: entries[event] for event in sent.refused}
        for place in sorted(place for place in aside if place < len(done)):
            self._set_aside(records[place], aside[place], refused.get(place))
        return done, sum(place < len(done) for place in aside), sent.number - len(sent.refused)

    def _set_aside(self, record: StreamRecord, why: str, event: Mapping[str, Any] | None) -> None:
        """Put the record, and its event that was refused, where somebody finds it; the log has it in any case."""
        note: dict[str, Any] = {"keys": record.keys, "event_id": record.event_id, "sequence": record.identifier}
        note |= {"why": why, **({} if event is None else {"event": event})}
        self._logger.error("Record set aside", extra=note)
        queue = self._settings.events_dead_letter_queue_url
        if queue is None:
            return
        try:
            sqs_client().send_message(QueueUrl=queue, MessageBody=json.dumps(note, default=str))
        except Exception:
            self._logger.exception("The record is only in the log: the queue %s does not take it", queue)

    def _count(self, counting: ShardCounting, place: str | None, records: Sequence[StreamRecord]) -> int:
        for _ in range(TRIES):
            new = _after(place, records)
            differences, ended, changes = self._differences(new)
            marks = [mark for record in new if (mark := record.mark(self._items)) is not None]
            if not changes and not marks:
                return 0
            mark = next((mark for mark in reversed(marks) if mark != PROBE), None)
            if counting.add(differences, changes, before=place, place=new[-1].sequence, mark=mark, ended=ended):
                return changes
            time.sleep(jittered(LONGEST_PAUSE_SECONDS))
            place = counting.place()
        raise TaskLockedError(f"The counts were being changed at each of {TRIES} tries: the batch is to come again.")

    def _differences(self, records: Sequence[StreamRecord]) -> tuple[Mapping[int, int], Mapping[int, int], int]:
        """What the records change in the counts, and how many tasks they bring to an end of a step, by the code; and
        how many of them change something.

        A deletion sets aside what has ended long ago, and a rerun of a step makes a task pending, as the end of the
        step before does: only what a step had still to do with comes to its end.
        """
        differences: Counter[int] = Counter()
        ended: Counter[int] = Counter()
        changes = 0
        for before, after in (record.codes(self._class) for record in records):
            if before == after:
                continue
            changes += 1
            if before is not None:
                differences[before] -= 1
            if after is not None:
                differences[after] += 1
            if after is not None and before in self._ends.get(after, ()):
                ended[after] += 1
        return differences, ended, changes


def _after(place: str | None, records: Sequence[StreamRecord]) -> Sequence[StreamRecord]:
    return [record for record in records if place is None or record.sequence > place]
