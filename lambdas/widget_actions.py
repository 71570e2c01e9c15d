"""Lambda function: what the buttons of the widget do. Who may invoke it may act on tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from status_tracker_ops.widget.application import desk
from status_tracker_ops.widget.console import act

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: object, context: LambdaContext) -> str:
    """Do what the button says, once, and answer with the HTML of what became of it."""
    logger.append_keys(use_case=desk().use_case, step="Widget")
    return act(desk(), event, context.aws_request_id)
