"""What the errors of AWS's services mean for a document: which postpone it, and which no retry mends."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from status_tracker import NonRetryableError
from status_tracker_ops.outages import outages_postpone, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
            with outages_postpone(setbacks, service=self.service, busy=self.busy):
                yield
        except ClientError as error:
            if reason := self.hopeless.get(error.response["Error"]["Code"]):
                raise NonRetryableError(f"{reason} {said(error)}") from error
            raise
