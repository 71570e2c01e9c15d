"""Lambda function: restarts what nothing works on any more, registers what has no task, and counts what there is."""

from documents.tasks import PIPELINE
from status_tracker_ops.sweep.handler import sweep_handler

handler = sweep_handler(PIPELINE)
