"""Outages of AWS's services in a step's work: they postpone a task, and never set it aside (R19)."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError

from status_tracker import Postponed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from status_tracker import BaseTask

FIRST_PAUSE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3600
_MAX_CHARACTERS = 300
_SERVER_FAULT = 500
_NO_ANSWER = (HTTPClientError, NoConnectionError, IncompleteReadError)
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
    except ClientError as error:
        if not _is_outage(error, busy):
            raise
        raise _busy(f"{service} is busy", said(error), setbacks) from error
    except _NO_ANSWER as error:
        raise _busy(f"{service} did not answer", f"({str(error)[:_MAX_CHARACTERS]})", setbacks) from error


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


def _is_outage(error: ClientError, busy: frozenset[str]) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= _SERVER_FAULT or error.response["Error"]["Code"] in busy | _BUSY_ANYWHERE


def said(error: ClientError) -> str:
    """What the service has said, for a message."""
    told = error.response["Error"]
    return f"({told['Code']}: {told.get('Message', '')[:_MAX_CHARACTERS]})"


def _busy(what: str, reason: str, setbacks: int) -> ServiceBusyError:
    pause = pause_seconds(setbacks)
    return ServiceBusyError(f"{what}; tried again in {pause:.0f} s or later. {reason}", retry_after=pause)
