"""Lambda function: a custom widget of CloudWatch that shows the tasks. It reads only."""

from documents.tasks import PIPELINE
from status_tracker_ops.widget.handler import viewer_handler

handler = viewer_handler(PIPELINE)
