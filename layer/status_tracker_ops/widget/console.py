"""From the event of a custom widget to its answer: the two functions' whole work."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools import Logger

from status_tracker_ops.widget.actions import NAMES, Outcome, do, who
from status_tracker_ops.widget.board import Desk, Place
from status_tracker_ops.widget.components import message, overview_link, page, task_link
from status_tracker_ops.widget.documentation import ACTOR_DOCUMENTATION, VIEWER_DOCUMENTATION
from status_tracker_ops.widget.markup import Markup, element, fragment
from status_tracker_ops.widget.overview import overview
from status_tracker_ops.widget.reading import count_tasks, read_page, read_task
from status_tracker_ops.widget.requests import (
    BadEventError,
    OneTask,
    Overview,
    Surroundings,
    TaskList,
    View,
    deed_of,
    is_question_for_documentation,
    surroundings_of,
    view_of,
)
from status_tracker_ops.widget.task_list import task_list
from status_tracker_ops.widget.task_view import task_view

logger = Logger(child=True)


def show(desk: Desk, event: object) -> str:
    """The view that the event asks for, as HTML; for ``describe`` the documentation, as Markdown."""
    if is_question_for_documentation(event):
        return VIEWER_DOCUMENTATION
    around = surroundings_of(event)
    return page(around, _or_message(desk, lambda: _view(desk, around, view_of(event, desk.steps))))


def act(desk: Desk, event: object, request: str) -> str:
    """Do what the event asks for, once, and show what became of it and the list again.

    Args:
        request: the id of the Lambda request, for the record.
    """
    if is_question_for_documentation(event):
        return ACTOR_DOCUMENTATION
    around = surroundings_of(event)
    try:
        deed = deed_of(event, desk.steps, NAMES)
    except BadEventError as error:
        return page(around, message("Not done", str(error), failed=True), overview_link(desk))
    logger.append_keys(task_id=deed.task_id, action=deed.action, step=deed.step)
    logger.info("Asked to act")
    outcome = _done(lambda: do(desk, deed, who(around.dashboard, around.account, request)))
    link = element("p", None, "Open ", task_link(desk, deed.task_id, deed.back))
    following = _or_message(desk, lambda: _view(desk, around, _after(deed.back)))
    told = message("Not done" if outcome.failed else "Done", outcome.text, failed=outcome.failed)
    return page(around, told, link, following)


def _done(deed: Callable[[], Outcome]) -> Outcome:
    try:
        return deed()
    except Exception as error:  # whatever it is, the widget has to tell it
        logger.exception("An action came to no end")
        told = f"it was not carried out to the end ({type(error).__name__}: {error!s:.300}). Open the task to see."
        return Outcome(told, failed=True)


def _after(back: Place | None) -> View:
    return Overview() if back is None else TaskList(back)


def _view(desk: Desk, around: Surroundings, view: View) -> Markup:
    if isinstance(view, OneTask):
        return task_view(desk, around, read_task(desk, view.task_id), view.back)
    if isinstance(view, TaskList):
        found = read_page(desk, view.place, view.cursor)
        return task_list(desk, around, view.place, found, first=view.cursor is None)
    return overview(desk, around, count_tasks(desk.steps))


def _or_message(desk: Desk, view: Callable[[], Markup]) -> Markup:
    """The view, or why it cannot be shown."""
    try:
        return view()
    except BadEventError as error:
        told = str(error)
    except Exception as error:  # whatever it is, the widget has to tell it
        logger.exception("A view could not be shown")
        told = f"it could not be read ({type(error).__name__}: {error!s:.300}). Try again in a moment."
    return fragment(message("Not shown", told, failed=True), overview_link(desk))
