"""What the constructs need beside the library. To import this is to be told what is not installed."""

from status_tracker._extras import require

require("status_tracker_cdk", "aws_cdk", "constructs", "jsii", "uv", install="status-tracker-cdk")
