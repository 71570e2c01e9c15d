"""How large a payload may be, service by service, where moto sets no limit or counts otherwise; see `moto_patches`.

The numbers are AWS's of 2026: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and the like.
Since January 2026 SQS, EventBridge and asynchronous invocations take 1 MiB, Step Functions still 256 KiB.
"""

import functools
import json
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from moto.awslambda import responses as lambda_responses
from moto.core.exceptions import JsonRESTError
from moto.events.exceptions import ValidationException as EventsValidationException
from moto.events.models import EventsBackend
from moto.sqs.constants import MAXIMUM_MESSAGE_LENGTH
from moto.sqs.exceptions import BatchRequestTooLong, InvalidParameterValue
from moto.sqs.models import SQSBackend
from moto.stepfunctions.exceptions import ValidationException
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.asl.component.state import state
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_lambda
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service

from status_tracker_local.runtime_api import Outcome

STATE_BYTES = 256 * 1024
EVENTS_BYTES = 1024 * 1024
ASYNCHRONOUS_BYTES = 1024 * 1024
REQUEST_BYTES = 6 * 1024 * 1024
RESPONSE_BYTES = REQUEST_BYTES + 100
_TIME_BYTES = 14  # of an event with a time


class RequestTooLargeError(JsonRESTError):
    """What Lambda's API answers when the event is too large."""

    code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, most: int) -> None:
        message = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
        super().__init__("RequestTooLargeException", message)


def check_event_size(event: bytes, *, asynchronous: bool) -> None:
    """Raise `RequestTooLargeError` for an event that Lambda would not take."""
    most = ASYNCHRONOUS_BYTES if asynchronous else REQUEST_BYTES
    if len(event) > most:
        raise RequestTooLargeError(most)


def within_response_size(outcome: Outcome) -> Outcome:
    """The outcome; of a response that is too large, the error that Lambda makes of it."""
    if len(outcome.payload) <= RESPONSE_BYTES:
        return outcome
    message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes)."
    error = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
    return Outcome(json.dumps(error).encode(), is_error=True)


def limit_payloads() -> None:
    """Have moto refuse what AWS would refuse for its size. `check_event_size` is for whoever invokes functions."""
    _leave_responses_to_us()
    _limit_messages()
    _limit_events()
    _limit_inputs_of_executions()
    _limit_states_to_the_byte()


def _leave_responses_to_us() -> None:
    """Moto refuses responses from 6,000,000 bytes on."""
    setattr(lambda_responses, "sys", SimpleNamespace(getsizeof=lambda _: 0))  # noqa: B010 - mypy knows no such attribute


def _limit_messages() -> None:
    """Moto counts the characters of a message, not its bytes."""
    validate, send_batch = SQSBackend._validate_message, SQSBackend.send_message_batch

    @functools.wraps(validate)
    def validate_message(self: SQSBackend, queue: Any, message_body: str, *args: Any, **kwargs: Any) -> None:
        most = int(queue.maximum_message_size)
        if len(message_body.encode()) > most:
            reason = f"Message must be shorter than {most} bytes."
            raise InvalidParameterValue(f"One or more parameters are invalid. Reason: {reason}")
        validate(self, queue, message_body, *args, **kwargs)

    @functools.wraps(send_batch)
    def send_message_batch(self: SQSBackend, queue_name: str, entries: dict[str, dict[str, Any]]) -> Any:
        total = sum(len(entry["MessageBody"].encode()) for entry in entries.values())
        if total > MAXIMUM_MESSAGE_LENGTH:
            raise BatchRequestTooLong(total)
        return send_batch(self, queue_name, entries)

    SQSBackend._validate_message = validate_message  # type: ignore[method-assign]
    SQSBackend.send_message_batch = send_message_batch  # type: ignore[method-assign]


def _limit_events() -> None:
    """Moto takes events of any size."""
    original = EventsBackend.put_events

    @functools.wraps(original)
    def put_events(self: EventsBackend, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if sum(map(_event_size, events)) > EVENTS_BYTES:
            raise EventsValidationException("Total size of the entries in the request is over the limit.")
        return original(self, events)

    EventsBackend.put_events = put_events  # type: ignore[method-assign]


def _event_size(event: dict[str, Any]) -> int:
    texts = [*(event.get(name) or "" for name in ("Source", "DetailType", "Detail")), *(event.get("Resources") or [])]
    return sum(len(text.encode()) for text in texts) + (_TIME_BYTES if event.get("Time") else 0)


def _limit_inputs_of_executions() -> None:
    """Moto starts an execution with an input of any size."""
    backend: Any = parser_models.StepFunctionsParserBackend
    original = backend.start_execution

    @functools.wraps(original)
    def start_execution(
        self: Any, state_machine_arn: str, name: str | None = None, execution_input: str | None = None, *args: Any
    ) -> Any:
        if len((execution_input or "").encode()) > STATE_BYTES:
            raise ValidationException(
                "1 validation error detected: Value at 'input' failed to satisfy constraint: "
                f"Member must have length less than or equal to {STATE_BYTES}"
            )
        return original(self, state_machine_arn, name, execution_input, *args)

    backend.start_execution = start_execution


def _limit_states_to_the_byte() -> None:
    """Moto counts a blank after each colon and comma of what a state is given or gives, and refuses the last byte."""
    for module in (state, state_task_lambda, state_task_service):
        setattr(module, "is_within_size_quota", _is_within)  # noqa: B010 - mypy knows no such attribute


def _is_within(value: Any) -> bool:
    text = (
        value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str, ensure_ascii=False)
    )
    return len(text.encode()) <= STATE_BYTES
