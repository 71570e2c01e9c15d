"""Lambda functions of the bulk rerun: plan a wave of the tasks that a filter admits, and rerun a chunk of them."""

from status_tracker_ops.bulk.rerun import plan_handler, rerun_handler
from status_tracker_ops.deployed.pipeline import deployed_pipeline

plan = plan_handler(deployed_pipeline())
rerun = rerun_handler(deployed_pipeline())
