"""Broken functions; the checker must catch each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from status_tracker.dynamodb.counting import ShardCounting
from status_tracker_ops.events import bus, stream
from status_tracker_ops.events.stream import Stream, Taken


def place_unconditional() -> None:
    """The place is stored whatever it was."""
    moved = ShardCounting._moved

    def without_condition(self: ShardCounting, *args: Any) -> dict[str, Any]:
        update = moved(self, *args)
        update["ExpressionAttributeValues"].pop(":before", None)
        return {name: value for name, value in update.items() if name != "ConditionExpression"}

    ShardCounting._moved = without_condition  # type: ignore[method-assign]


def place_ignored() -> None:
    """What is at or before the place is counted again."""
    place_unconditional()
    stream._after = lambda _, records: records


def _apart(*order: int) -> None:
    transact = ShardCounting.add

    def add(self: ShardCounting, *args: Any, **named: Any) -> bool:
        send = self._items.transact

        def one_by_one(items: list[dict[str, Any]]) -> bool:
            done = [send([items[place]]) for place in (*order, *range(2, len(items)))]
            return all(done)

        self._items.transact = one_by_one  # type: ignore[method-assign]
        return transact(self, *args, **named)

    ShardCounting.add = add  # type: ignore[method-assign]


def place_after_counts() -> None:
    """The place is stored in a request of its own, after the counts."""
    _apart(1, 0)


def place_before_counts() -> None:
    """The place is stored in a request of its own, before the counts."""
    _apart(0, 1)


def events_after_counts() -> None:
    """The events are sent when the place has moved already."""

    def take(self: Stream, records: Any, shard: str | None) -> Taken:
        counting = self._counting(shard)
        assert counting is not None
        place = counting.place()
        new = stream._after(place, records)
        changes = self._count(counting, place, new)
        told, aside, events = self._tell(new)
        return Taken(events, changes, aside, new[len(told)] if len(told) < len(new) else None)

    Stream.take = take  # type: ignore[method-assign]


def refused_events_dropped() -> None:
    """What the bus does not take is taken for sent."""
    put = bus._put
    bus._put = lambda name, entries: (put(name, entries) and len(entries), None)


def unsent_counted() -> None:
    """Changes are counted up to the end of the batch, also those whose events are still to be sent."""
    count, tell = Stream._count, Stream._tell
    batch: list[Any] = []

    def tell_and_note(self: Stream, records: Any) -> Any:
        batch[:] = records
        return tell(self, records)

    Stream._tell = tell_and_note  # type: ignore[method-assign]
    Stream._count = lambda self, counting, place, _: count(self, counting, place, batch)  # type: ignore[method-assign]


def only_arrivals() -> None:
    """A task is not taken away from the status that it leaves."""
    differences = Stream._differences

    def arrivals(self: Stream, records: Any) -> tuple[Mapping[int, int], Mapping[int, int], int]:
        found, ended, changes = differences(self, records)
        return {code: max(number, 0) for code, number in found.items()}, ended, changes

    Stream._differences = arrivals  # type: ignore[method-assign]


def ends_from_differences() -> None:
    """What has ended is told from what there is more of, less those that have left it."""
    differences = Stream._differences

    def net(self: Stream, records: Any) -> tuple[Mapping[int, int], Mapping[int, int], int]:
        found, ended, changes = differences(self, records)
        return found, {code: max(found[code], 0) for code in ended}, changes

    Stream._differences = net  # type: ignore[method-assign]


VARIANTS: Mapping[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        *(place_unconditional, place_ignored, place_after_counts, place_before_counts, events_after_counts),
        *(refused_events_dropped, unsent_counted, only_arrivals, ends_from_differences),
    )
}
