"""Lambda function: restarts what nothing works on any more, registers what has no task, and tells how much there is."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from status_tracker import TaskLockedError
from status_tracker.powertools import start_in_lambda
from status_tracker_ops.settings import SweepSettings
from status_tracker_ops.sweep.metrics import MetricsTeller
from status_tracker_ops.sweep.run import Sweep
from status_tracker_ops.sweep.state import TASK_ID, SweepState, SweepTask

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
settings = cache(SweepSettings.from_environment)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(_event: dict[str, Any], context: LambdaContext) -> None:
    """Sweep once, unless another sweep is under way; the schedule comes again."""
    SweepTask.get_or_create(TASK_ID, data=SweepState().to_data())
    try:
        with start_in_lambda(SweepTask, TASK_ID, context, metrics=metrics, logger=logger, step="Sweep") as ctx:
            whole = context.get_remaining_time_in_millis()

            def keep(state: SweepState) -> None:
                ctx.set_data(state.to_data()).update()

            sweep = Sweep(
                settings(), MetricsTeller(logger), lambda: 1 - context.get_remaining_time_in_millis() / whole, keep
            )
            sweep.run(SweepState.from_data(ctx.task.data))
    except TaskLockedError as refusal:
        logger.info("Another sweep is under way: %s", refusal)
