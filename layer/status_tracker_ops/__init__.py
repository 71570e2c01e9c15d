"""Operating any pipeline on Lambda: intake, sweep, bulk runs, the widget."""

from status_tracker._extras import require

require(__name__, "botocore", "pynamodb", "aws_lambda_powertools", install="status-tracker[powertools]")
