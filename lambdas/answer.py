"""Lambda function: step 2, answers to the business questions."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from documents.answering.answerers import choose_answerer
from documents.answering.answering import answer_questions
from documents.aws import s3_client
from documents.settings import AnswerSettings
from documents.tasks import AnswerTask
from status_tracker.powertools import start_in_lambda

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
settings = cache(AnswerSettings.from_environment)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Run the step for the task of the execution's input; the workflow reads the exception, not a result."""
    with start_in_lambda(AnswerTask, event["task_id"], context, metrics=metrics, logger=logger, step="Answer") as ctx:
        answerer = choose_answerer(settings(), ctx.task)
        summary = answer_questions(s3_client(), settings().result_bucket, answerer, ctx.task.task_id)
        ctx.set_data({**ctx.task.data, "answered": summary})
