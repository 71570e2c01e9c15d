"""From the event of a custom widget to the HTML that answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aws_lambda_powertools import Logger

import status_tracker as st
from status_tracker.core.history import text_of
from status_tracker.operations.actions import Kind
from status_tracker_ops.widget.actions import ADMIN_NAMES, NAMES, REASON_WANTED, do, who
from status_tracker_ops.widget.bulk import act_on_all, rehearsal, rehearse
from status_tracker_ops.widget.components import finder, message, overview_link, page, task_link
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.events import (
    BadEventError,
    Surroundings,
    is_question_for_documentation,
    surroundings_of,
)
from status_tracker_ops.widget.markup import Markup, element, fragment
from status_tracker_ops.widget.overview import overview
from status_tracker_ops.widget.pauses import change_pauses
from status_tracker_ops.widget.reading import count_tasks, read_page, read_pauses, read_task
from status_tracker_ops.widget.requests import (
    ActionRequest,
    BulkRequest,
    Overview,
    Rehearsal,
    Request,
    TaskDetails,
    TaskList,
    View,
    request_of,
    view_of,
)
from status_tracker_ops.widget.results import ActionResult
from status_tracker_ops.widget.task_list import task_list
from status_tracker_ops.widget.task_view import task_view, unreadable_view

logger = Logger(child=True)

_NO_REFUSALS = {Kind.FAILED, Kind.UNDISPATCHED, Kind.UNFINISHED}

# What CloudWatch shows to whoever adds the widget.
VIEWER_HELP = """## Tasks of status-tracker
Shows how many tasks have which status, the tasks of a status with their reasons, and a task in full, with buttons to
rerun, ignore, un-ignore, unlock, cancel and delete it, and to pause work. The buttons call two other functions: who may
not invoke those can look, and not act.

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

ADMIN_HELP = """## Administration of status-tracker
Called by the buttons of the widget that shows the tasks; not to be put on a dashboard by itself. Who may invoke this
function may cancel and delete tasks, and pause and resume work. Each action is recorded.
"""


def show(widget: DeployedWidget, event: object) -> str:
    """The view that the event asks for, as HTML; for ``describe`` the documentation, as Markdown."""
    if is_question_for_documentation(event):
        return VIEWER_HELP
    around = surroundings_of(event)
    return page(around, _or_message(widget, around, lambda: _view(widget, around, view_of(event, widget.pipeline))))


def act(widget: DeployedWidget, event: object, request: str, milliseconds_left: Callable[[], int]) -> str:
    """Do what an operator asks for, once; then show the result, and the list again.

    Args:
        request: the id of the Lambda request, for the record.
        milliseconds_left: tells when the invocation ends.
    """
    if is_question_for_documentation(event):
        return ACTOR_HELP
    return _answer(widget, event, request, NAMES, milliseconds_left)


def administrate(widget: DeployedWidget, event: object, request: str, milliseconds_left: Callable[[], int]) -> str:
    """As `act`, what an administrator asks for."""
    if is_question_for_documentation(event):
        return ADMIN_HELP
    return _answer(widget, event, request, ADMIN_NAMES, milliseconds_left)


def _answer(
    widget: DeployedWidget, event: object, request: str, names: Sequence[str], milliseconds_left: Callable[[], int]
) -> str:
    around = surroundings_of(event)
    try:
        asked = request_of(event, widget.pipeline, _allowed(widget, names))
    except BadEventError as error:
        return page(around, message("Not done", str(error), failed=True), _next_view(widget, around, Overview()))
    if not asked.reason and asked.action in REASON_WANTED:
        told = message("Not done", REASON_WANTED[asked.action], failed=True)
        return page(around, told, _next_view(widget, around, _before(asked)))
    by = who(around.dashboard, around.account, request)
    _log(asked, by)
    result = _done(lambda: _do(widget, asked, by, milliseconds_left))
    told = message("Not done" if result.failed else "Done", result.text, failed=result.failed)
    return page(around, told, result.more, _opening(widget, asked), _next_view(widget, around, _after(asked)))


def _allowed(widget: DeployedWidget, names: Sequence[str]) -> Sequence[str]:
    return [name for name in names if name != "delete" or widget.deletes]


def _do(widget: DeployedWidget, asked: Request, by: str, milliseconds_left: Callable[[], int]) -> ActionResult:
    if isinstance(asked, ActionRequest):
        return do(widget, asked, by)
    if isinstance(asked, BulkRequest):
        return act_on_all(widget, asked, by, milliseconds_left)
    return change_pauses(widget, asked, by)


def _log(asked: Request, by: str) -> None:
    """What is asked for stands in all lines that follow: of what is deleted they are the only record."""
    told = {
        **{name: getattr(asked, name, None) for name in ("action", "step", "task_id", "reason", "request_id")},
        "by": by,
    }
    if isinstance(asked, BulkRequest):
        told |= {"status": asked.place.status, "narrowed": asked.narrowed.values(), "until": asked.until.isoformat()}
    logger.append_keys(**{name: value for name, value in told.items() if value is not None})
    logger.info("Asked to act")


def _done(action: Callable[[], ActionResult]) -> ActionResult:
    try:
        result = action()
    except BadEventError as error:
        return ActionResult(str(error), failed=True)
    except Exception as error:  # whatever it is, the widget has to show it
        logger.exception("An action came to no end")
        told = f"it was not carried out to the end ({_cause(error)}). Open the task to see."
        return ActionResult(told, failed=True)
    for each in result.outcomes:
        if each.kind in _NO_REFUSALS:
            logger.error("An action came to no end", exc_info=each.error, task_id=each.task_id, outcome=each.kind)
        else:
            logger.info("Acted on a task", task_id=each.task_id, outcome=each.kind)
    logger.info("Answered", failed=result.failed, told=result.text)
    return result


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {text_of(error):.300}"


def _opening(widget: DeployedWidget, asked: Request) -> Markup | None:
    if not isinstance(asked, ActionRequest) or asked.action == "delete":
        return None
    return element("p", None, "Open ", task_link(widget, asked.task_id, asked.back))


def _before(asked: Request) -> View:
    """The view that it was asked from."""
    if isinstance(asked, BulkRequest):
        return Rehearsal(asked.place, asked.narrowed, asked.cursor)
    return TaskDetails(asked.task_id, asked.back) if isinstance(asked, ActionRequest) else Overview()


def _after(asked: Request) -> View:
    if isinstance(asked, BulkRequest):
        return TaskList(asked.place)
    back: TaskList | None = getattr(asked, "back", None)
    return Overview() if back is None else back


def _next_view(widget: DeployedWidget, around: Surroundings, view: View) -> Markup:
    return _or_message(widget, around, lambda: _view(widget, around, view))


def _view(widget: DeployedWidget, around: Surroundings, view: View) -> Markup:
    if isinstance(view, TaskDetails):
        try:
            return task_view(widget, around, read_task(widget, view.task_id), view.back)
        except st.TaskUnreadableError as error:
            return unreadable_view(widget, view.task_id, error, view.back)
    if isinstance(view, TaskList):
        return task_list(widget, around, view, read_page(widget, view))
    if isinstance(view, Rehearsal):
        return rehearsal(widget, view, rehearse(widget, view))
    return overview(widget, around, count_tasks(widget), read_pauses(widget.pipeline))


def _or_message(widget: DeployedWidget, around: Surroundings, view: Callable[[], Markup]) -> Markup:
    """The view, or why it cannot be shown; what was typed is kept, to be mended."""
    try:
        return view()
    except BadEventError as error:
        told = str(error)
    except Exception as error:  # whatever it is, the widget has to show it
        logger.exception("A view could not be shown")
        told = f"it could not be read ({_cause(error)}). Try again in a moment."
    again = finder(widget, around.typed("task_id"))
    return fragment(message("Not shown", told, failed=True), overview_link(widget), again)
