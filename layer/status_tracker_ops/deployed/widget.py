"""Lambda functions of the custom widget of CloudWatch: `viewer` only reads; whoever may invoke `actor` may act, and
whoever may invoke `admin` may cancel, delete and pause."""

from status_tracker_ops.deployed.pipeline import deployed_pipeline
from status_tracker_ops.widget.handler import actor_handler, admin_handler, viewer_handler

viewer = viewer_handler(deployed_pipeline())
actor = actor_handler(deployed_pipeline())
admin = admin_handler(deployed_pipeline())
