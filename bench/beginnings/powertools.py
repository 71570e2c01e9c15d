"""Powertools' idempotency: a call that is done once is begun."""

import sys

import boto3
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig

client = boto3.client(
    "dynamodb",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="local",
    aws_secret_access_key="local",  # noqa: S106  # the engine asks for none
)
store = DynamoDBPersistenceLayer(sys.argv[2], key_attr="key", boto3_client=client)
store.configure(IdempotencyConfig(), "bench")
if sys.argv[3:]:
    store.save_inprogress(f"{sys.argv[3]}-call", 300_000)  # type: ignore[arg-type]  # any value of an event
