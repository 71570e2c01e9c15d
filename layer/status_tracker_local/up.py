"""The local cloud kept up, for as long as one wants to work with it."""

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from status_tracker.cli.environment import exports
from status_tracker_local.alarm_lines import alarm_lines
from status_tracker_local.cloud import LocalCloud
from status_tracker_local.exports import as_exports, exports_file
from status_tracker_local.toolchain import CHECKOUT

_LOOK_EVERY_SECONDS = 0.5


def run_up(cloud: LocalCloud, state: Path) -> int:
    """Deploy, tell how to reach it, and stay until interrupted.

    Args:
        state: the folder of the cloud, which gets a file to source.

    Returns:
        The exit code, when the server has ended by itself.
    """
    cloud.deploy()
    with exports_file(state, [*as_exports(cloud.environment), *_tracker_exports(cloud)]) as file:
        _tell(cloud, file)
        _tell_alarms(cloud)
    print(f"The local cloud's server has ended by itself; {cloud.logs / 'server.log'} says more.")
    return 1


def _tracker_exports(cloud: LocalCloud) -> Iterator[str]:
    yield from exports(cloud.stack_name, cloud.client("cloudformation"), cloud.client("lambda"))
    paths = ":".join(str(CHECKOUT / name) for name in ("layer", "lambdas"))
    yield f"export PYTHONPATH={shlex.quote(paths)}"
    yield f'export PATH={shlex.quote(str(CHECKOUT / "bin"))}:"$PATH"'


def _tell(cloud: LocalCloud, exports: Path) -> None:
    outputs = cloud.outputs
    upload = f's3.upload_file("samples/documents/invoice-1001.pdf", "{outputs["DocumentBucketName"]}", "invoice.pdf")'
    print(f"\nNot in the local cloud, so not deployed: {', '.join(cloud.ignored_resource_types) or 'nothing'}.")
    print("\nTo reach it with aws, boto3, cdk and status-tracker, source its variables in another terminal:\n")
    print(f"  . {shlex.quote(str(exports))}")
    print('\nor, by make:  eval "$(make --silent env STAGE=local)"')
    print("\nWhat was deployed:\n")
    for line in as_table(outputs):
        print(f"  {line}")
    print(f"\nThe dashboard, with its graphs and alarms: {cloud.dashboard_url}")
    print(f"The dashboard's widget, to look at the tasks and act on them: {cloud.widget_url}")
    print("\nUpload a document, either with boto3 or with aws, and a little later look at the table:\n")
    print(f"  .venv/bin/python -c 'import boto3; s3 = boto3.client(\"s3\"); {upload}'")
    print(f"  aws s3 cp samples/documents/invoice-1001.pdf s3://{outputs['DocumentBucketName']}/invoice.pdf")
    print(f"  aws dynamodb scan --table-name {outputs['TaskTableName']}")
    print(
        '\n(aws of version 1 sends sqs commands to AWS all the same: add --endpoint-url "$AWS_ENDPOINT_URL" to those.)'
    )
    print("\nOr with status-tracker (docs/cli.md tells what it can do):\n")
    print("  status-tracker ls --status failed --status ignored")
    print("  status-tracker rerun 'invoice.pdf#…' --reason 'try it'")
    print("\nDeploy changed code (the local cloud has no change sets, so --method=direct is needed):\n")
    print("  make deploy STAGE=local SET='--method=direct --require-approval=never'")
    print(f"\nLogs are in {cloud.logs}. What alarms do is told here. Ctrl-C stops everything.", flush=True)


def _tell_alarms(cloud: LocalCloud) -> None:
    """As long as the server runs."""
    told = 0
    while cloud.running:
        time.sleep(_LOOK_EVERY_SECONDS)
        with suppress(OSError):  # the server may be ending
            changes = cloud.alarm_changes(after=told)
            told += len(changes)
            for line in alarm_lines(changes):
                print(line, flush=True)


def as_table(outputs: Mapping[str, str]) -> Iterator[str]:
    """One line an output, the values below each other."""
    width = max(map(len, outputs), default=0)
    return (f"{name:<{width}}  {value}" for name, value in outputs.items())
