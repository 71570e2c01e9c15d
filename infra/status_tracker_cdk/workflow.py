"""The state machine: tracked steps in a row, each a Lambda function with the same retries and catches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from status_tracker_cdk.access import acknowledge, allow
from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.props import Props, between
from status_tracker_cdk.retention import LogProps
from status_tracker_cdk.retries import (
    ALREADY_SUCCEEDED,
    ANSWER_GRACE_SECONDS,
    EXECUTION_TIMEOUT_SECONDS,
    HOPELESS,
    NOT_READY,
    add_step_retries,
)
from status_tracker_cdk.state_machines import log_options, state_machine_role


@dataclass(frozen=True, kw_only=True)
class StepProps(Props):
    """Time, memory and concurrency of a step's function.

    Attributes:
        step_timeout_seconds: timeout of a step's function.
        step_memory_mb: memory of a step's function; 1,769 MB is one full CPU.
        step_reserved_concurrency: invocations of one step's function at the same time; None sets no limit.
    """

    step_timeout_seconds: int = between(1, 900, default=300)
    step_memory_mb: int = between(128, 10240, default=1769)
    step_reserved_concurrency: int | None = between(1, 1000, default=None)

    @property
    def lease_seconds(self) -> int:
        """The longest lease of an attempt: a function takes its lease from the time it has left."""
        return self.step_timeout_seconds


class TrackedStep(Construct):
    """One step of a workflow: a function whose handler works inside the tracker's ``start``, and its state.

    Every step's function gets the execution's input, ``{"task_id", "run"}``. What a handler returns is dropped:
    results belong in the task.

    Args:
        commons: what its function shares with all others.
        handler: ``module.name`` in the code of `commons`.
        props: time, memory and concurrency of its function; by default those of `StepProps`.
        environment, statements, actions_without_resource: what its function is told and may do besides; the last take
            no resource.
        retried_elsewhere: errors after which trying again begins in another state.

    Attributes:
        name: the step's name; its construct, its state and the ``step`` dimension of its metrics are named so.
        props: time, memory and concurrency of its function.
        handler: its function with its rights, which may be added to.
        function: the function.
        role: the function's role, for rights to be granted to.
        state: the state that invokes it.
        entry: the state in which the step begins: `state`, unless `begin_with` has set another.
        helpers: the functions that the states before `state` invoke, by the names of those states.
        actions_without_resource: other actions that those states call; they take no resource.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        commons: FunctionCommons,
        handler: str,
        props: StepProps | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
        statements: Sequence[iam.PolicyStatement] = (),
        actions_without_resource: Sequence[str] = (),
        retried_elsewhere: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, name)
        self.name = name
        self.props = props = props or StepProps()
        self.handler = HandlerFunction(
            self,
            "Handler",
            commons=commons,
            handler=handler,
            environment=environment,
            statements=statements,
            actions_without_resource=actions_without_resource,
            timeout_seconds=props.step_timeout_seconds,
            memory_mb=props.step_memory_mb,
            reserved_concurrency=props.step_reserved_concurrency,
        )
        self.function, self.role = self.handler.function, self.handler.role
        self.state = tasks.LambdaInvoke(
            self,
            "Invoke",
            state_name=name,
            lambda_function=self.function,
            result_path=sfn.JsonPath.DISCARD,
            retry_on_service_exceptions=False,  # the retry table has them, with full jitter
            task_timeout=sfn.Timeout.duration(Duration.seconds(props.step_timeout_seconds + ANSWER_GRACE_SECONDS)),
        )
        add_step_retries(self.state, commons.retries, lease_seconds=props.lease_seconds, elsewhere=retried_elsewhere)
        self.entry: sfn.IChainable = self.state
        self.helpers: Mapping[str, lambda_.Function] = {}
        self.actions_without_resource: list[str] = []

    @property
    def functions(self) -> Mapping[str, lambda_.Function]:
        """What the states of the step invoke, by the names of those states."""
        return {self.name: self.function, **self.helpers}

    def begin_with(
        self, entry: sfn.IChainable, *, helpers: Mapping[str, lambda_.Function], actions: Sequence[str]
    ) -> None:
        """Have the step begin with `entry`, which leads to `state`.

        Args:
            helpers: the functions that the states between invoke, by the names of those states.
            actions: other actions that those states call; they take no resource.
        """
        self.entry = entry
        self.helpers = helpers
        self.actions_without_resource += actions


class TaskWorkflow(Construct):
    """Runs `steps` in their order; ends in ``Done``, ``Ignored`` or ``Failed``.

    Args:
        name: what the name of its log begins with; by default the stack's name.

    Attributes:
        steps: the steps.
        state_machine: the state machine.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, steps: Sequence[TrackedStep], logs: LogProps, name: str = ""
    ) -> None:
        super().__init__(scope, construct_id)
        self.steps = steps
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(self._connected()),
            role=self._role().without_policy_updates(),
            timeout=Duration.seconds(EXECUTION_TIMEOUT_SECONDS),
            tracing_enabled=True,
            logs=log_options(self, logs, name or Stack.of(self).stack_name),
        )

    def _connected(self) -> sfn.IChainable:
        done = sfn.Succeed(self, "Done")
        ignored = sfn.Succeed(self, "Ignored", comment="The tracker has set the task aside, with its reason")
        failed = sfn.Fail(self, "Failed", error_path="$.failure.Error", cause_path="$.failure.Cause")
        following: list[sfn.IChainable] = [*(step.entry for step in self.steps[1:]), done]
        for step, next_state in zip(self.steps, following, strict=True):
            # A task beyond the last step is not known to be done, so there only the step's own success counts.
            passed = [ALREADY_SUCCEEDED] if next_state is done else [ALREADY_SUCCEEDED, NOT_READY]
            step.state.add_catch(next_state, errors=passed, result_path=sfn.JsonPath.DISCARD)
            step.state.add_catch(ignored, errors=list(HOPELESS), result_path=sfn.JsonPath.DISCARD)
            step.state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
            step.state.next(next_state)
        return self.steps[0].entry

    def _role(self) -> iam.Role:
        actions = [action for step in self.steps for action in step.actions_without_resource]
        role = state_machine_role(
            self,
            [
                allow(
                    ["lambda:InvokeFunction"],
                    *(function.function_arn for step in self.steps for function in step.functions.values()),
                ),
                *([allow(actions, "*")] if actions else []),
            ],
        )
        also = "".join(f", and so is {action}" for action in actions)
        reason = f"CloudWatch's log delivery and X-Ray have actions without resources{also}."
        acknowledge(role, "IAM5[Resource::*]", reason)
        return role
