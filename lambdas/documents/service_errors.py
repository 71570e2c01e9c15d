"""What the errors of AWS's services mean for a task: which postpone it, and which no retry mends."""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError

from status_tracker import NonRetryableError, Postponed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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

    The workflow knows it by this name where it comes from outside of an attempt (`infra/documents_stack/textract.py`).
    """


@dataclass(frozen=True)
class ServiceErrors:
    """The errors of one service, by their codes: those that no retry mends with what to do, and those of a busy one."""

    service: str
    hopeless: Mapping[str, str]
    busy: frozenset[str]

    @contextmanager
    def explained(self, setbacks: int) -> Iterator[None]:
        """Turns the service's errors in the block into what the tracker knows; others go through as they are.

        Args:
            setbacks: those of the task; with each a busy service is left alone for longer.

        Raises:
            NonRetryableError: no retry mends it.
            ServiceBusyError: the service is busy, faulty or does not answer.
        """
        try:
            with _outages_postpone(self.service, self.busy, setbacks):
                yield
        except ClientError as error:
            if reason := self.hopeless.get(error.response["Error"]["Code"]):
                raise NonRetryableError(f"{reason} {_said(error)}") from error
            raise


@contextmanager
def outages_postpone(setbacks: int) -> Iterator[None]:
    """Turns the outages of any AWS service in the block into postponements; other errors go through as they are.

    Args:
        setbacks: as for `ServiceErrors.explained`.

    Raises:
        ServiceBusyError: a service is busy, faulty or does not answer.
    """
    with _outages_postpone("AWS", frozenset(), setbacks):
        yield


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


@contextmanager
def _outages_postpone(service: str, busy: frozenset[str], setbacks: int) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if not _is_outage(error, busy):
            raise
        raise _busy(f"{service} is busy", _said(error), setbacks) from error
    except _NO_ANSWER as error:
        raise _busy(f"{service} did not answer", f"({str(error)[:_MAX_CHARACTERS]})", setbacks) from error


def _is_outage(error: ClientError, busy: frozenset[str]) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= _SERVER_FAULT or error.response["Error"]["Code"] in busy | _BUSY_ANYWHERE


def _said(error: ClientError) -> str:
    told = error.response["Error"]
    return f"({told['Code']}: {told.get('Message', '')[:_MAX_CHARACTERS]})"


def _busy(what: str, said: str, setbacks: int) -> ServiceBusyError:
    pause = pause_seconds(setbacks)
    return ServiceBusyError(f"{what}; tried again in {pause:.0f} s or later. {said}", retry_after=pause)
