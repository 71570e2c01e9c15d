"""Lambda function: what the buttons of the widget do. Who may invoke it may act on tasks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from documents.settings import WidgetSettings
from documents.tasks import STEPS
from operating.console import act
from operating.desk import Desk

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

USE_CASE = STEPS[0][1].config.use_case_id

logger = Logger()


@cache
def desk() -> Desk:
    return Desk.of(STEPS, WidgetSettings.from_environment())


@logger.inject_lambda_context(clear_state=True)
def handler(event: object, context: LambdaContext) -> str:
    """Do what the button says, once, and answer with the HTML of what became of it."""
    logger.append_keys(use_case=USE_CASE, step="Widget")
    return act(desk(), event, context.aws_request_id)
