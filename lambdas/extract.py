"""Lambda function: step 1, text and key-values of the document."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from documents.aws import s3_client
from documents.reading.extraction import extract
from documents.reading.readers import choose_reader
from documents.settings import ExtractSettings
from documents.tasks import ExtractTask
from status_tracker.powertools import start_in_lambda

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
settings = cache(ExtractSettings.from_environment)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Run the step for the task of the execution's input; the workflow reads the exception, not a result."""
    with start_in_lambda(ExtractTask, event["task_id"], context, metrics=metrics, logger=logger, step="Extract") as ctx:
        reader = choose_reader(settings(), ctx.task, event["run"])
        summary = extract(s3_client(), settings(), reader, ctx.task.task_id, ctx.task.data)
        ctx.set_data({**ctx.task.data, "extracted": summary})
