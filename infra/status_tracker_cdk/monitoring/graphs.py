"""Graphs of the dashboard that need nothing but their metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from status_tracker_cdk.monitoring.metrics import MINUTE


def executions(machine: sfn.IStateMachine) -> list[cloudwatch.IMetric]:
    """How many executions have begun, and how they have ended."""
    return [
        machine.metric_started(period=MINUTE),
        machine.metric_succeeded(period=MINUTE),
        machine.metric_failed(period=MINUTE),
        machine.metric_timed_out(period=MINUTE),
        machine.metric_aborted(period=MINUTE),
    ]


def workflow_throttles(machine: sfn.IStateMachine) -> cloudwatch.IWidget:
    """What Step Functions throttles."""
    of_account = sfn.StateTransitionMetric.metric_throttled_events(
        period=MINUTE, label="state transitions, whole account"
    )
    return graph("Step Functions throttles", [machine.metric_throttled(period=MINUTE), of_account])


def requests_to(queues: Mapping[str, sqs.IQueue]) -> list[cloudwatch.IMetric]:
    """The requests to each queue; labelled only where there are several."""
    metrics: list[cloudwatch.IMetric] = []
    for name, queue in queues.items():
        of_queue = [
            queue.metric_number_of_messages_sent(period=MINUTE),
            queue.metric_number_of_messages_received(period=MINUTE),
            queue.metric_number_of_messages_deleted(period=MINUTE),
            queue.metric_number_of_empty_receives(period=MINUTE),
        ]
        metrics += [each.with_(label=f"{name} {each.metric_name}") if len(queues) > 1 else each for each in of_queue]
    return metrics


def graph(
    title: str,
    metrics: Sequence[cloudwatch.IMetric],
    *,
    width: int = 8,
    stacked: bool = False,
    limit: float | None = None,
) -> cloudwatch.GraphWidget:
    """A graph; `limit` is where its alarm goes off."""
    limits = [] if limit is None else [cloudwatch.HorizontalAnnotation(value=limit, label="alarm")]
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_annotations=limits,
        left_y_axis=cloudwatch.YAxisProps(min=0),
        stacked=stacked,
        width=width,
    )
