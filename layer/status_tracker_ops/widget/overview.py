"""The first view: how many tasks of each step have which status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from status_tracker.core.port import KeptCounts
from status_tracker.operations.looks import ended_lately, newest
from status_tracker.operations.pausing import Pause
from status_tracker.operations.pipeline import PipelineStep, StatusOfStep
from status_tracker_ops.widget.components import call, counted, duration, finder, list_link, plain, row, status, table
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.events import Surroundings
from status_tracker_ops.widget.markup import Child, Markup, element, fragment
from status_tracker_ops.widget.pauses import pauses, pausing
from status_tracker_ops.widget.reading import Counts

_CAPTION = "A number opens the list of those tasks."


def overview(
    widget: DeployedWidget, around: Surroundings, counts: Counts, paused: Sequence[Pause] | Exception
) -> Markup:
    """A row a step and a column a status; in a narrow widget the other way round."""
    drawn = _tall if around.narrow else _wide
    return fragment(
        _use_cases(widget),
        element("h2", None, "Tasks by status"),
        pauses(widget, around, paused),
        drawn(widget, counts),
        [element("p", {"class": "quiet"}, note) for note in _notes(widget, counts)],
        finder(widget),
        pausing(widget, around),
    )


def _use_cases(widget: DeployedWidget) -> Markup | None:
    """The use case that is shown, and the overviews of those beside it, which their own functions show."""
    if not widget.beside:
        return None
    others = [call(arn, {"view": "overview"}, name) for name, arn in sorted(widget.beside.items())]
    return element("nav", {"aria-label": "Use cases"}, element("strong", None, widget.pipeline.use_case_id), others)


def _wide(widget: DeployedWidget, counts: Counts) -> Markup:
    names = _status_names(widget)
    rows = [row(step.name, [_cell(widget, step, name, counts) for name in names]) for step in widget.pipeline]
    columns: list[Child] = ["Step", *(status(name) for name in names)]
    return table(_CAPTION, columns, rows, numbers=range(1, len(columns)))


def _tall(widget: DeployedWidget, counts: Counts) -> Markup:
    names = _status_names(widget)
    rows = [row(status(name), [_cell(widget, step, name, counts) for step in widget.pipeline]) for name in names]
    columns = ["Status", *(step.name for step in widget.pipeline)]
    return table(_CAPTION, columns, rows, numbers=range(1, len(columns)))


def _status_names(widget: DeployedWidget) -> list[str]:
    return list(dict.fromkeys(name for step in widget.pipeline for name in step.statuses))


def _cell(widget: DeployedWidget, step: PipelineStep, name: str, counts: Counts) -> Markup:
    code = step.statuses.get(name)
    if code is None:
        return element("td", {"class": "number quiet"}, "-")
    count = counts.by_code[code]
    shown = counted(count)
    if count.number == 0 and not counts.kept:
        return element("td", {"class": "number zero"}, shown)
    told = f"{count.number}{' or more' if count.more else ''} {plain(name)} in {step.name}"
    return element("td", {"class": "number"}, list_link(widget, StatusOfStep(step.name, name), shown, name=told))


def _seen_by_sweeps(widget: DeployedWidget, counts: Counts, kept: KeptCounts) -> Iterator[str]:
    """How fast tasks end, and for how long the oldest of them had waited when a sweep saw them."""
    pipeline, now = widget.pipeline, widget.pipeline.first.task_class.config.now()
    lately = ended_lately(kept, [code for code in counts.by_code if pipeline.is_ended(code)], now)
    if lately is not None:
        yield f"Tasks that have ended in the last {duration(lately.over)}: {lately.number:,}."
    look = newest(kept, now)
    if look is None:
        return
    waiting = [code for code, count in sorted(counts.by_code.items()) if count.number and code in look.oldest]
    waits = [(pipeline.meanings(code)[-1], look.oldest[code]) for code in waiting]
    if waits:
        told = [f"{plain(place.status)} in {place.step} for {duration(look.at - since)}" for place, since in waits]
        yield f"The oldest, {duration(now - look.at)} ago: {', '.join(told)}."


def _notes(widget: DeployedWidget, counts: Counts) -> list[str]:
    shared = [widget.pipeline.meanings(code) for code in counts.by_code]
    names = [" and ".join(f"{plain(p.status)} in {p.step}" for p in places) for places in shared if len(places) > 1]
    notes = [f"Tasks between two steps stand in both rows: {each} are the same." for each in names]
    if counts.kept is not None:
        notes += _seen_by_sweeps(widget, counts, counts.kept)
    if any(count.more for count in counts.by_code.values()):
        notes.append("With + there are more, which are not counted here: the metric Tasks has them.")
    return notes
