"""The local cloud kept up, for as long as one wants to work with it."""

import shlex
import time
from collections.abc import Iterator
from contextlib import suppress

from local_cloud.alarm_lines import alarm_lines
from local_cloud.cloud import LocalCloud
from local_cloud.toolchain import find_application

_LOOK_EVERY_SECONDS = 0.5


def run_up(cloud: LocalCloud) -> int:
    """Deploy, tell how to reach it, and stay until interrupted.

    Returns:
        The exit code, when the server has ended by itself.
    """
    cloud.deploy()
    _tell(cloud)
    told = 0
    while cloud.running:
        time.sleep(_LOOK_EVERY_SECONDS)
        with suppress(OSError):  # the server may be ending
            changes = cloud.alarm_changes(after=told)
            told += len(changes)
            for line in alarm_lines(changes):
                print(line, flush=True)
    print(f"The local cloud's server has ended by itself; {cloud.logs / 'server.log'} says more.")
    return 1


def _tracker_exports(cloud: LocalCloud) -> Iterator[str]:
    find_application()
    from documents.environment import exports  # noqa: PLC0415 - the application is on no path of ours

    return exports(cloud.stack_name, cloud.client("cloudformation"), cloud.client("lambda"))


def _tell(cloud: LocalCloud) -> None:
    outputs = cloud.outputs
    upload = f's3.upload_file("samples/documents/invoice-1001.pdf", "{outputs["DocumentBucketName"]}", "invoice.pdf")'
    print(f"\nNot in the local cloud, so not deployed: {', '.join(cloud.ignored_resource_types) or 'nothing'}.")
    print("\nTo reach it with aws, boto3 and cdk, in another terminal:\n")
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in cloud.environment.items():
        print(f"export {name}={shlex.quote(value)}")
    print("\nWhat was deployed:\n")
    for name, value in outputs.items():
        print(f"  {name:<26}{value}")
    print(f"\nThe dashboard, with its graphs and alarms: {cloud.dashboard_url}")
    print(f"The dashboard's widget, to look at the tasks and act on them: {cloud.widget_url}")
    print("\nUpload a document, either with boto3 or with aws, and a little later look at the table:\n")
    print(f"  .venv/bin/python -c 'import boto3; s3 = boto3.client(\"s3\"); {upload}'")
    print(f"  aws s3 cp samples/documents/invoice-1001.pdf s3://{outputs['DocumentBucketName']}/invoice.pdf")
    print(f"  aws dynamodb scan --table-name {outputs['TaskTableName']}")
    print(
        "\nOr with status-tracker, here or in another terminal, after these too (docs/cli.md tells what it can do):\n"
    )
    for line in _tracker_exports(cloud):
        print(line)
    print("\n  status-tracker ls --status failed --status ignored")
    print("  status-tracker rerun 'invoice.pdf#…' --reason 'try it'")
    print("\nDeploy changed code (the local cloud has no change sets, so --method=direct is needed):\n")
    print("  make deploy STAGE=local SET='--method=direct --require-approval=never'")
    print(f"\nLogs are in {cloud.logs}. What alarms do is told here. Ctrl-C stops everything.", flush=True)
