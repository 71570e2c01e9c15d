"""botocore's client, and one conditional write: what nobody who speaks to DynamoDB gets below."""

import sys

from botocore.session import get_session

client = get_session().create_client(
    "dynamodb",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="local",
    aws_secret_access_key="local",  # noqa: S106  # the engine asks for none
)
if sys.argv[3:]:
    client.update_item(  # type: ignore[attr-defined]  # made of the model
        TableName=sys.argv[2],
        Key={"key": {"S": f"bench____{sys.argv[3]}"}},
        UpdateExpression="SET #status = :in_progress",
        ConditionExpression="#status = :pending",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":in_progress": {"N": "20"}, ":pending": {"N": "10"}},
    )
