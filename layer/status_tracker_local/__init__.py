"""A CDK app on one machine: the account in a moto server, Lambda functions as real runtime processes."""

from status_tracker._extras import require

require(
    __name__,
    *("boto3", "botocore", "moto", "jsonpath_ng", "werkzeug", "yaml", "rich", "uv"),
    install="status-tracker[local]",
)
