"""Lambda function: restarts what nothing works on any more, registers what has no task, and counts what there is."""

from status_tracker_ops.deployed.pipeline import deployed_pipeline
from status_tracker_ops.sweep.handler import sweep_handler

handler = sweep_handler(deployed_pipeline())
