"""What is checked of any deployed stack: samples that are uploaded, its alarms, and its widget's functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from status_tracker.operations.samples import DoesNotHoldError, NothingToCheckError, Probe, Sample
from status_tracker_ops.clients import make_client, s3_client
from status_tracker_ops.intake.uploads import Upload

_WIDGET_SECONDS = 60
_ALARMS_AT_ONCE = 100
_NEVER_DONE = {"action": "rerun", "reason": "status-tracker verify"}
"""Without the id of a request, which each button sends."""


def uploaded(name: str, body: Callable[[], bytes], bucket: str, check: Callable[[Any], str] = lambda _: "") -> Sample:
    """A sample that is an object in that bucket."""

    def submit(key: str) -> str:
        content = body()
        etag = s3_client().put_object(Bucket=bucket, Key=key, Body=content)["ETag"].strip('"')
        return Upload(bucket, key, etag, len(content)).task_id

    def withdraw(key: str) -> None:
        s3_client().delete_object(Bucket=bucket, Key=key)

    return Sample(name, submit, withdraw, check)


def probes(stack: str) -> list[Probe]:
    """The checks of a stack."""
    return [
        Probe("alarms", lambda _: _alarms(stack)),
        Probe("widget", lambda good: _shown_by_widget(stack, good())),
    ]


def _alarms(stack: str) -> str:
    """Every alarm of the stack can be read. One that is in ALARM is named, and may be so for work of others."""
    names = list(_alarms_of(stack))
    if not names:
        raise NothingToCheckError(f"the stack {stack} has no alarms")
    states = _states(names)
    if missing := [name for name in names if name not in states]:
        raise DoesNotHoldError(f"{len(missing)} of {len(names)} alarms are not there: {', '.join(missing)}")
    loud = sorted(name for name, state in states.items() if state == "ALARM")
    silent = sum(state == "INSUFFICIENT_DATA" for state in states.values())
    return f"{len(names)} alarms; without data: {silent}; in ALARM: {', '.join(loud) or 'none'}"


def _alarms_of(stack: str) -> Iterator[str]:
    pages = make_client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for resource in (each for page in pages for each in page["StackResourceSummaries"]):
        if resource["ResourceType"] == "AWS::CloudWatch::Alarm":
            yield resource["PhysicalResourceId"]


def _states(names: list[str]) -> dict[str, str]:
    pages = make_client("cloudwatch").get_paginator("describe_alarms")
    states: dict[str, str] = {}
    for start in range(0, len(names), _ALARMS_AT_ONCE):
        for page in pages.paginate(AlarmNames=names[start : start + _ALARMS_AT_ONCE]):
            states |= {alarm["AlarmName"]: alarm["StateValue"] for alarm in page["MetricAlarms"]}
    return states


def _shown_by_widget(stack: str, task: Any) -> str:
    """The viewer shows the task; the actor refuses what no button of the widget would send, and changes nothing."""
    shown = _invoked(f"{stack}-widget-viewer", {"view": "task", "task_id": task.task_id})
    if task.task_id not in shown or "Rerun from" not in shown:
        raise DoesNotHoldError(f"the viewer does not show the task: {shown[-300:]}")
    refusal = _invoked(f"{stack}-widget-actor", {"task_id": task.task_id, **_NEVER_DONE})
    if "has no id" not in refusal:
        raise DoesNotHoldError(f"the actor did not refuse an unfinished request: {refusal[-300:]}")
    return "the viewer shows the task; the actor answers"


def _invoked(function: str, event: dict[str, Any]) -> str:
    client = make_client("lambda", read_timeout=_WIDGET_SECONDS, tries=1)
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    payload = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        raise DoesNotHoldError(f"{function} failed: {payload[:300]}")
    return str(json.loads(payload))
