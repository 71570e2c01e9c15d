"""What is seen and what wakes somebody up: the dashboard, the alarms with their topic, the questions to the logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.documents.settings import Settings
from infra.status_tracker_cdk.intake import DocumentIntake
from infra.status_tracker_cdk.monitoring.alarms import Alarms
from infra.status_tracker_cdk.monitoring.dashboard import TaskDashboard
from infra.status_tracker_cdk.monitoring.metrics import INTAKE_STEP, Watched
from infra.status_tracker_cdk.monitoring.queries import Queries
from infra.status_tracker_cdk.table import TaskTable
from infra.status_tracker_cdk.workflow import TaskWorkflow


class Monitoring(Construct):
    """A dashboard, alarms that go to `topic`, and saved queries, all under `name`.

    Args:
        further_functions: what is watched beside intake and the steps, by name; an alarm tells of their errors.
        attended_functions: those that are called by somebody who sees them fail: shown, and without alarms.
        bulk_machines: further state machines, by name; an alarm tells of their failures.
        further_dead_letter_queues: what is watched beside intake's, by the name of the alarm.
        extra_widgets: shown at the top of the dashboard.

    Attributes:
        topic: where the alarms are sent.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        use_case_id: str,
        table: TaskTable,
        intake: DocumentIntake,
        workflow: TaskWorkflow,
        settings: Settings,
        further_functions: Mapping[str, lambda_.Function] = MappingProxyType({}),
        attended_functions: Mapping[str, lambda_.Function] = MappingProxyType({}),
        bulk_machines: Mapping[str, sfn.StateMachine] = MappingProxyType({}),
        further_dead_letter_queues: Mapping[str, sqs.IQueue] = MappingProxyType({}),
        extra_widgets: Sequence[cloudwatch.IWidget] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = self._alarm_topic(settings.alarm_email)
        watched = Watched(
            name=name,
            use_case_id=use_case_id,
            settings=settings,
            table=table.table,
            queue=intake.queue,
            dead_letter_queues={"DeadLetters": intake.dead_letter_queue, **further_dead_letter_queues},
            state_machine=workflow.state_machine,
            bulk_machines=bulk_machines,
            steps=[step.name for step in workflow.steps],
            functions={
                INTAKE_STEP: intake.function,
                **{step.name: step.function for step in workflow.steps},
                **further_functions,
            },
            attended=attended_functions,
        )
        alarms = Alarms(self, "Alarm", watched=watched, topic=self.topic).alarms
        TaskDashboard(self, "Seen", watched=watched, alarms=alarms, extra_widgets=extra_widgets)
        Queries(self, "Queries", watched=watched)

    def _alarm_topic(self, email: str | None) -> sns.Topic:
        cloudwatch_principal = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        )
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
        if email is not None:
            topic.add_subscription(subscriptions.EmailSubscription(email))
        return topic
