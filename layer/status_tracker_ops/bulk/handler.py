"""The Lambda handler that plans a wave, of whatever kind the bulk execution is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from status_tracker_ops.bulk.inputs import BadInputError
from status_tracker_ops.bulk.runs import log_name, refusal
from status_tracker_ops.clients import s3_client
from status_tracker_ops.settings import BulkSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from status_tracker.operations.pipeline import Pipeline


def bulk_plan_handler(
    pipeline: Pipeline, kind: str, refused: str, plan: Callable[..., dict[str, Any]]
) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The handler that plans the next wave, or says why the input is refused or cannot be read any further.

    Args:
        kind: the folder of such executions, one of `status_tracker_ops.bulk.runs`.
        refused: the log message for input that cannot be used; it has one ``%s``, for the reason.
        plan: plans a wave, given the S3 client, `BulkSettings`, the event and the seconds that are left. It raises
            `BadInputError`.
    """
    logger = Logger()

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        logger.append_keys(use_case=pipeline.use_case_id, step=log_name(kind))
        settings = BulkSettings.from_environment()
        try:
            planned = plan(s3_client(), settings, event, lambda: context.get_remaining_time_in_millis() / 1000)
        except BadInputError as error:
            logger.warning(refused, error, extra={"execution": event["execution"]})
            return refusal(s3_client(), settings.result_bucket, kind, event, str(error))
        logger.info("Wave planned", extra={"execution": event["execution"], **planned["progress"]})
        return planned

    return handler
