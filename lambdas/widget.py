"""Lambda function: a custom widget of CloudWatch that shows the tasks. It reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from status_tracker_ops.widget.application import desk
from status_tracker_ops.widget.console import show

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: object, _context: LambdaContext) -> str:
    """The HTML of the view that the event asks for."""
    logger.append_keys(use_case=desk().use_case, step="Widget")
    return show(desk(), event)
