"""The Lambda handler of the sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from status_tracker import TaskLockedError
from status_tracker.powertools import start_in_lambda
from status_tracker_ops.settings import SweepSettings
from status_tracker_ops.sweep.metrics import SweepReporter
from status_tracker_ops.sweep.run import Sweep
from status_tracker_ops.sweep.state import TASK_ID, SweepState, sweep_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from status_tracker.operations.pipeline import Pipeline

STEP = "Sweep"


def sweep_handler(pipeline: Pipeline) -> Callable[[dict[str, Any], LambdaContext], None]:
    """The handler that sweeps once, unless another sweep is under way: the schedule comes again."""
    logger, metrics, task_class = Logger(), Metrics(), sweep_task(pipeline)
    reporter = SweepReporter(logger, pipeline.use_case_id)

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics(capture_cold_start_metric=True)
    def handler(_event: dict[str, Any], context: LambdaContext) -> None:
        task_class.get_or_create(TASK_ID, data=SweepState().to_data())
        try:
            with start_in_lambda(task_class, TASK_ID, context, metrics=metrics, logger=logger, step=STEP) as execution:
                whole = context.get_remaining_time_in_millis()

                def used() -> float:
                    return 1 - context.get_remaining_time_in_millis() / whole

                def keep(state: SweepState) -> None:
                    execution.set_data(state.to_data()).update()

                sweep = Sweep(pipeline, SweepSettings.from_environment(), reporter, used, keep)
                sweep.run(SweepState.from_data(execution.task.data))
        except TaskLockedError as refusal:
            logger.info("Another sweep is under way: %s", refusal)

    return handler
