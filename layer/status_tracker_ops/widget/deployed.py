"""The deployed widget: which pipeline it shows, and which functions its buttons call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from status_tracker_ops.widget.links import Links

if TYPE_CHECKING:
    from status_tracker.operations.pipeline import Pipeline
    from status_tracker_ops.settings import WidgetSettings


@dataclass(frozen=True)
class DeployedWidget:
    """The widget of one pipeline.

    Attributes:
        pipeline: whose tasks are shown.
        viewer_arn: the function that shows, and may only read.
        actor_arn: the function that acts; whoever may invoke it may act.
        admin_arn: the function that cancels, deletes, pauses and resumes; whoever may invoke it may do so.
        deletes: whether tasks may be deleted.
        counts: whether counts are kept with every change, as far as the widget is told.
        beside: the viewers of other use cases, by these.
        links: to the AWS console, where more is known of a task.
    """

    pipeline: Pipeline
    viewer_arn: str
    actor_arn: str
    admin_arn: str
    links: Links
    deletes: bool = False
    counts: bool = True
    beside: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, pipeline: Pipeline, settings: WidgetSettings) -> Self:
        """The widget of that pipeline, as its functions' environment describes it."""
        links = Links(settings.widget_viewer_arn, settings.log_groups, settings.workflow_arn)
        arns = settings.widget_viewer_arn, settings.widget_actor_arn, settings.widget_admin_arn
        beside = {unquote(name): arn for name, _, arn in (each.partition("=") for each in settings.widget_beside)}
        return cls(
            pipeline,
            *arns,
            links,
            deletes=settings.widget_deletes == "yes",
            counts=settings.status_tracker_counts == "1",
            beside=beside,
        )
