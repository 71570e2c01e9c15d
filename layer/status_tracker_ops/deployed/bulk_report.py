"""Lambda function: what became of a wave of a bulk execution, and whether another one follows."""

from status_tracker_ops.bulk.report import report_handler

handler = report_handler()
