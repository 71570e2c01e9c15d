"""The desk of this application, for both functions of the widget."""

from __future__ import annotations

from functools import cache

from documents.tasks import STEPS
from status_tracker_ops.settings import WidgetSettings
from status_tracker_ops.widget.board import Desk


@cache
def desk() -> Desk:
    return Desk.of(STEPS, WidgetSettings.from_environment())
