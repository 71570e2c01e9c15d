"""What services do on behalf of others without a request that the layer would see."""

from moto.awslambda.utils import get_backend
from moto.sns.models import sns_backends

from status_tracker_local.permissions.asks import Ask, Role, Service
from status_tracker_local.permissions.errors import RefusedError
from status_tracker_local.permissions.judge import Judge

POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What Lambda asks of a function's role that has a queue as its event source."""


def role_of_function(function_arn: str) -> Role:
    """The role of a function that moto holds, as it is now."""
    account, region = function_arn.split(":")[4], function_arn.split(":")[3]
    function = get_backend(account, region).get_function(function_arn)
    return Role(function.role, function.function_name)


def poller_may(judge: Judge, function_arn: str, action: str, queue_arn: str) -> bool:
    """Whether Lambda may do `action` on a queue for the function whose event source it is."""
    return judge.allows(role_of_function(function_arn), Ask(action, queue_arn))


def check_event_source(judge: Judge, function_arn: str, queue_arn: str) -> None:
    """Whether a queue can become the event source of a function.

    Raises:
        RefusedError: the function's role may not poll it.
    """
    judge.require(role_of_function(function_arn), *(Ask(action, queue_arn) for action in POLLING))


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


def rule_may_send(judge: Judge, rule_arn: str, queue_arn: str) -> bool:
    """Whether a queue takes the events of a rule of EventBridge."""
    return judge.allows(Service("events.amazonaws.com", rule_arn), Ask("sqs:SendMessage", queue_arn))


def alarm_may_notify(judge: Judge, alarm_arn: str, topic_arn: str) -> bool:
    """Whether a topic takes the changes of an alarm, and the key that encrypts it, if it has one, lets them in."""
    asks = [Ask("sns:Publish", topic_arn)]
    if key := _key_of_topic(topic_arn):
        asks += [Ask("kms:GenerateDataKey", key), Ask("kms:Decrypt", key)]
    return judge.allows(Service("cloudwatch.amazonaws.com", alarm_arn), *asks)


def _key_of_topic(topic_arn: str) -> str:
    """The ARN of the key that a topic names; of one by its alias, an ARN that no key has, so that nobody may use it."""
    region, account = topic_arn.split(":")[3:5]
    topic = sns_backends[account][region].topics.get(topic_arn)
    key = topic.kms_master_key_id if topic else ""
    return key if not key or key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"
