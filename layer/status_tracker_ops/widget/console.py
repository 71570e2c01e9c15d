"""From the event of a custom widget to the HTML that answers it."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools import Logger

from status_tracker.core.history import text_of
from status_tracker.operations.pipeline import StatusOfStep
from status_tracker_ops.widget.actions import NAMES, ActionResult, do, who
from status_tracker_ops.widget.components import message, overview_link, page, task_link
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.markup import Markup, element, fragment
from status_tracker_ops.widget.overview import overview
from status_tracker_ops.widget.reading import count_tasks, read_page, read_task
from status_tracker_ops.widget.requests import (
    BadEventError,
    Overview,
    Surroundings,
    TaskDetails,
    TaskList,
    View,
    action_request_of,
    is_question_for_documentation,
    surroundings_of,
    view_of,
)
from status_tracker_ops.widget.task_list import task_list
from status_tracker_ops.widget.task_view import task_view

logger = Logger(child=True)

# What CloudWatch shows to whoever adds the widget.
VIEWER_HELP = """## Tasks of status-tracker
Shows how many tasks have which status, the tasks of a status, and a task in full, with buttons to rerun, ignore,
un-ignore and unlock it. The buttons call a second function: who may not invoke that one can look, and not act.

### Widget parameters
Param | Description
---|---
**view** | `overview` (default), `list` or `task`
**step** | `list`: the step, such as `Extract`
**status** | `list`: the status, such as `ignored`
**task_id** | `task`: the task's id

### Example parameters
```yaml
view: list
step: Extract
status: ignored
```
"""

ACTOR_HELP = """## Actions on tasks of status-tracker
Called by the buttons of the widget that shows the tasks; not to be put on a dashboard by itself. Who may invoke this
function may rerun, ignore, un-ignore and unlock tasks. Each action is recorded on its task.
"""


def show(widget: DeployedWidget, event: object) -> str:
    """The view that the event asks for, as HTML; for ``describe`` the documentation, as Markdown."""
    if is_question_for_documentation(event):
        return VIEWER_HELP
    around = surroundings_of(event)
    return page(around, _or_message(widget, lambda: _view(widget, around, view_of(event, widget.pipeline))))


def act(widget: DeployedWidget, event: object, request: str) -> str:
    """Do what the event asks for, once; then show the result, and the list again.

    Args:
        request: the id of the Lambda request, for the record.
    """
    if is_question_for_documentation(event):
        return ACTOR_HELP
    around = surroundings_of(event)
    try:
        asked = action_request_of(event, widget.pipeline, NAMES)
    except BadEventError as error:
        return page(around, message("Not done", str(error), failed=True), overview_link(widget))
    logger.append_keys(task_id=asked.task_id, action=asked.action, step=asked.step)
    logger.info("Asked to act")
    result = _done(lambda: do(widget, asked, who(around.dashboard, around.account, request)))
    link = element("p", None, "Open ", task_link(widget, asked.task_id, asked.back))
    following = _or_message(widget, lambda: _view(widget, around, _after(asked.back)))
    told = message("Not done" if result.failed else "Done", result.text, failed=result.failed)
    return page(around, told, link, following)


def _done(action: Callable[[], ActionResult]) -> ActionResult:
    try:
        return action()
    except Exception as error:  # whatever it is, the widget has to show it
        logger.exception("An action came to no end")
        told = f"it was not carried out to the end ({_cause(error)}). Open the task to see."
        return ActionResult(told, failed=True)


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {text_of(error):.300}"


def _after(back: StatusOfStep | None) -> View:
    return Overview() if back is None else TaskList(back)


def _view(widget: DeployedWidget, around: Surroundings, view: View) -> Markup:
    if isinstance(view, TaskDetails):
        return task_view(widget, around, read_task(widget, view.task_id), view.back)
    if isinstance(view, TaskList):
        found = read_page(widget, view.place, view.cursor)
        return task_list(widget, around, view.place, found, first=view.cursor is None)
    return overview(widget, around, count_tasks(widget.pipeline))


def _or_message(widget: DeployedWidget, view: Callable[[], Markup]) -> Markup:
    """The view, or why it cannot be shown."""
    try:
        return view()
    except BadEventError as error:
        told = str(error)
    except Exception as error:  # whatever it is, the widget has to show it
        logger.exception("A view could not be shown")
        told = f"it could not be read ({_cause(error)}). Try again in a moment."
    return fragment(message("Not shown", told, failed=True), overview_link(widget))
