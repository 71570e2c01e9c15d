"""What becomes of an order: a workflow makes its invoice, and the worker of a queue mails that."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct
from status_tracker_cdk import RetryProps, Tracker


class OrdersStack(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str, **settings: Any) -> None:
        super().__init__(scope, construct_id, **settings)
        tracker = Tracker(
            self, "Orders", pipeline="orders.tasks:PIPELINE", code="src", retries=RetryProps(max_attempts=3)
        )
        invoice = tracker.step("Invoice", handler="invoice.handler", timeout=cdk.Duration.minutes(2))
        mail = tracker.step("Mail", handler="mail.handler", timeout=cdk.Duration.seconds(30))
        tracker.workflow(invoice)
        tracker.queue_worker(mail)
        set_aside = sns.Topic(self, "SetAside", enforce_ssl=True)
        tracker.on_event("Task Ignored", targets=[targets.SnsTopic(set_aside)])
        cdk.CfnOutput(self, "SetAsideTopicArn", value=set_aside.topic_arn)
