"""From the table's stream to events on a bus, and exact counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from constructs import Construct

from status_tracker_cdk.access import acknowledge, allow
from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.props import Props, PropsError, between
from status_tracker_cdk.queues import dead_letter_queue
from status_tracker_cdk.table import INDEX_KEY_ATTRIBUTE, TableRights
from status_tracker_ops.settings import EventsSettings

SOURCE = "status-tracker"
"""The source of every event."""
KINDS = (
    *("Task Created", "Task Started", "Task Succeeded", "Task Failed", "Task Postponed", "Task Ignored"),
    *("Task Cancelled", "Task Rerun", "Task Deleted", "Pipeline Finished"),
)
"""The detail types of the events."""
_READING = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
# Only in a window does Lambda name the shard, by which a change that comes twice is known. The longest one there is.
_WINDOW = Duration.seconds(900)
# The stream keeps a record for a day: before that Lambda says which it gives up. Until then it tries again.
_LONGEST_AGE = Duration.hours(23)


@dataclass(frozen=True, kw_only=True)
class EventsProps(Props):
    """How the table's changes are handed over.

    Attributes:
        events_batch_size: changes handed to one invocation, at most.
        events_batching_window_seconds: how long Lambda gathers changes for a batch; 0 hands them over at once.
        events_timeout_seconds: timeout of the function.
        events_memory_mb: memory of the function.
        events_counts: whether exact counts are kept, too.
    """

    events_batch_size: int = between(1, 1000, default=100)
    events_batching_window_seconds: int = between(0, 300, default=1)
    events_timeout_seconds: int = between(10, 900, default=60)
    events_memory_mb: int = between(128, 10240, default=512)
    events_counts: bool = True


class TaskEvents(Construct):
    """A function that reads the table's stream, sends an event for each change of a status to a bus, and counts.

    What it cannot understand or send goes to a dead letter queue, and holds up nothing for good.

    Args:
        commons: what its function shares with all others.
        table: the task table, whose stream has the old and the new items.
        bus: where the events are sent; by default a new one.
        props: how changes are handed over; by default as `EventsProps` says.

    Attributes:
        bus: where the events are sent.
        dead_letter_queue: what could not be handled.
        function: the function.
        counts: whether it keeps counts.

    Raises:
        PropsError: the table has no such stream, or two functions read it already.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        table: TableRights,
        bus: events.IEventBus | None = None,
        props: EventsProps | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        stream_arn, props = table.claim_stream(), props or EventsProps()
        self.bus = bus or events.EventBus(self, "Bus", description=f"What becomes of the tasks of {commons.name}")
        self.dead_letter_queue = dead_letter_queue(self)
        acknowledge(
            self.dead_letter_queue, "SQS3", "It is itself where what cannot be handled goes, for people to read."
        )
        handler = HandlerFunction(
            self,
            "Handler",
            commons=commons,
            handler="status_tracker_ops.deployed.events.handler",
            environment=self._environment(props),
            statements=[
                allow([f"dynamodb:{action}" for action in _READING], stream_arn),
                table.allow_items("GetItem", "UpdateItem"),
                *table.allow_key(),
                allow(["events:PutEvents"], self.bus.event_bus_arn),
                allow(["sqs:SendMessage"], self.dead_letter_queue.queue_arn),
            ],
            timeout_seconds=props.events_timeout_seconds,
            memory_mb=props.events_memory_mb,
        )
        self.function, self.counts = handler.function, props.events_counts and commons.counts
        self._use_case_id = commons.use_case_id
        self._add_source(table, props, commons.use_case_id)

    def on(
        self,
        *kinds: str,
        targets: Sequence[events.IRuleTarget],
        step: str | None = None,
        construct_id: str | None = None,
    ) -> events.Rule:
        """Start something by an event of this use case.

        Args:
            kinds: which events, such as ``"Task Ignored"``; by default all.
            targets: what is started, such as ``aws_events_targets.SqsQueue(queue)``.
            step: only events of this step; by default of all.
            construct_id: the id of the rule; by default made of the kinds and the step.

        Raises:
            PropsError: there is no event of that kind, there is such a rule already, or a target is none.

        Example::

            tracker.on_event("Task Ignored", targets=[targets.SnsTopic(topic)])
        """
        made_up = "".join([*kinds, step or ""]).replace(" ", "") or "Everything"
        rule_id = construct_id or f"On{made_up}"
        if problems := list(self._problems_of_rule(kinds, targets, rule_id)):
            raise PropsError(problems)
        of_step = {} if step is None else {"step": [step]}
        return events.Rule(
            self,
            rule_id,
            event_bus=self.bus,
            event_pattern=events.EventPattern(
                source=[SOURCE],
                detail_type=list(kinds) or None,
                # The bus may have the events of other trackers too.
                detail={"use_case": [self._use_case_id], **of_step},
            ),
            targets=list(targets),
        )

    def _problems_of_rule(self, kinds: Sequence[str], targets: object, rule_id: str) -> Iterator[str]:
        for kind in kinds:
            if kind not in KINDS:
                yield f"there is no event {kind!r}: choose of {', '.join(KINDS)}"
        if not isinstance(targets, list | tuple) or not all(hasattr(each, "bind") for each in targets):
            yield f"targets must be a list of what a rule can start, such as [targets.SnsTopic(topic)], not {targets!r}"
        if self.node.try_find_child(rule_id):
            yield f"there is a rule {rule_id} already: give all targets to one, or this one a construct_id of its own"

    def _environment(self, props: EventsProps) -> Mapping[str, str]:
        settings = EventsSettings(
            event_bus_name=self.bus.event_bus_name,
            events_dead_letter_queue_url=self.dead_letter_queue.queue_url,
            status_tracker_counts="1" if props.events_counts else "0",
        )
        return settings.to_environment()

    def _add_source(self, table: TableRights, props: EventsProps, use_case_id: str) -> None:
        self.function.add_event_source(
            event_sources.DynamoEventSource(
                table.table,
                # With LATEST, Lambda passes by what is written until it begins.
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=props.events_batch_size,
                max_batching_window=Duration.seconds(props.events_batching_window_seconds),
                tumbling_window=_WINDOW,
                bisect_batch_on_error=True,
                report_batch_item_failures=True,
                max_record_age=_LONGEST_AGE,
                on_failure=event_sources.SqsDlq(self.dead_letter_queue),
                filters=list(_filters(use_case_id)),
            )
        )


def _filters(use_case_id: str) -> Iterator[Mapping[str, object]]:
    """What is listed by the index among the tasks of the use case, or was."""
    listed = {INDEX_KEY_ATTRIBUTE: {"S": lambda_.FilterRule.begins_with(use_case_id)}}
    for image in ("NewImage", "OldImage"):
        yield lambda_.FilterCriteria.filter({"dynamodb": {image: listed}})
