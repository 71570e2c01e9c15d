"""EventBridge's rules: what matches one is sent to its targets, by the rights that AWS would ask for.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html. Moto knows queues, logs and other buses; a
target that fails, or that it does not know, breaks its PutEvents off.
"""

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from jsonpath_ng.ext.parser import parse
from moto.events import models as events_models
from moto.events.utils import EventTemplateParser
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.judge import Judge
from status_tracker_local.permissions.services import as_rule, rule_may_invoke, rule_may_send, service_may_publish

_log = logging.getLogger(__name__)

Rule = events_models.Rule
Target = Mapping[str, Any]
Event = dict[str, Any]


class NotDeliveredError(RuntimeError):
    """A target does not get an event; says why."""


class EventTargets:
    """Sends events to the targets of rules.

    Args:
        accept: invokes a function, given by ARN, asynchronously on an event.
        judge: says what a rule may do.
    """

    def __init__(self, accept: Callable[[str, bytes], None], judge: Judge) -> None:
        self._accept = accept
        self._judge = judge
        self._kinds: Mapping[str, Callable[[Rule, Target, str], None]] = {
            "lambda": self._to_function,
            "sqs": self._to_queue,
            "sns": self._to_topic,
            "states": self._to_state_machine,
            "events": self._to_bus,
            "logs": self._to_log_group,
        }

    def install(self) -> None:
        """Have moto's rules send their events by this, and each event in the form that EventBridge gives it."""
        targets, of_archives = self, Rule.send_to_targets

        def send_to_targets(self: Rule, original_event: Any, transform_input: bool = True) -> None:
            if self.managed_by:  # as is the rule that fills an archive
                of_archives(self, original_event, transform_input)
            else:
                targets.send(self, original_event, transform_input=transform_input)

        Rule.send_to_targets = send_to_targets  # type: ignore[method-assign]

    def send(self, rule: Rule, message: Event, *, transform_input: bool = True) -> None:
        """Send an event of moto's to all targets of a rule that it matches; the log tells what is not delivered."""
        event: Any = as_told(message)
        pattern = rule.event_pattern
        if rule.state == "ENABLED" and pattern.get_pattern() and pattern.matches_event(event):
            for target in list(rule.targets):
                self._send(rule, target, _input_of(target, event) if transform_input else json.dumps(event))

    def _send(self, rule: Rule, target: Target, text: str) -> None:
        try:
            self._deliver(rule, target, text)
        except Exception as error:  # noqa: BLE001 - other targets get the event all the same
            _log.warning("An event of the rule %s is not sent to %s: %s", rule.name, target["Arn"], error)
            dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
            if dead_letters and rule_may_send(self._judge, rule.arn, dead_letters):
                _put_on_queue(dead_letters, text)

    def _deliver(self, rule: Rule, target: Target, text: str) -> None:
        kind = target["Arn"].split(":")[2]
        if kind not in self._kinds:
            raise NotDeliveredError(f"the local cloud sends no events to {kind}")
        self._kinds[kind](rule, target, text)

    def _to_function(self, rule: Rule, target: Target, text: str) -> None:
        _require(rule_may_invoke(self._judge, rule.arn, target["Arn"]))
        self._accept(target["Arn"], text.encode())

    def _to_queue(self, rule: Rule, target: Target, text: str) -> None:
        _require(rule_may_send(self._judge, rule.arn, target["Arn"]))
        _put_on_queue(target["Arn"], text, target.get("SqsParameters", {}).get("MessageGroupId"))

    def _to_topic(self, rule: Rule, target: Target, text: str) -> None:
        _require(service_may_publish(self._judge, as_rule(rule.arn), target["Arn"]))
        region, account = target["Arn"].split(":")[3:5]
        sns_backends[account][region].publish(text, arn=target["Arn"])

    def _to_state_machine(self, rule: Rule, target: Target, text: str) -> None:
        self._require_role(rule, target, "states:StartExecution")
        region, account = target["Arn"].split(":")[3:5]
        backend = stepfunctions_parser_backends[account][region]
        backend.start_execution(target["Arn"], str(uuid.uuid4()), text)

    def _to_bus(self, rule: Rule, target: Target, text: str) -> None:
        self._require_role(rule, target, "events:PutEvents")
        event, (region, account) = json.loads(text), target["Arn"].split(":")[3:5]
        entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
        bus = target["Arn"].partition("/")[2]
        events_models.events_backends[account][region].put_events([{**entry, "EventBusName": bus}])

    def _to_log_group(self, rule: Rule, target: Target, text: str) -> None:
        event = {name: value for name, value in json.loads(text).items() if name != "time"}
        rule._send_to_cw_log_group(target["Arn"].split(":")[6], event)

    def _require_role(self, rule: Rule, target: Target, action: str) -> None:
        """Raise unless the target's role may be taken for the rule, and may do that."""
        session = self._judge.session(target["RoleArn"], service="events.amazonaws.com", source_arn=rule.arn)
        self._judge.require(session.role, Ask(action, target["Arn"]))


def as_told(message: Mapping[str, Any]) -> Event:
    """An event of moto's as its targets get it; S3 spells an attribute of its events ``etag``, moto ``eTag``."""
    event = {name: value for name, value in message.items() if name != "ingestion-time"}
    if not isinstance(event["time"], str):
        event["time"] = datetime.fromtimestamp(float(event["time"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed = event["detail"].get("object")
    if event["source"] == "aws.s3" and isinstance(changed, dict) and "eTag" in changed:
        kept = {("etag" if name == "eTag" else name): value for name, value in changed.items()}
        event |= {"detail": {**event["detail"], "object": kept}, "id": str(uuid.uuid4())}
    return event


def _input_of(target: Target, event: Event) -> str:
    """What of an event the target gets, by its own choice."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        found = parse(target["InputPath"]).find(event)
        return json.dumps(found[0].value if found else None)
    if transformer := target.get("InputTransformer"):
        paths = transformer.get("InputPathsMap", {})
        known: Any = {**event, "ingestion-time": event["time"]}
        return json.dumps(EventTemplateParser.parse(transformer["InputTemplate"], paths, known))
    return json.dumps(event)


def _put_on_queue(arn: str, text: str, group: str | None = None) -> None:
    region, account, name = arn.split(":")[3:6]
    sqs_backends[account][region].send_message(name, text, group_id=group)


def _require(allowed: bool) -> None:
    if not allowed:
        raise NotDeliveredError("its policy does not let the rule, see above")
