"""What became of a request, for the page that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from status_tracker.operations.actions import ActionOutcome
from status_tracker_ops.widget.markup import Markup


@dataclass(frozen=True)
class ActionResult:
    """What became of a request.

    Attributes:
        text: as a sentence.
        more: what stands below it.
        outcomes: for each task that was acted on.
    """

    text: str
    failed: bool = False
    more: Sequence[Markup] = ()
    outcomes: Sequence[ActionOutcome] = ()
