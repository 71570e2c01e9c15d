"""Lambda functions of the bulk cancel: plan a wave of the tasks that a filter admits, and cancel a chunk of them."""

from status_tracker.operations.actions import Action
from status_tracker_ops.bulk.acting import act_handler, plan_handler
from status_tracker_ops.deployed.pipeline import deployed_pipeline

plan = plan_handler(deployed_pipeline(), Action.CANCEL)
cancel = act_handler(deployed_pipeline(), Action.CANCEL)
