"""A CDK app of somebody else: two stacks, a function that reads a queue and writes to a bucket, and no tracker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]

APP = """
from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_, aws_s3 as s3, aws_sqs as sqs
from aws_cdk.aws_lambda_event_sources import SqsEventSource

app = App()
store = Stack(app, "Store")
bucket = s3.Bucket(
    store, "Bucket", auto_delete_objects=True, removal_policy=RemovalPolicy.DESTROY, event_bridge_enabled=True
)
CfnOutput(store, "BucketName", value=bucket.bucket_name, description="Where the worker writes.")
work = Stack(app, "Work")
queue = sqs.Queue(work, "Queue")
worker = lambda_.Function(
    work, "Worker", runtime=lambda_.Runtime.PYTHON_3_14, handler="worker.handler",
    code=lambda_.Code.from_asset("src"),
    environment={"BUCKET": bucket.bucket_name, "GREETING": app.node.try_get_context("greeting")},
)
worker.add_event_source(SqsEventSource(queue))
bucket.grant_put(worker)
CfnOutput(work, "QueueUrl", value=queue.queue_url)
app.synth()
"""
WORKER = """
import os
import boto3

def handler(event, context):
    for record in event["Records"]:
        text = f"{os.environ['GREETING']} {record['body']}!"
        boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=record["body"], Body=text)
"""
USER = """
import json, os, sys, time
from pathlib import Path
import boto3

outputs = json.loads(Path(os.environ["STATUS_TRACKER_OUTPUTS"]).read_text())
boto3.client("sqs").send_message(QueueUrl=outputs["Work"]["QueueUrl"], MessageBody=sys.argv[1])
s3, bucket = boto3.client("s3"), outputs["Store"]["BucketName"]
deadline = time.monotonic() + 240
while time.monotonic() < deadline:
    if "Contents" in s3.list_objects_v2(Bucket=bucket, Prefix=sys.argv[1]):
        print(s3.get_object(Bucket=bucket, Key=sys.argv[1])["Body"].read().decode())
        sys.exit(7)
    time.sleep(0.1)
"""
"""Sends a name through the app that the environment leads to, prints what became of it, and ends with 7."""


def write_app(folder: Path) -> Path:
    """Put the app into the folder, with `USER` beside it."""
    files = {
        "cdk.json": '{"app": "python app.py", "context": {"greeting": "Hello"}}',
        "app.py": APP,
        "src/worker.py": WORKER,
        "user.py": USER,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def start_local(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] = os.environ,
    stdout: int | IO[str] = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """``status-tracker local``, as it is installed outside of a checkout, where only the CDK is on the PATH."""
    path = f"{ROOT / 'node_modules' / '.bin'}:{env['PATH']}" if env.get("PATH") else ""
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "status_tracker.cli", "local", *map(str, arguments)],
        cwd=cwd,
        env={**env, "PATH": path, "PYTHONPATH": str(ROOT / "layer")},
        stdout=stdout,
        stderr=stderr,
        text=True,
    )
