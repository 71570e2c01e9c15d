"""CDK constructs for any pipeline."""

from status_tracker._extras import require

require(__name__, "aws_cdk", "constructs", "uv", install="status-tracker-cdk")
