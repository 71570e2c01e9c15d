"""Lambda function: a custom widget of CloudWatch that shows the tasks. It reads only."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from documents.settings import WidgetSettings
from documents.tasks import STEPS
from operating.console import show
from operating.desk import Desk

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

USE_CASE = STEPS[0][1].config.use_case_id

logger = Logger()


@cache
def desk() -> Desk:
    return Desk.of(STEPS, WidgetSettings.from_environment())


@logger.inject_lambda_context(clear_state=True)
def handler(event: object, _context: LambdaContext) -> str:
    """The HTML of the view that the event asks for."""
    logger.append_keys(use_case=USE_CASE, step="Widget")
    return show(desk(), event)
