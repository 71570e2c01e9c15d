"""What moto's Step Functions leave out and the application needs; `status_tracker_local.moto_patches` has the rest.

``tests/local_cloud/test_moto_needs_patches.py`` holds, for each, the proof that moto still needs it.
"""

import functools
import pickle
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.stepfunctions import models as stepfunctions_models
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType, MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor.map_run_record import (
    MapRunRecord,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
from moto.stepfunctions.responses import StepFunctionResponse

_BEGINNING_SECONDS, _BEGINNING_LOOKS = 0.005, 1000
_stopping = threading.RLock()


def execute_state_machines() -> None:
    """State machines made by CloudFormation land in a backend that does not execute them."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    stepfunctions_models.stepfunctions_backends = parser_models.stepfunctions_parser_backends  # type: ignore[assignment]


def name_executions() -> None:
    """An execution that is started without a name gets none, and so is taken for the one before it."""
    backend = parser_models.StepFunctionsParserBackend
    original = backend.start_execution

    def start_execution(self: Any, state_machine_arn: str, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return original(self, state_machine_arn, name or str(uuid.uuid4()), *args, **kwargs)

    backend.start_execution = start_execution  # type: ignore[method-assign]


def fail_maps_with_too_many_failures() -> None:
    """A Distributed Map goes well whatever fails of it; here it fails when it has run, on AWS as soon as it must."""
    original = DistributedIterationComponent._map_run

    def map_run(self: Any, env: Any, eval_input: Any) -> None:
        original(self, env, eval_input)
        failed, tolerated = eval_input.map_run_record.item_counter.failed.get(), eval_input.tolerated_failure_count
        if failed <= tolerated or not env.is_running():
            return
        name = StatesErrorName(typ=StatesErrorNameType.StatesExceedToleratedFailureThreshold)
        cause = f"{failed} items have failed, of which {tolerated} are tolerated."
        details: Any = {"mapRunFailedEventDetails": {"error": name.error_name, "cause": cause}}
        raise FailureEventException(FailureEvent(env, name, HistoryEventType.MapRunFailed, details))

    DistributedIterationComponent._map_run = map_run  # type: ignore[method-assign]


def abort_executions_at_once() -> None:
    """Moto drops the error and cause of `StopExecution`, and goes on until the state under way has ended.

    A function that works then works on, as on AWS; what becomes of it is not in the execution's history.
    """
    original: Any = BaseExecutionWorkerCommunication._reflect_execution_status
    original_end = MapRunRecord.set_stop

    def stop_execution(self: StepFunctionResponse) -> ActionResult:
        execution: Any = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        with _stopping:
            if _is_running(execution):
                _abort(execution, self._get_param("error"), self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date})

    @functools.wraps(original)
    def reflect(self: BaseExecutionWorkerCommunication) -> None:
        with _stopping:
            if self.execution.exec_status is not ExecutionStatus.ABORTED:
                original(self)

    def end_map_run(self: MapRunRecord, status: MapRunStatus) -> None:
        if self.status is not MapRunStatus.ABORTED:
            original_end(self, status)

    MapRunRecord.set_stop = end_map_run  # type: ignore[method-assign]
    StepFunctionResponse.stop_execution = stop_execution  # type: ignore[method-assign]
    BaseExecutionWorkerCommunication._reflect_execution_status = reflect  # type: ignore[method-assign]


def _is_running(execution: Any) -> bool:
    """Whether it can be stopped; of one that is about to run, as soon as it does."""
    for _ in range(_BEGINNING_LOOKS):
        env = execution.exec_worker.env
        if env is not None and env.is_running():
            return True
        if env is not None and env.program_state() is not None:
            return False  # it has ended, or is about to
        time.sleep(_BEGINNING_SECONDS)
    return False


def _abort(execution: Any, error: str | None, cause: str | None) -> None:
    env, now = execution.exec_worker.env, datetime.now(tz=UTC)
    execution.exec_status, execution.stop_date, execution.error, execution.cause = (
        ExecutionStatus.ABORTED,
        now,
        error,
        cause,
    )
    told: Any = {name: value for name, value in (("error", error), ("cause", cause)) if value is not None}
    env.set_stop(stop_date=now, error=told, cause=cause)  # the executor reads both from the error
    for run in env.map_run_record_pool_manager.get_all():
        if run.status is MapRunStatus.RUNNING:
            run.set_stop(MapRunStatus.ABORTED)
    env.event_history_context.source_event_id = 0
    details: Any = {"executionAbortedEventDetails": told}
    env.event_manager.add_event(env.event_history_context, HistoryEventType.ExecutionAborted, details)
    env.event_manager._publish_history_event = lambda **_: None


def parse_definitions_once() -> None:
    """The executor parses its state machine's definition anew for each execution, which takes longer than running it.

    What it evaluates is a copy of its own all the same.
    """
    original = AmazonStateLanguageParser.parse

    @functools.lru_cache(maxsize=64)
    def parsed(definition: str) -> tuple[bytes, Any]:
        program, tree = original(definition)
        return pickle.dumps(program), tree

    def parse(definition: str) -> tuple[Any, Any]:
        program, tree = parsed(definition)
        return pickle.loads(program), tree  # noqa: S301 - our own

    AmazonStateLanguageParser.parse = staticmethod(parse)  # type: ignore[method-assign]
