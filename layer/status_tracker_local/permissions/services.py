"""What services do on behalf of others without a request that the layer would see."""

from moto.awslambda.utils import get_backend
from moto.sns.models import sns_backends

from status_tracker_local.permissions.asks import Ask, Role, Service
from status_tracker_local.permissions.errors import RefusedError
from status_tracker_local.permissions.judge import Judge

POLLING = {
    "dynamodb": ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
}
"""What Lambda asks of a function's role that has a stream of a table, or a queue, as its event source."""


def role_of_function(function_arn: str) -> Role:
    """The role of a function that moto holds, as it is now."""
    account, region = function_arn.split(":")[4], function_arn.split(":")[3]
    function = get_backend(account, region).get_function(function_arn)
    return Role(function.role, function.function_name)


def poller_may(judge: Judge, function_arn: str, action: str, arn: str) -> bool:
    """Whether Lambda may do `action` for a function on its event source, or on where its failures are sent."""
    return judge.allows(role_of_function(function_arn), Ask(action, arn))


def check_event_source(judge: Judge, function_arn: str, source_arn: str, on_failure: str | None) -> None:
    """Whether a queue or a stream can become the event source of a function, and a queue where its failures are sent.

    Raises:
        RefusedError: the function's role may not poll it, or may not send there.
    """
    asks = [Ask(action, source_arn) for action in POLLING.get(source_arn.split(":")[2], ())]
    if on_failure is not None:
        asks.append(Ask("sqs:SendMessage", on_failure))
    judge.require(role_of_function(function_arn), *asks)


def schedule_may_invoke(judge: Judge, schedule_arn: str, role_arn: str, function_arn: str) -> bool:
    """Whether a schedule's role may be taken by EventBridge Scheduler, and may invoke the function.

    The source that Scheduler names is the group of the schedule:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    before, _, of_group = schedule_arn.partition(":schedule/")
    group_arn = f"{before}:schedule-group/{of_group.partition('/')[0]}"
    try:
        session = judge.session(role_arn, service="scheduler.amazonaws.com", source_arn=group_arn)
    except RefusedError:
        return False
    return judge.allows(session.role, Ask("lambda:InvokeFunction", function_arn))


def as_rule(rule_arn: str) -> Service:
    """EventBridge, for one of its rules."""
    return Service("events.amazonaws.com", rule_arn)


def rule_may_send(judge: Judge, rule_arn: str, queue_arn: str) -> bool:
    """Whether a queue takes the events of a rule of EventBridge."""
    return judge.allows(as_rule(rule_arn), Ask("sqs:SendMessage", queue_arn))


def rule_may_invoke(judge: Judge, rule_arn: str, function_arn: str) -> bool:
    """Whether a function takes the events of a rule of EventBridge."""
    return judge.allows(as_rule(rule_arn), Ask("lambda:InvokeFunction", function_arn))


def service_may_publish(judge: Judge, service: Service, topic_arn: str) -> bool:
    """Whether a topic takes what a service sends, and the key that encrypts it, if it has one, lets it in."""
    asks = [Ask("sns:Publish", topic_arn)]
    if key := _key_of_topic(topic_arn):
        asks += [Ask("kms:GenerateDataKey", key), Ask("kms:Decrypt", key)]
    return judge.allows(service, *asks)


def alarm_may_notify(judge: Judge, alarm_arn: str, topic_arn: str) -> bool:
    """Whether a topic takes the changes of an alarm."""
    return service_may_publish(judge, Service("cloudwatch.amazonaws.com", alarm_arn), topic_arn)


def _key_of_topic(topic_arn: str) -> str:
    """The ARN of the key that a topic names; of one by its alias, an ARN that no key has, so that nobody may use it."""
    region, account = topic_arn.split(":")[3:5]
    topic = sns_backends[account][region].topics.get(topic_arn)
    key = topic.kms_master_key_id if topic else ""
    return key if not key or key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"
