"""What requests to DynamoDB ask for.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
"""

from collections.abc import Iterator

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.requests.api_request import ApiRequest

_IN_TRANSACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


def asks_of_dynamodb(request: ApiRequest) -> Iterator[Ask]:
    """Each table, or index, that a request reads or writes."""
    given, operation = request.parameters, request.operation
    if operation in {"BatchGetItem", "BatchWriteItem"}:
        for table in given.get("RequestItems", {}):
            yield Ask(f"dynamodb:{operation}", _table(request, table))
    elif operation in {"TransactWriteItems", "TransactGetItems"}:
        for item in given.get("TransactItems", []):
            for kind, what in item.items():
                yield Ask(f"dynamodb:{_IN_TRANSACTIONS.get(kind, kind)}", _table(request, what["TableName"]))
    elif "TableName" in given:
        index = f"/index/{given['IndexName']}" if given.get("IndexName") else ""
        yield Ask(f"dynamodb:{operation}", _table(request, given["TableName"]) + index)
    else:
        yield Ask(f"dynamodb:{operation}", given.get("ResourceArn") or given.get("StreamArn") or "*")


def _table(request: ApiRequest, name: str) -> str:
    return name if name.startswith("arn:") else request.arn("dynamodb", f"table/{name}")
