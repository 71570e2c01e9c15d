"""Lambda functions of the backfill: plan a wave of objects, and register a chunk of it."""

from status_tracker_ops.deployed.pipeline import deployed_pipeline
from status_tracker_ops.intake.backfill_handlers import plan_handler, register_handler

plan = plan_handler(deployed_pipeline())
register = register_handler(deployed_pipeline())
