"""A state machine for very many items: plan a wave, run a Distributed Map over its chunks, report, repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from status_tracker_cdk.access import acknowledge, allow, allow_key, objects_finding
from status_tracker_cdk.deletion import Deletion
from status_tracker_cdk.dispatch import Dispatch
from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.props import Props, between
from status_tracker_cdk.retries import ANSWER_GRACE_SECONDS, add_repeatable_retries
from status_tracker_cdk.state_machines import log_options, state_machine_role, states_arn
from status_tracker_cdk.table import TableRights
from status_tracker_ops.settings import BulkSettings

# The longest that Lambda gives. Planning stops by itself two minutes before.
_FUNCTION_SECONDS = 900
# A wave of 50,000 items is held in memory as it is written, and what failed of it as it is gathered.
_GATHERING_MEMORY_MB = 1024
_LONGEST_EXECUTION_DAYS = 7
_ITEMS_FAILED = "ItemsFailedError"


@dataclass(frozen=True, kw_only=True)
class BulkProps(Props):
    """The pace of a machine.

    Attributes:
        bulk_tasks_per_second: tasks that a machine starts or acts on in a second, at most. Leave to the others
            what they need of the executions a second that Step Functions admits by default (300).
        bulk_max_concurrency: functions of an execution that work at the same time, where its input says
            nothing else. Each starts some 20 tasks a second at most.
        bulk_tolerated_failures: items that may fail before an execution does, where its input says
            nothing else.
    """

    bulk_tasks_per_second: int = between(1, 1000, default=100)
    bulk_max_concurrency: int = between(1, 1000, default=10)
    bulk_tolerated_failures: int = between(0, 10_000, default=100)

    def conflicts(self) -> Iterator[str]:
        """More functions than tasks a second."""
        if self.bulk_max_concurrency > self.bulk_tasks_per_second:
            yield (
                f"bulk_max_concurrency ({self.bulk_max_concurrency}) must be at most bulk_tasks_per_second "
                f"({self.bulk_tasks_per_second}): each function has at least one task a second"
            )


@dataclass(frozen=True, kw_only=True)
class BulkCommons:
    """What the machines of a stack share.

    Attributes:
        functions: what their functions share with all others.
        results: the bucket of their files.
        table: the task table.
        dispatch: what starts the runs of the tasks.
        bucket: the bucket whose objects are tasks; by default none.
        props: their pace; by default as `BulkProps` says.
        work_memory_mb: memory of the function that works on a chunk.
        deletion: what deleting a task needs; by default no machine deletes.
    """

    functions: FunctionCommons
    results: s3.IBucket
    table: TableRights
    dispatch: Dispatch
    bucket: s3.IBucket | None = None
    props: BulkProps = field(default_factory=BulkProps)
    work_memory_mb: int = 512
    deletion: Deletion | None = None

    @property
    def settings(self) -> BulkSettings:
        """What every function of the machines reads."""
        return BulkSettings(
            bucket=None if self.bucket is None else self.bucket.bucket_name,
            result_bucket=self.results.bucket_name,
            bulk_tasks_per_second=self.props.bulk_tasks_per_second,
            bulk_max_concurrency=self.props.bulk_max_concurrency,
            bulk_tolerated_failures=self.props.bulk_tolerated_failures,
        )


@dataclass(frozen=True, kw_only=True)
class Duty:
    """One function of a machine: its handler, its rights, and its own variables."""

    handler: str
    statements: Sequence[iam.PolicyStatement]
    environment: Mapping[str, str] = field(default_factory=dict)


class BulkMachine(Construct):
    """Plans, works through and reports wave after wave; ends in ``Done``, ``Refused`` or ``Failed``.

    ``layer/status_tracker_ops/bulk/runs.py`` documents what the states pass to each other. All files are in one folder
    of the result bucket, which the functions may write to.

    Attributes:
        functions: the functions by the names of their states.
        state_machine: the state machine, whose name is the tracker's with the machine's own.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: BulkCommons,
        name: str,
        folder: str,
        plan: Duty,
        work: Duty,
    ) -> None:
        super().__init__(scope, construct_id)
        self._commons = commons
        self._results, self._folder = commons.results, folder
        self.functions = self._functions(plan, work)
        self._name = f"{commons.functions.name}-{name}"
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=self._name,
            definition_body=sfn.DefinitionBody.from_chainable(self._connected(self.functions)),
            role=self._role(self.functions).without_policy_updates(),
            timeout=Duration.days(_LONGEST_EXECUTION_DAYS),
            tracing_enabled=True,
            # The data would be the input of every chunk, several times.
            logs=log_options(self, commons.functions.logs, self._name, with_data=False),
        )
        # The role has these rights in itself, as every role here.
        self.state_machine.node.try_remove_child("DistributedMapPolicy")
        acknowledge(
            self, objects_finding(commons.results, f"{folder}*"), "The files of an execution have names of its own."
        )

    def _functions(self, plan: Duty, work: Duty) -> dict[str, lambda_.Function]:
        """The functions by the names of their states."""
        listed = allow(["s3:ListBucket"], self._results.bucket_arn)
        listed.add_condition("StringLike", {"s3:prefix": f"{self._folder}*"})
        in_folder = self._results.arn_for_objects(f"{self._folder}*")
        report = Duty(
            handler="status_tracker_ops.deployed.bulk_report.handler",
            statements=[allow(["s3:GetObject", "s3:PutObject"], in_folder), listed],
        )
        return {
            "Plan": self._function("Plan", plan, _GATHERING_MEMORY_MB),
            "Work": self._function("Work", work, self._commons.work_memory_mb),
            "Report": self._function("Report", report, _GATHERING_MEMORY_MB),
        }

    def _function(self, construct_id: str, duty: Duty, memory_mb: int) -> lambda_.Function:
        return HandlerFunction(
            self,
            construct_id,
            commons=self._commons.functions,
            handler=duty.handler,
            environment={**self._commons.settings.to_environment(), **duty.environment},
            statements=[*duty.statements, *allow_key(self._results.encryption_key)],
            timeout_seconds=_FUNCTION_SECONDS,
            memory_mb=memory_mb,
        ).function

    def _connected(self, functions: Mapping[str, lambda_.Function]) -> sfn.IChainable:
        begin = sfn.Pass(self, "Begin", state_name="Begin", result=sfn.Result.from_object({"progress": {}}))
        plan = self._invoke("Plan", functions["Plan"], sfn.TaskInput.from_object(_PLANNED_FROM))
        report = self._invoke("Report", functions["Report"])
        each_chunk = self._map(functions["Work"])
        refused = sfn.Fail(self, "Refused", state_name="Refused", error="BadInput", cause_path="$.refused")
        failed = sfn.Fail(
            self, "Failed", state_name="Failed", error_path="$.failure.Error", cause_path="$.failure.Cause"
        )
        done = sfn.Succeed(self, "Done", state_name="Done", output_path="$.summary")
        for state, following in ((plan, failed), (each_chunk, report), (report, failed)):
            state.add_catch(following, errors=["States.ALL"], result_path="$.failure")
        planned = (
            sfn.Choice(self, "Planned", state_name="Planned")
            .when(sfn.Condition.is_present("$.refused"), refused)
            .when(sfn.Condition.number_greater_than("$.chunks", 0), each_chunk.next(report))
            .otherwise(report)
        )
        reported = (
            sfn.Choice(self, "Reported", state_name="Reported")
            .when(sfn.Condition.string_equals("$.next", "plan"), plan)
            .when(sfn.Condition.string_equals("$.next", "done"), done)
            .otherwise(failed)
        )
        begin.next(plan)
        plan.next(planned)
        report.next(reported)
        return begin

    def _map(self, work: lambda_.Function) -> sfn.DistributedMap:
        return sfn.DistributedMap(
            self,
            "EachChunk",
            state_name="EachChunk",
            label="chunks",
            map_execution_type=sfn.StateMachineType.STANDARD,
            item_reader=sfn.S3JsonItemReader(bucket=self._results, key=sfn.JsonPath.string_at("$.chunks_key")),
            max_concurrency_path="$.max_concurrency",
            # A chunk fails with at least one item: never more chunks than items, which the report counts.
            tolerated_failure_count_path="$.tolerated_failures",
            result_writer_v2=sfn.ResultWriterV2(bucket=self._results, prefix=f"{self._folder}map-runs"),
            result_path=sfn.JsonPath.DISCARD,
        ).item_processor(self._invoke("Work", work, final=[_ITEMS_FAILED]))

    def _invoke(
        self,
        name: str,
        function: lambda_.Function,
        payload: sfn.TaskInput | None = None,
        *,
        final: Sequence[str] = (),
    ) -> tasks.LambdaInvoke:
        state = tasks.LambdaInvoke(
            self,
            f"Invoke{name}",
            state_name=name,
            lambda_function=function,
            payload=payload,
            output_path="$.Payload",
            retry_on_service_exceptions=False,  # the retry table has them, with full jitter
            task_timeout=sfn.Timeout.duration(Duration.seconds(_FUNCTION_SECONDS + ANSWER_GRACE_SECONDS)),
        )
        add_repeatable_retries(state, self._commons.functions.retries, final=final)
        return state

    def _role(self, functions: Mapping[str, lambda_.Function]) -> iam.Role:
        children = f"execution:{self._name}:*"
        role = state_machine_role(
            self,
            [
                allow(["lambda:InvokeFunction"], *(function.function_arn for function in functions.values())),
                # Spelled out, since the machine's own ARN would need the machine before its role.
                allow(["states:StartExecution"], states_arn(f"stateMachine:{self._name}")),
                allow(["states:DescribeExecution", "states:StopExecution"], states_arn(children)),
                allow(
                    [
                        "s3:GetObject",
                        "s3:PutObject",
                        "s3:AbortMultipartUpload",
                        "s3:ListMultipartUploadParts",
                    ],
                    self._results.arn_for_objects(f"{self._folder}*"),
                ),
                *allow_key(self._results.encryption_key),
            ],
            name=self._name,
        )
        acknowledge(role, "IAM5[Resource::*]", "CloudWatch's log delivery and X-Ray have actions without resources.")
        finding = f"IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:{children}]"
        acknowledge(role, finding, "What this machine's Map starts, which is named at random.")
        return role


_PLANNED_FROM = {
    "input": sfn.JsonPath.object_at("$$.Execution.Input"),
    "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
    "started": sfn.JsonPath.string_at("$$.Execution.StartTime"),
    "progress": sfn.JsonPath.object_at("$.progress"),
}
