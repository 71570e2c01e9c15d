"""Lambda function: the table's stream becomes events, and counts of the tasks of each status."""

from status_tracker_ops.deployed.pipeline import deployed_pipeline
from status_tracker_ops.events.handler import events_handler

handler = events_handler(deployed_pipeline())
