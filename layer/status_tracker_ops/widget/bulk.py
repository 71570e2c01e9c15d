"""One action on all tasks of a list: first what it would be done to, then, a part at a time, doing it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import status_tracker as st
from status_tracker.core.state import TaskState
from status_tracker.dynamodb import Count
from status_tracker.operations.actions import Action, ActionOutcome, Kind, TaskAction
from status_tracker_ops.widget.actions import ACTIONS, ADMIN_NAMES, DEFAULT_REASON, Offer, offers, reason_label, target
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
from status_tracker_ops.widget.reading import Found, Patience, count_tasks, cursor_at, walk
from status_tracker_ops.widget.requests import BulkRequest, Narrowing, Rehearsal, TaskList
from status_tracker_ops.widget.results import ActionResult
from status_tracker_ops.widget.task_list import narrowings

AT_ONCE = 500
"""So many tasks are acted on by one press of a button, which has to end before the function's timeout."""

SAMPLE_SIZE = 10
_SHOWN_TROUBLES = 5
_PARALLEL = 8
_ONE_OF_MANY = ("rerun", "unignore", "ignore", "cancel", "delete")
_SEARCHED = Patience(listed=50_000, whole=2_000)
_ENDING_MILLISECONDS = 10_000
"""So long before the invocation ends no more tasks are begun: the rest of it shows the result."""


@dataclass(frozen=True)
class Rehearsed:
    """What an action would be done to.

    Attributes:
        until: when it was looked at; what changes later is left alone.
        number: how many tasks match; with `more`, at least so many.
        examined: how many were looked at, where not all were; otherwise None.
        sample: the ids of some of them.
        about: whether the number may be that of a moment ago, as it is kept with every change.
        unreadable: how many items beside them are no tasks.
        rest: from here the search goes on, where it was given up.
    """

    until: datetime
    number: Count
    examined: int | None
    sample: Sequence[str]
    about: bool = False
    unreadable: int = 0
    rest: str | None = None

    @property
    def told(self) -> str:
        """How many tasks match."""
        if self.number == Count(1):
            return "1 task"
        return f"{'about ' if self.about else ''}{counted(self.number)} tasks"


def rehearse(widget: DeployedWidget, asked: Rehearsal) -> Rehearsed:
    """Look at what matches, and change nothing."""
    step = widget.pipeline.step(asked.place.step)
    code, until = step.statuses[asked.place.status], step.task_class.config.now()
    limit = AT_ONCE if asked.narrowed else SAMPLE_SIZE
    chosen = asked.narrowed.filter(code, until)
    walked = walk(
        step.task_class,
        chosen,
        older_first=_older_first(asked.narrowed),
        cursor=asked.cursor,
        limit=limit,
        patience=_SEARCHED,
    )
    tasks = [each.task for each in walked.found if not isinstance(each.task, st.TaskUnreadableError)]
    number, about = Count(len(tasks), more=not walked.ended), False
    if not walked.ended and not asked.narrowed:
        counts = count_tasks(widget, [code])
        number, about = counts.at_least(code, len(walked.found) + 1), counts.kept is not None
    return Rehearsed(
        until,
        number,
        None if walked.ended or (tasks and not asked.narrowed) else walked.examined,
        [str(task.task_id) for task in tasks[:SAMPLE_SIZE]],
        about,
        len(walked.found) - len(tasks),
        walked.cursor,
    )


def rehearsal(widget: DeployedWidget, asked: Rehearsal, found: Rehearsed) -> Markup:
    """What was found, and a button for each action that the rules allow on it."""
    place = asked.place
    return fragment(
        element("nav", {"aria-label": "Views"}, overview_link(widget), list_link(widget, place, _list_name(asked))),
        element("h2", None, "Act on all: ", f"{place.step}, ", status(place.status)),
        [element("p", None, told) for told in narrowings(asked.narrowed)],
        element("p", None, element("strong", None, _matching(asked, found)), _looked_at(asked, found)),
        _unreadable(found),
        _sample(widget, asked, found),
        _buttons(widget, asked, found) if found.sample else _search_on(widget, asked, found),
    )


def act_on_all(
    widget: DeployedWidget, asked: BulkRequest, by: str, milliseconds_left: Callable[[], int]
) -> ActionResult:
    """Do it to the next tasks that matched when it was rehearsed, and still do, as long as there is time."""
    code = widget.pipeline.step(asked.place.step).statuses[asked.place.status]
    chosen = asked.narrowed.filter(code, asked.until)
    walked = walk(
        widget.pipeline.step(asked.place.step).task_class,
        chosen,
        older_first=_older_first(asked.narrowed),
        cursor=asked.cursor,
        limit=AT_ONCE,
        patience=_SEARCHED,
    )
    one = TaskAction(
        target(widget, asked.action, asked.step),
        Action(asked.action),
        chosen,
        asked.reason or DEFAULT_REASON,
        by,
        asked.request_id,
    )

    def act(found: Found) -> ActionOutcome | None:
        return one.act(str(found.task.task_id)) if milliseconds_left() > _ENDING_MILLISECONDS else None

    with ThreadPoolExecutor(_PARALLEL) as pool:
        acted = list(pool.map(act, walked.found))
    outcomes = [each for each in acted if each is not None]
    # One that is begun twice is done once: the threads may have left one out, and acted on the next.
    begun = acted.index(None) if None in acted else len(acted)
    ended, cursor = walked.ended and begun == len(acted), walked.cursor
    if begun < len(acted):
        cursor = cursor_at(code, walked.found[begun - 1]) if begun else asked.cursor
    troubles = [each for each in outcomes if each.kind not in {Kind.DONE, Kind.REPEATED}]
    done = asked.done + len(outcomes) - len(troubles)
    rest = None if ended else _go_on(widget, asked, cursor, done)
    return ActionResult(
        _told(asked, outcomes, done, ended=ended),
        failed=bool(troubles) and len(troubles) == len(outcomes),
        more=[part for part in (_troubles(troubles), rest) if part is not None],
        outcomes=outcomes,
    )


def _list_name(asked: Rehearsal) -> str:
    return f"{asked.place.step}: {plain(asked.place.status)}"


def _older_first(narrowed: Narrowing) -> bool:
    """The oldest first; but the tasks with a reason are sought where it was found, among the newest."""
    return not narrowed.kind


def _first_ones(asked: Rehearsal) -> str:
    if asked.cursor is not None:
        return "next"
    return "oldest" if _older_first(asked.narrowed) else "newest"


def _matching(asked: Rehearsal, found: Rehearsed) -> str:
    if found.sample:
        return f"{found.told} match{'es' if found.number == Count(1) else ''}.".capitalize()
    if found.examined is None:
        return "No task matches."
    return f"No task matches among the {_first_ones(asked)} {found.examined:,}."


def _looked_at(asked: Rehearsal, found: Rehearsed) -> str:
    if found.examined is None or not found.sample:
        return " Nothing was changed yet."
    looked_at = f"The {_first_ones(asked)} {found.examined:,} were looked at; the rest is while acting."
    return f" {looked_at} Nothing was changed yet."


def _unreadable(found: Rehearsed) -> Markup | None:
    if not found.unreadable:
        return None
    items = "1 item" if found.unreadable == 1 else f"{found.unreadable:,} items"
    return element(
        "p", {"class": "stuck"}, f"{items} of the list cannot be read: nothing can be done to what is no task."
    )


def _search_on(widget: DeployedWidget, asked: Rehearsal, found: Rehearsed) -> Markup | None:
    if found.rest is None:
        return None
    values = {"view": "bulk", **place_values(asked.place), **asked.narrowed.values(), "cursor": found.rest}
    return element("p", None, call(widget.viewer_arn, values, "Search on"))


def _sample(widget: DeployedWidget, asked: Rehearsal, found: Rehearsed) -> Markup:
    links = [
        element("li", None, task_link(widget, each, TaskList(asked.place, asked.narrowed))) for each in found.sample
    ]
    more = found.number.more or found.number.number > len(links)
    return fragment(
        element("ul", {"aria-label": "Some of them"}, links) if links else None,
        element("p", {"class": "quiet"}, f"These are the {_first_ones(asked)} of them.") if more and links else None,
    )


def _buttons(widget: DeployedWidget, asked: Rehearsal, found: Rehearsed) -> Markup:
    pipeline, place = widget.pipeline, asked.place
    code = pipeline.step(place.step).statuses[place.status]
    offered = [each for each in offers(widget, TaskState(status=code)) if each.name in _ONE_OF_MANY]
    buttons = [_button(widget, asked, found, each) for each in offered]
    many = found.number.more or found.number.number > AT_ONCE
    label = reason_label("Reason, recorded on each task", offered)
    return fragment(
        element("div", {"class": "row"}, field(label, "reason", DEFAULT_REASON, 400)),
        element("div", {"class": "row"}, buttons),
        element("p", {"class": "quiet"}, f"{AT_ONCE} at once; then the widget asks whether to go on.")
        if many
        else None,
    )


def _button(widget: DeployedWidget, asked: Rehearsal, found: Rehearsed, offer: Offer) -> Markup:
    many = found.told
    about = "".join(f"\n{label}{text}" for label, text in _texts(asked))
    question = f"{offer.label}: {many}, {plain(asked.place.status)} in {asked.place.step}{about}\n\nOf each: "
    values: dict[str, object] = {
        "action": offer.name,
        "act_on": offer.step,
        "until": found.until.isoformat(),
        "request_id": uuid.uuid4().hex,
        **({} if asked.cursor is None else {"cursor": asked.cursor}),
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
