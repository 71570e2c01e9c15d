"""The tables of one run: made, and copied out at the end, with plain boto3."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer

TASKS, EFFECTS, RECEIPTS = "tasks", "effects", "receipts"
CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
REGION = "us-east-1"


def client(port: int) -> Any:
    session = boto3.Session(region_name=REGION, **CREDENTIALS)
    return session.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}")


def create_tables(port: int) -> None:
    dynamodb = client(port)
    index = {
        "IndexName": "status_and_update_time-index",
        "KeySchema": [
            {"AttributeName": "value", "KeyType": "HASH"},
            {"AttributeName": "update_time", "KeyType": "RANGE"},
        ],
        "Projection": {
            "ProjectionType": "INCLUDE",
            "NonKeyAttributes": ["create_time", "status", "retry", "lock", "lock_time", "lock_expire_time"],
        },
    }
    for table, keys, more in (
        (TASKS, ("key", "value", "update_time"), {"GlobalSecondaryIndexes": [index]}),
        (EFFECTS, ("key",), {}),
        (RECEIPTS, ("key",), {}),
    ):
        dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )


def dump_tables(port: int, directory: Path) -> None:
    """Write each table as it stands into ``{table}.table.jsonl``, an item a line, without that of the pauses."""
    read = TypeDeserializer().deserialize
    for table in (TASKS, EFFECTS, RECEIPTS):
        pages = client(port).get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        with (directory / f"{table}.table.jsonl").open("w") as file:
            for page in pages:
                for item in (each for each in page["Items"] if "pauses" not in each):
                    plain = {name: read(value) for name, value in item.items()}
                    file.write(json.dumps(plain, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, set):
        return sorted(int(each) for each in value)
    raise TypeError(f"{value!r} is of no type that the tables of a run hold.")
