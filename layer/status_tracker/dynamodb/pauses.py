"""Where it is kept in the table what is paused of a use case: an item of its own, which no listing gives (R20)."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from .item import TaskItem


class DynamoPauseBoard:
    """One item; its key begins with the separator, as that of no task does, and it is in no index.

    Args:
        task_class: any step of the use case; the table is its.
    """

    def __init__(self, task_class: type[TaskItem]) -> None:
        config = task_class.config
        self._class = task_class
        self._key = {task_class.key.attr_name: {"S": f"{config.sep}pauses{config.sep}{config.use_case_id}"}}

    def read(self) -> str | None:
        answer = self._ask("GetItem", {"ConsistentRead": True})
        text: str | None = answer.get("Item", {}).get("pauses", {}).get("S")
        return text

    def replace(self, before: str | None, after: str) -> bool:
        values = {":after": {"S": after}} if before is None else {":after": {"S": after}, ":before": {"S": before}}
        request = {
            "UpdateExpression": "SET pauses = :after",
            "ConditionExpression": "attribute_not_exists(pauses)" if before is None else "pauses = :before",
            "ExpressionAttributeValues": values,
        }
        try:
            self._ask("UpdateItem", request)
        except ClientError as error:
            refused = error.__cause__ if isinstance(error.__cause__, ClientError) else error
            if refused.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _ask(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        table: Any = self._class.Meta
        connection = self._class._get_connection().connection
        answer: dict[str, Any] = connection.dispatch(
            operation, {"TableName": table.table_name, "Key": self._key, "ReturnConsumedCapacity": "NONE", **request}
        )
        return answer
