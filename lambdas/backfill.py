"""Lambda functions of the backfill: plan a wave of objects, and register a chunk of it."""

from documents.tasks import PIPELINE
from status_tracker_ops.intake.backfill_handlers import plan_handler, register_handler

plan = plan_handler(PIPELINE)
register = register_handler(PIPELINE)
