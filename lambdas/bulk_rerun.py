"""Lambda functions of the bulk rerun: plan a wave of the tasks that a filter admits, and rerun a chunk of them."""

from documents.tasks import PIPELINE
from status_tracker_ops.bulk.rerun import plan_handler, rerun_handler

plan = plan_handler(PIPELINE)
rerun = rerun_handler(PIPELINE)
