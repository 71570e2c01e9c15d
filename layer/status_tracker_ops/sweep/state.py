"""The sweep's own task: it keeps two sweeps from running at once, and where each thing stopped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import status_tracker as st
from documents.tasks import ExtractTask

if TYPE_CHECKING:
    from collections.abc import Mapping

TASK_ID = "documents"

_documents = ExtractTask.config


class SweepTask(st.BaseTask):
    """One task, in a use case of its own: no listing, count or deletion of the documents' tasks touches it."""

    class Meta:
        table_name = ExtractTask.Meta.table_name
        connect_timeout_seconds = ExtractTask.Meta.connect_timeout_seconds
        read_timeout_seconds = ExtractTask.Meta.read_timeout_seconds
        max_retry_attempts = ExtractTask.Meta.max_retry_attempts

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make(
        use_case_id=f"{_documents.use_case_id}_sweep",
        pending_status=10,
        in_progress_status=20,
        failed_status=30,
        succeeded_status=40,
        ignored_status=50,
        more_pending_status=40,  # done is but done for this time
        max_retry=1_000_000_000,  # however often it fails, it is due again
    )


@dataclass(frozen=True)
class SweepState:
    """
    Where the last sweep stopped.

    `cursors`: in the tasks of each step, by its name. `listed_to`: the last key of the bucket that was looked at.
    `counted_to`: up to when finished tasks were counted. `recount_after`: when all that have ended are to be counted.
    """

    cursors: dict[str, str | None] = field(default_factory=dict)
    listed_to: str | None = None
    counted_to: datetime | None = None
    recount_after: datetime | None = None

    def to_data(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "counted_to": _text(self.counted_to),
            "recount_after": _text(self.recount_after),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The state that `to_data` gave; of any other data that of a first sweep, which finds all again."""
        try:
            return cls(
                cursors={str(step): cursor for step, cursor in data["cursors"].items()},
                listed_to=data["listed_to"],
                counted_to=_moment(data["counted_to"]),
                recount_after=_moment(data["recount_after"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
