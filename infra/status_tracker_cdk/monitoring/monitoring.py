"""Monitoring: the dashboard, the alarms with their topic, and the saved queries."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from status_tracker_cdk.access import own_account
from status_tracker_cdk.monitoring.alarms import Alarms
from status_tracker_cdk.monitoring.dashboard import TaskDashboard
from status_tracker_cdk.monitoring.metrics import Watched
from status_tracker_cdk.monitoring.queries import Queries


class Monitoring(Construct):
    """A dashboard of what is `watched`, alarms that go to `topic`, and saved queries, all under its name.

    Args:
        topic: where the alarms are sent; by default a new topic, encrypted by a key of its own.
        extra_widgets: shown at the top of the dashboard.

    Attributes:
        topic: where the alarms are sent.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        watched: Watched,
        extra_widgets: Sequence[cloudwatch.IWidget] = (),
        topic: sns.ITopic | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = topic or self._alarm_topic()
        if watched.alarms.alarm_email is not None:
            self.topic.add_subscription(subscriptions.EmailSubscription(watched.alarms.alarm_email))
        alarms = Alarms(self, "Alarm", watched=watched, topic=self.topic).alarms
        TaskDashboard(self, "Seen", watched=watched, alarms=alarms, extra_widgets=extra_widgets)
        Queries(self, "Queries", watched=watched)

    def _alarm_topic(self) -> sns.Topic:
        cloudwatch_principal = iam.ServicePrincipal("cloudwatch.amazonaws.com", conditions=own_account())
        # A customer key, since CloudWatch may not use the AWS managed one of SNS.
        key = kms.Key(
            self,
            "AlarmKey",
            description="Encrypts the alarms on their way",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        key.grant(cloudwatch_principal, "kms:Decrypt", "kms:GenerateDataKey*")
        topic = sns.Topic(self, "Alarms", master_key=key, enforce_ssl=True)
        # A topic with a policy of its own has lost the default one, which let the account's alarms publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(principals=[cloudwatch_principal], actions=["sns:Publish"], resources=[topic.topic_arn])
        )
        return topic
