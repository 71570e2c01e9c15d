"""One action on all tasks of a list: first what it would be done to, then, a part at a time, doing it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from status_tracker.core.state import TaskState
from status_tracker.dynamodb import Count
from status_tracker.operations.actions import Action, ActionOutcome, Kind, TaskAction
from status_tracker_ops.widget.actions import ACTIONS, ADMIN_NAMES, DEFAULT_REASON, Offer, offers, target
from status_tracker_ops.widget.components import (
    call,
    counted,
    field,
    list_link,
    overview_link,
    place_values,
    plain,
    status,
    task_link,
)
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.markup import Child, Markup, element, fragment
from status_tracker_ops.widget.reading import Patience, count_tasks, walk
from status_tracker_ops.widget.requests import BulkRequest, Rehearsal
from status_tracker_ops.widget.results import ActionResult
from status_tracker_ops.widget.task_list import narrowings

AT_ONCE = 500
"""So many tasks are acted on by one press of a button, which has to end before the function's timeout."""

SAMPLE_SIZE = 10
_SHOWN_TROUBLES = 5
_PARALLEL = 8
_ONE_OF_MANY = ("rerun", "unignore", "ignore", "cancel", "delete")
_SEARCHED = Patience(listed=50_000, whole=2_000)


@dataclass(frozen=True)
class Rehearsed:
    """What an action would be done to.

    Attributes:
        until: when it was looked at; what changes later is left alone.
        number: how many tasks match; with `more`, at least so many.
        examined: how many were looked at, where not all were; otherwise None.
        sample: the ids of some of them.
    """

    until: datetime
    number: Count
    examined: int | None
    sample: Sequence[str]


def rehearse(widget: DeployedWidget, asked: Rehearsal) -> Rehearsed:
    """Look at what matches, and change nothing."""
    step = widget.pipeline.step(asked.place.step)
    code, until = step.statuses[asked.place.status], step.task_class.config.now()
    limit = AT_ONCE if asked.narrowed else SAMPLE_SIZE
    chosen = asked.narrowed.filter(code, until)
    walked = walk(step.task_class, chosen, older_first=True, limit=limit, patience=_SEARCHED)
    known = Count(len(walked.found), more=not walked.ended)
    number = known if asked.narrowed else count_tasks(widget, [code]).by_code[code]
    sample = [str(each.task.task_id) for each in walked.found[:SAMPLE_SIZE]]
    return Rehearsed(until, number, None if walked.ended or not asked.narrowed else walked.examined, sample)


def rehearsal(widget: DeployedWidget, asked: Rehearsal, found: Rehearsed) -> Markup:
    """What was found, and a button for each action that the rules allow on it."""
    place = asked.place
    return fragment(
        element("nav", {"aria-label": "Views"}, overview_link(widget), list_link(widget, place, _list_name(asked))),
        element("h2", None, "Act on all: ", f"{place.step}, ", status(place.status)),
        [element("p", None, told) for told in narrowings(asked.narrowed)],
        element("p", None, element("strong", None, _matching(found)), _looked_at(found)),
        _sample(widget, asked, found),
        _buttons(widget, asked, found) if found.sample else None,
    )


def act_on_all(widget: DeployedWidget, asked: BulkRequest, by: str) -> ActionResult:
    """Do it to the next tasks that matched when it was rehearsed, and still do."""
    code = widget.pipeline.step(asked.place.step).statuses[asked.place.status]
    chosen = asked.narrowed.filter(code, asked.until)
    listed = widget.pipeline.step(asked.place.step).task_class
    walked = walk(listed, chosen, older_first=True, cursor=asked.cursor, limit=AT_ONCE, patience=_SEARCHED)
    one = TaskAction(
        target(widget, asked.action, asked.step),
        Action(asked.action),
        chosen,
        asked.reason or DEFAULT_REASON,
        by,
        asked.request_id,
    )
    with ThreadPoolExecutor(_PARALLEL) as pool:
        outcomes = list(pool.map(one.act, [str(each.task.task_id) for each in walked.found]))
    troubles = [each for each in outcomes if each.kind not in {Kind.DONE, Kind.REPEATED}]
    done = asked.done + len(outcomes) - len(troubles)
    rest = None if walked.ended else _go_on(widget, asked, walked.cursor, done)
    return ActionResult(
        _told(asked, outcomes, done, ended=walked.ended),
        failed=bool(troubles) and len(troubles) == len(outcomes),
        more=[part for part in (_troubles(troubles), rest) if part is not None],
        troubles=troubles,
    )


def _list_name(asked: Rehearsal) -> str:
    return f"{asked.place.step}: {plain(asked.place.status)}"


def _matching(found: Rehearsed) -> str:
    number = found.number
    if not found.sample:
        return "No task matches."
    return "1 task matches." if number == Count(1) else f"{counted(number)} tasks match."


def _looked_at(found: Rehearsed) -> str:
    if found.examined is None:
        return " Nothing was changed yet."
    return f" The oldest {found.examined:,} were looked at; the rest is while acting. Nothing was changed yet."


def _sample(widget: DeployedWidget, asked: Rehearsal, found: Rehearsed) -> Markup:
    links = [element("li", None, task_link(widget, each, asked.place)) for each in found.sample]
    more = found.number.more or found.number.number > len(links)
    return fragment(
        element("ul", {"aria-label": "Some of them"}, links) if links else None,
        element("p", {"class": "quiet"}, "These are the oldest of them.") if more and links else None,
    )


def _buttons(widget: DeployedWidget, asked: Rehearsal, found: Rehearsed) -> Markup:
    pipeline, place = widget.pipeline, asked.place
    code = pipeline.step(place.step).statuses[place.status]
    offered = [each for each in offers(widget, TaskState(status=code)) if each.name in _ONE_OF_MANY]
    buttons = [_button(widget, asked, found, each) for each in offered]
    many = found.number.more or found.number.number > AT_ONCE
    return fragment(
        element("div", {"class": "row"}, field("Reason, recorded on each task", "reason", DEFAULT_REASON, 400)),
        element("div", {"class": "row"}, buttons),
        element("p", {"class": "quiet"}, f"{AT_ONCE} at once; then the widget asks whether to go on.")
        if many
        else None,
    )


def _button(widget: DeployedWidget, asked: Rehearsal, found: Rehearsed, offer: Offer) -> Markup:
    many = "1 task" if found.number == Count(1) else f"{counted(found.number)} tasks"
    about = "".join(f"\n{label}{text}" for label, text in _texts(asked))
    question = f"{offer.label}: {many}, {plain(asked.place.status)} in {asked.place.step}{about}\n\nOf each: "
    values: dict[str, object] = {
        "action": offer.name,
        "act_on": offer.step,
        "until": found.until.isoformat(),
        "request_id": uuid.uuid4().hex,
        **place_values(asked.place),
        **asked.narrowed.values(),
    }
    return call(
        offer.endpoint(widget),
        values,
        f"{offer.label}: {many}",
        look="act grave" if offer.name in ADMIN_NAMES else "act",
        confirmation=f"{question}{offer.consequence}",
    )


def _texts(asked: Rehearsal) -> list[tuple[str, str]]:
    labels = {"prefix": "id begins with ", "error_text": "error contains ", "error_class": "class ", "kind": "reason "}
    return [(labels[name], visible) for name, visible in asked.narrowed.visible_values().items()]


def _go_on(widget: DeployedWidget, asked: BulkRequest, cursor: str | None, done: int) -> Markup:
    values: dict[str, object] = {
        "action": asked.action,
        "act_on": asked.step,
        "until": asked.until.isoformat(),
        "request_id": asked.request_id,
        "why": asked.reason,
        "cursor": cursor,
        "done": done,
        **place_values(asked.place),
        **asked.narrowed.values(),
    }
    endpoint = widget.admin_arn if asked.action in ADMIN_NAMES else widget.actor_arn
    return element("p", None, call(endpoint, values, "Go on with the rest", look="act"))


def _told(asked: BulkRequest, outcomes: Sequence[ActionOutcome], done: int, *, ended: bool) -> str:
    kinds = Counter(each.kind for each in outcomes if each.kind not in {Kind.DONE, Kind.REPEATED})
    others = "".join(f", {number:,} {kind.value}" for kind, number in kinds.items())
    what = f"{ACTIONS[asked.action].label.format(step=asked.step)}: {done:,} done{others}."
    return what if ended else f"{what} There may be more."


def _troubles(troubles: Sequence[ActionOutcome]) -> Markup | None:
    shown: list[Child] = [
        element("li", None, element("bdi", None, each.task_id), ": ", element("bdi", None, each.message))
        for each in troubles[:_SHOWN_TROUBLES]
    ]
    return element("ul", None, shown) if shown else None
