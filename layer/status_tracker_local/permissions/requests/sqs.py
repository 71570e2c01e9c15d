"""What requests to SQS ask for: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html"""

from collections.abc import Iterator

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.requests.api_request import ApiRequest


def asks_of_sqs(request: ApiRequest) -> Iterator[Ask]:
    """The queue; a batch needs the right to do one of it."""
    given = request.parameters
    url, name = given.get("QueueUrl", ""), given.get("QueueName", "")
    queue = request.arn("sqs", url.rpartition("/")[2] or name) if url or name else given.get("SourceArn", "*")
    yield Ask(f"sqs:{request.operation.removesuffix('Batch')}", queue)
