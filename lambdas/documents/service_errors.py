"""What the errors of a service that reads or answers for us mean for a task."""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIRST_PAUSE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3600
_MAX_CHARACTERS = 300


class ServiceBusyError(Exception):
    """The service had no room for a request, however often the client repeated it, or did not answer in time.

    Attributes:
        retry_after: seconds before which the tracker does not start the task again (R9).
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class ServiceErrors:
    """The errors of one service, by their codes: those that no retry mends with what to do, and those of a busy one."""

    service: str
    hopeless: Mapping[str, str]
    busy: frozenset[str]

    @contextmanager
    def explained(self, failures: int) -> Iterator[None]:
        """
        Turns the service's errors in the block into what the tracker knows; others go through as they are.

        `failures` is how often the task has failed so far: each time a busy service is left alone for longer.
        Raises `NonRetryableError` and `ServiceBusyError`.
        """
        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            said = f"({code}: {error.response['Error'].get('Message', '')[:_MAX_CHARACTERS]})"
            if reason := self.hopeless.get(code):
                raise NonRetryableError(f"{reason} {said}") from error
            if code in self.busy:
                raise self._busy("is busy", said, failures) from error
            raise
        except (HTTPClientError, NoConnectionError) as error:
            raise self._busy("did not answer", f"({str(error)[:_MAX_CHARACTERS]})", failures) from error

    def _busy(self, what: str, said: str, failures: int) -> ServiceBusyError:
        pause = pause_seconds(failures)
        return ServiceBusyError(f"{self.service} {what}; tried again in {pause:.0f} s or later. {said}", pause)


def pause_seconds(failures: int) -> float:
    """How long a busy service is left alone: a minute, then four times as long with each failure, at most an hour.

    The latter half of it is left to chance, so that what was refused together does not come back together.
    """
    longest = min(FIRST_PAUSE_SECONDS * 4 ** min(failures, 10), LONGEST_PAUSE_SECONDS)
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, no secret
