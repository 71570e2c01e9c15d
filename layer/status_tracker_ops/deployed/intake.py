"""Lambda function: every uploaded object becomes a task, and is dispatched."""

from status_tracker_ops.deployed.pipeline import deployed_pipeline
from status_tracker_ops.intake.handler import intake_handler

handler = intake_handler(deployed_pipeline())
