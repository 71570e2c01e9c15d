"""What is seen and what wakes somebody up: one dashboard, and the alarms with their topic."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.document_intake import DocumentIntake
from infra.handler_function import METRICS_NAMESPACE
from infra.settings import Settings
from infra.task_workflow import TaskWorkflow

_MINUTE = Duration.minutes(1)
_INTAKE_STEP = "Intake"
_RERUN = "rerun them: see 'Run a document again' in the README (make rerun)"
_OUTCOMES = ("TaskSucceeded", "TaskFailed", "TaskIgnored")


class Monitoring(Construct):
    """The dashboard `dashboard_name`, and alarms that go to `topic`.

    Attributes:
        topic: where the alarms are sent.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        dashboard_name: str,
        use_case_id: str,
        intake: DocumentIntake,
        workflow: TaskWorkflow,
        task_widget: cloudwatch.IWidget,
        settings: Settings,
    ) -> None:
        super().__init__(scope, construct_id)
        self._use_case_id = use_case_id
        self._intake = intake
        self._workflow = workflow
        self.topic = self._alarm_topic(settings.alarm_email)
        self._add_alarms()
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=dashboard_name,
            default_interval=Duration.hours(3),
            widgets=[[task_widget], self._task_widgets(), self._flow_widgets(), self._function_widgets()],
        )

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

    def _add_alarms(self) -> None:
        # Visible messages, since "sent" does not count those that a queue moves there itself.
        self._alarm(
            "DeadLetters",
            self._intake.dead_letter_queue.metric_approximate_number_of_messages_visible(
                period=_MINUTE, statistic=cloudwatch.Stats.MAXIMUM
            ),
            "Upload events could not be handled. The intake function's log says why of each; when the cause is mended, "
            "move the messages of the dead letter queue back to the intake queue.",
        )
        for step in self._workflow.steps:
            self._alarm(
                f"Ignored{step.name}",
                self._task_metric("TaskIgnored", step.name),
                f"{step.name} has set tasks aside. Query the tasks with the step's ignored status, read the last entry "
                f"of their errors, mend the document or the code, and {_RERUN}.",
            )
        machine = self._workflow.state_machine
        sum_of = cloudwatch.Stats.SUM
        self._alarm(
            "ExecutionsFailed",
            machine.metric_failed(period=_MINUTE, statistic=sum_of),
            "Executions ended in Failed: the retries ran out before the tracker gave the tasks up. Their error and "
            f"cause say on what. The tasks stay as they are: when it is mended, {_RERUN}.",
        )
        self._alarm(
            "ExecutionsTimedOut",
            machine.metric_timed_out(period=_MINUTE, statistic=sum_of),
            "Executions ran for a day without an end. See in their history which state waits for what. Their tasks "
            f"stay as they are: when it is mended, {_RERUN}.",
        )
        self._alarm(
            "ExecutionsAborted",
            machine.metric_aborted(period=_MINUTE, statistic=sum_of),
            f"Somebody stopped executions. Their tasks stay as they are: where they are still wanted, {_RERUN}.",
        )

    def _alarm(self, name: str, metric: cloudwatch.IMetric, what_to_do: str) -> None:
        """An alarm as soon as `metric` is over zero for a minute."""
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=what_to_do,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))

    def _task_metric(self, name: str, step: str, statistic: str = cloudwatch.Stats.SUM) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            dimensions_map={"service": self._use_case_id, "step": step},
            statistic=statistic,
            period=_MINUTE,
        )

    def _task_widgets(self) -> list[cloudwatch.IWidget]:
        intake_metrics = ("TaskCreated", "DuplicateEvent", "BadMessage")
        steps = [step.name for step in self._workflow.steps]
        return [
            _graph("Intake", [self._task_metric(name, _INTAKE_STEP) for name in intake_metrics]),
            _graph(
                "Outcomes",
                [self._task_metric(name, step).with_(label=f"{step} {name}") for step in steps for name in _OUTCOMES],
            ),
            _graph(
                "Task duration",
                [
                    self._task_metric("TaskDuration", step, statistic).with_(label=f"{step} {statistic}")
                    for step in steps
                    for statistic in ("p50", "p99")
                ],
            ),
        ]

    def _flow_widgets(self) -> list[cloudwatch.IWidget]:
        queue, dead_letters = self._intake.queue, self._intake.dead_letter_queue
        machine = self._workflow.state_machine
        return [
            _graph("Oldest waiting event", [queue.metric_approximate_age_of_oldest_message(period=_MINUTE)]),
            _graph("Dead letters", [dead_letters.metric_approximate_number_of_messages_visible(period=_MINUTE)]),
            _graph(
                "Executions",
                [
                    machine.metric_started(period=_MINUTE),
                    machine.metric_succeeded(period=_MINUTE),
                    machine.metric_failed(period=_MINUTE),
                    machine.metric_timed_out(period=_MINUTE),
                    machine.metric_aborted(period=_MINUTE),
                ],
            ),
        ]

    def _function_widgets(self) -> list[cloudwatch.IWidget]:
        functions: list[tuple[str, lambda_.IFunction]] = [
            (_INTAKE_STEP, self._intake.function),
            *((step.name, step.function) for step in self._workflow.steps),
        ]
        return [
            _graph("Function errors", [f.metric_errors(period=_MINUTE, label=name) for name, f in functions]),
            _graph("Function throttles", [f.metric_throttles(period=_MINUTE, label=name) for name, f in functions]),
            _graph(
                "Function duration, p99",
                [f.metric_duration(period=_MINUTE, statistic="p99", label=name) for name, f in functions],
            ),
        ]


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8, left_y_axis=cloudwatch.YAxisProps(min=0))
