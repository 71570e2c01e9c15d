"""The sweep's own task: it keeps two sweeps from running at the same time, and where each of its stages stopped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import status_tracker as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from status_tracker.operations.pipeline import Pipeline

# The tasks of deployed sweeps have this id.
TASK_ID = "documents"


@cache
def sweep_task(pipeline: Pipeline) -> type[st.BaseTask]:
    """The class of the sweep's task: one task in the pipeline's table.

    It has a use case of its own, so that no listing, count or deletion of the pipeline's tasks touches it.
    """

    class SweepTask(st.BaseTask):
        Meta = pipeline.first.task_class.Meta
        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = st.TrackerConfig.make(
            use_case_id=f"{pipeline.use_case_id}_sweep",
            pending_status=10,
            in_progress_status=20,
            failed_status=30,
            succeeded_status=40,
            ignored_status=50,
            more_pending_status=40,  # a finished sweep is due again
            max_retry=1_000_000_000,  # however often it fails, it is due again
        )

    return SweepTask


@dataclass(frozen=True)
class SweepState:
    """Where the last sweep stopped.

    Attributes:
        cursors: in the tasks of each step, by its name.
        listed_to: the last key of the bucket that was looked at.
        counted_to: up to when finished tasks were counted.
        ended: how many tasks had come to each end then, by its code, as the kept counts have it; None without these.
        recount_after: when all ended tasks are to be counted again.
        unread_since: since when the function on the table's stream has not read what was written to prove that it does.
        probed_at: since when nothing has read the table's stream, as `probe_counts` knows it; None where none is kept.
        service: under which name what has ended was counted last; under another one it is counted anew.
    """

    cursors: dict[str, str | None] = field(default_factory=dict)
    listed_to: str | None = None
    counted_to: datetime | None = None
    ended: Mapping[int, int] | None = None
    recount_after: datetime | None = None
    service: str | None = None
    unread_since: datetime | None = None
    probed_at: datetime | None = None

    def to_data(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "counted_to": _text(self.counted_to),
            "ended": None if self.ended is None else {str(code): number for code, number in self.ended.items()},
            "recount_after": _text(self.recount_after),
            "unread_since": _text(self.unread_since),
            "probed_at": _text(self.probed_at),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The state that `to_data` wrote; for other data the state of a first sweep, which finds everything again."""
        try:
            return cls(
                cursors={str(step): cursor for step, cursor in data["cursors"].items()},
                listed_to=data["listed_to"],
                counted_to=_moment(data["counted_to"]),
                ended=_numbers(data.get("ended")),
                recount_after=_moment(data["recount_after"]),
                service=data.get("service"),
                unread_since=_moment(data.get("unread_since")),
                probed_at=_moment(data.get("probed_at")),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()


def _numbers(content: Mapping[str, int] | None) -> dict[int, int] | None:
    return None if content is None else {int(code): int(number) for code, number in content.items()}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
