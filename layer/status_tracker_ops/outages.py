"""Outages of AWS's services in a step's work: they postpone a task, and never set it aside (R19)."""

from __future__ import annotations

import random
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from status_tracker import NonRetryableError, Postponed, StoreUnansweredError, TaskExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from status_tracker import BaseTask

FIRST_PAUSE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3600
READ_TIMEOUT_SETBACKS = 4
"""A read timeout postpones a task with fewer setbacks than these; then it counts, as the request may be at fault."""
_MAX_CHARACTERS = 300
_SERVER_FAULTS = frozenset({500, 502, 503, 504})
_LASTING_FAULTS = frozenset(
    {
        *("EC2AccessDeniedException", "InvalidSecurityGroupIDException", "InvalidSubnetIDException"),
        *("InvalidRuntimeException", "InvalidZipFileException"),
        *("KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException"),
    }
)
"""What Lambda answers with 502 where the invoked function is configured wrongly."""
_NO_ANSWER = (ConnectTimeoutError, ConnectionClosedError, ResponseStreamingError, IncompleteReadError)
_SAID_BY_THE_TRACKER = (Postponed, NonRetryableError, TaskExecutionError)
_BUSY_ANYWHERE = frozenset(
    {
        *("SlowDown", "RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"),
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
        *("TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "EC2ThrottledException"),
        "ProvisionedThroughputExceededException",
    }
)
"""What services answer when they have no room; botocore repeats requests for the same codes."""


class ServiceBusyError(Postponed):
    """A service had no room for a request or was away, however often the client repeated it (R19).

    A workflow may know it by this name where it comes from outside of an attempt.
    """


@contextmanager
def outages_postpone(
    setbacks: int,
    *,
    service: str = "AWS",
    busy: frozenset[str] = frozenset(),
    but: tuple[type[BaseException], ...] = (),
) -> Iterator[None]:
    """Turns the outages of AWS's services in the block into postponements; other errors go through as they are.

    An error that was raised over an outage is one too, as those of boto3's transfers and of PynamoDB; a group is one if
    all in it are. A host name that does not exist, a refused certificate, a proxy, and a read timeout that comes again
    and again (`READ_TIMEOUT_SETBACKS`) are none: waiting does not mend them.

    Args:
        setbacks: those of the task; with each a busy service is left alone for longer.
        service: what the message names.
        busy: further codes by which that service says that it has no room.
        but: exceptions of these types go through in any case.

    Raises:
        ServiceBusyError: a service is busy, faulty or does not answer.
    """
    try:
        yield
    except but:
        raise
    except Exception as error:
        outage = _outage_behind(error, lambda each: _is_outage(each, busy, setbacks), set())
        if outage is None:
            raise
        if isinstance(outage, ClientError):
            raise _busy(f"{service} is busy", said(outage), setbacks) from error
        raise _busy(f"{service} did not answer", f"({str(outage)[:_MAX_CHARACTERS]})", setbacks) from error


def setbacks(task: BaseTask) -> int:
    """How often the task has failed or, since it last failed, been postponed."""
    row = task.errors.get("postponed") or {}
    return task.retry + int(row.get("times", 0))


def pause_seconds(setbacks: int) -> float:
    """How long a busy service is left alone: a minute, then four times as long with each setback, at most an hour.

    The latter half of it is left to chance, so that what was refused together does not come back together.
    """
    longest = min(FIRST_PAUSE_SECONDS * 4 ** min(setbacks, 10), LONGEST_PAUSE_SECONDS)
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, no secret


def _outage_behind(
    error: BaseException, is_outage: Callable[[BaseException], bool], seen: set[int]
) -> BaseException | None:
    """The newest error of AWS's clients in what led to this one, if it is an outage; of a group, if all are."""
    for each in _chain(error, seen):
        if isinstance(each, BaseExceptionGroup):
            found = [_outage_behind(member, is_outage, seen) for member in each.exceptions]
            return found[0] if all(member is not None for member in found) else None
        if isinstance(each, (ClientError, BotoCoreError)):
            return each if is_outage(each) else None
        if isinstance(each, _SAID_BY_THE_TRACKER) and not isinstance(each, StoreUnansweredError):
            return None
    return None


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """The error and what led to it, the newest first, but for those seen before."""
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = _reason(error)


_REASONS = ("cause", "last_exception")
"""Where PynamoDB's errors, and those of boto3's downloads, have what they were raised for."""


def _reason(error: BaseException) -> BaseException | None:
    named = (getattr(error, name, None) for name in _REASONS)
    told = next((each for each in named if isinstance(each, BaseException)), None)
    return told or (error.__cause__ if error.__suppress_context__ else error.__context__)


def _is_outage(error: BaseException, busy: frozenset[str], setbacks: int) -> bool:
    if isinstance(error, ClientError):
        status, code = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"), error.response["Error"]["Code"]
        return (status in _SERVER_FAULTS and code not in _LASTING_FAULTS) or code in busy | _BUSY_ANYWHERE
    if isinstance(error, ReadTimeoutError):
        return setbacks < READ_TIMEOUT_SETBACKS
    if isinstance(error, EndpointConnectionError):
        return not any(_is_unknown_name(each) for each in _chain(error, set()))
    return isinstance(error, _NO_ANSWER)


def _is_unknown_name(error: BaseException) -> bool:
    """Whether DNS has answered that there is no such name, as for a region that is none; it may fail otherwise too."""
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME


def said(error: ClientError) -> str:
    """What the service has said, for a message."""
    told = error.response["Error"]
    return f"({told['Code']}: {told.get('Message', '')[:_MAX_CHARACTERS]})"


def _busy(what: str, reason: str, setbacks: int) -> ServiceBusyError:
    pause = pause_seconds(setbacks)
    return ServiceBusyError(f"{what}; tried again in {pause:.0f} s or later. {reason}", retry_after=pause)
