"""boto3 by hand: a start is the write that the library makes, and the task that it answers."""

import json
import sys
import uuid
import zlib
from datetime import UTC, datetime, timedelta

import boto3


def moment(time: datetime) -> dict[str, str]:
    return {"S": time.strftime("%Y-%m-%dT%H:%M:%S.%f%z")}


client = boto3.client(
    "dynamodb",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="local",
    aws_secret_access_key="local",  # noqa: S106  # the engine asks for none
)
if sys.argv[3:]:
    task_id, now, lease = sys.argv[3], datetime.now(UTC), timedelta(seconds=300)
    item = client.update_item(
        TableName=sys.argv[2],
        Key={"key": {"S": f"bench____{task_id}"}},
        UpdateExpression=(
            "SET #status = :status, #value = :value, #lock = :lock, lock_time = :now, lock_expire_time = :until, "
            "update_time = :now REMOVE expire_at, update_count ADD fence :one"
        ),
        ConditionExpression=(
            "NOT contains(finished_locks, :lock) AND NOT contains(vanished_locks, :lock) "
            "AND #status IN (:pending, :failed) AND (attribute_not_exists(#lock) OR #lock = :free "
            "OR lock_expire_time <= :now OR (attribute_not_exists(lock_expire_time) "
            "AND (attribute_not_exists(lock_time) OR lock_time <= :since))) "
            "AND (attribute_not_exists(not_before) OR not_before <= :now)"
        ),
        ExpressionAttributeNames={"#status": "status", "#value": "value", "#lock": "lock"},
        ExpressionAttributeValues={
            ":status": {"N": "20"},
            ":value": {"S": f"bench____020____{zlib.crc32(task_id.encode()) % 5 + 1:03}"},
            ":lock": {"S": uuid.uuid4().hex},
            ":now": moment(now),
            ":until": moment(now + lease),
            ":since": moment(now - lease),
            ":one": {"N": "1"},
            ":pending": {"N": "10"},
            ":failed": {"N": "30"},
            ":free": {"S": "__not_locked__"},
        },
        ReturnValues="ALL_NEW",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )["Attributes"]
    data = json.loads(item["data"]["S"])
