"""The Lambda handlers of the widget: those that show, act and administrate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from status_tracker_ops.settings import WidgetSettings
from status_tracker_ops.widget.console import act, administrate, show
from status_tracker_ops.widget.deployed import DeployedWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from status_tracker.operations.pipeline import Pipeline

STEP = "Widget"


def viewer_handler(pipeline: Pipeline) -> Callable[[object, LambdaContext], str]:
    """The handler that answers with the HTML of the view that the event asks for. It only reads."""
    logger = Logger()

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: object, _context: LambdaContext) -> str:
        logger.append_keys(use_case=pipeline.use_case_id, step=STEP)
        return show(DeployedWidget.of(pipeline, WidgetSettings.from_environment()), event)

    return handler


def actor_handler(pipeline: Pipeline) -> Callable[[object, LambdaContext], str]:
    """The handler that does what an operator's button says, once, and answers with the HTML of the result."""
    return _doing(pipeline, act)


def admin_handler(pipeline: Pipeline) -> Callable[[object, LambdaContext], str]:
    """As `actor_handler`, for the buttons of administrators: cancel, delete, pause, resume."""
    return _doing(pipeline, administrate)


def _doing(
    pipeline: Pipeline, carry_out: Callable[[DeployedWidget, object, str, Callable[[], int]], str]
) -> Callable[[object, LambdaContext], str]:
    logger = Logger()

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: object, context: LambdaContext) -> str:
        logger.append_keys(use_case=pipeline.use_case_id, step=STEP)
        widget = DeployedWidget.of(pipeline, WidgetSettings.from_environment())
        return carry_out(widget, event, context.aws_request_id, context.get_remaining_time_in_millis)

    return handler
