"""CDK constructs for any pipeline."""

from status_tracker._extras import require

require(__name__, "aws_cdk", "constructs", "jsii", "uv", install="status-tracker-cdk")
