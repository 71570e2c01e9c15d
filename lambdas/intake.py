"""Lambda function: every uploaded document becomes a task, and is dispatched."""

from documents.tasks import PIPELINE
from status_tracker_ops.intake.handler import intake_handler

handler = intake_handler(PIPELINE)
