"""The local cloud kept up, for as long as one wants to work with it."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from status_tracker_local.alarm_lines import alarm_lines
from status_tracker_local.cloud import LocalCloud
from status_tracker_local.deployment import App
from status_tracker_local.errors import LocalCloudError
from status_tracker_local.exports import as_exports, exports_file, leading_to_this_command, write_exports
from status_tracker_local.sources import Sources
from status_tracker_local.stacks import deployed_stacks, is_for_people

_LOOK_EVERY_SECONDS = 0.5

Trackers = Callable[[LocalCloud], Mapping[str, Mapping[str, str]]]
"""The variables with which ``status-tracker`` works on each deployed tracker, by the command that prints them."""


def run_up(cloud: LocalCloud, app: App, trackers: Trackers) -> int:
    """Deploy, tell how to reach it, and stay until interrupted; deploy again whenever the app's sources change.

    Returns:
        The exit code, when the server has ended by itself.
    """
    sources = Sources(app.folder, leave_out=cloud.state)
    cloud.deploy(app)
    with exports_file(cloud.state, _exports(cloud, trackers)) as file:
        _tell(cloud, file, list(trackers(cloud)))
        _watch(cloud, app, trackers, sources)
    print(f"The local cloud's server has ended by itself; {cloud.logs / 'server.log'} says more.")
    return 1


def left_out(cloud: LocalCloud) -> Iterator[str]:
    """What was not deployed, or does not run."""
    yield f"Not in the local cloud, so not deployed: {', '.join(cloud.ignored_resource_types) or 'nothing'}."
    yield from cloud.also_left_out
    for function in cloud.functions_not_run:
        yield f"Not run here, since only functions of Python are: {function}."


def _exports(cloud: LocalCloud, trackers: Trackers) -> Iterator[str]:
    yield from as_exports({**cloud.environment, **the_only_one(trackers(cloud))})
    yield from leading_to_this_command()


def the_only_one(trackers: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """The variables of the tracker; none where there are several, of which one must be chosen."""
    return next(iter(trackers.values())) if len(trackers) == 1 else {}


def _tell(cloud: LocalCloud, exports: Path, trackers: Sequence[str]) -> None:
    print()
    for line in left_out(cloud):
        print(line)
    print("\nTo reach it with aws, boto3, cdk and status-tracker, source its variables in another terminal:\n")
    print(f"  . {shlex.quote(str(exports))}")
    print(
        '\n(aws of version 1 sends sqs commands to AWS all the same: add --endpoint-url "$AWS_ENDPOINT_URL" to those.)'
    )
    if len(trackers) > 1:
        print("\nand then, for status-tracker, the variables of one of the trackers:\n")
        for command in trackers:
            print(f'  eval "$({command})"')
    _tell_stacks(cloud)
    print(f"\nAll of it on one page: {cloud.page_url}")
    for what, address in cloud.pages():
        print(f"  the {what}: {address}")
    print("\nA change of the app's files is deployed at once. What alarms do is told here.")
    print(f"Logs are in {cloud.logs}; have git ignore {cloud.state}. Ctrl-C stops everything.", flush=True)


def _tell_stacks(cloud: LocalCloud) -> None:
    for name, outputs in deployed_stacks(cloud.client("cloudformation")):
        told = [each for each in outputs if is_for_people(each.name)]
        print(f"\nThe stack {name} was deployed{', with the outputs' if told else ''}:\n")
        for line in as_table({each.name: each.value for each in told}):
            print(f"  {line}")
        for each in told:
            if each.description:
                print(f"  {each.name}: {each.description}")


def _watch(cloud: LocalCloud, app: App, trackers: Trackers, sources: Sources) -> None:
    """Tell what alarms do, and deploy what changes, as long as the server runs."""
    told = 0
    while cloud.running:
        time.sleep(_LOOK_EVERY_SECONDS)
        if changed := sources.changed():
            print(f"\n{changed} has changed.", flush=True)
            _deploy_again(cloud, app, trackers)
        with suppress(OSError):  # the server may be ending
            changes = cloud.alarm_changes(after=told)
            told += len(changes)
            for line in alarm_lines(changes):
                print(line, flush=True)


def _deploy_again(cloud: LocalCloud, app: App, trackers: Trackers) -> None:
    try:
        cloud.deploy(app)
    except LocalCloudError as error:
        print(f"{error}\nWhat was deployed before is still up. Change a file to have it tried again.", file=sys.stderr)
        return
    write_exports(cloud.state, _exports(cloud, trackers))
    for line in left_out(cloud):
        print(line)
    print("Deployed again.", flush=True)


def as_table(outputs: Mapping[str, str]) -> Iterator[str]:
    """One line an output, the values below each other."""
    width = max(map(len, outputs), default=0)
    return (f"{name:<{width}}  {value}" for name, value in outputs.items())
