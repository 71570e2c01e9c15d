"""Lambda function: what the buttons of the widget do. Whoever may invoke it may act on tasks."""

from documents.tasks import PIPELINE
from status_tracker_ops.widget.handler import actor_handler

handler = actor_handler(PIPELINE)
