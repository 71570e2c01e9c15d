"""What starts the runs of tasks: a state machine, queues, or both; and the rights to use them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import IConstruct

from status_tracker_cdk.access import acknowledge, allow, allow_key
from status_tracker_cdk.props import PropsError
from status_tracker_ops.settings import WorkflowSettings


@dataclass(frozen=True, kw_only=True)
class Dispatch:
    """What a function may start the runs of tasks with.

    Attributes:
        state_machine: starts an execution for each run, as `status_tracker_ops.executions.WorkflowRuns` does; by
            default none.
        queues: take a message for each run, as `status_tracker_ops.queues.QueueRuns` sends it, by the environment
            variable with their URL.

    Raises:
        PropsError: the state machine is an express one, whose executions cannot be asked for, or a queue is a FIFO
            one, whose messages need more than `QueueRuns` says.

    Example::

        Sweep(self, "Sweep", dispatch=Dispatch(queues={"QUEUE_URL": queue}), …)
    """

    state_machine: sfn.IStateMachine | None = None
    queues: Mapping[str, sqs.IQueue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        machine = self.state_machine
        problems = [
            f"the queue of {name} must be a standard queue, not a FIFO one"
            for name, each in self.queues.items()
            if each.fifo
        ]
        if isinstance(machine, sfn.StateMachine) and machine.state_machine_type == sfn.StateMachineType.EXPRESS:
            problems.append("the state machine must be a standard one: an execution of an express one cannot be found")
        if problems:
            raise PropsError(problems)

    @classmethod
    def joined(cls, parts: Iterable[Dispatch]) -> Dispatch:
        """All of `parts` together; they have one state machine at most."""
        machine, queues = None, dict[str, sqs.IQueue]()
        for part in parts:
            machine = machine or part.state_machine
            queues |= part.queues
        return cls(state_machine=machine, queues=queues)

    @property
    def workflow_arn(self) -> str | None:
        """The ARN of the state machine, or None."""
        return None if self.state_machine is None else self.state_machine.state_machine_arn

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a function finds them."""
        workflow = {} if self.workflow_arn is None else WorkflowSettings(self.workflow_arn).to_environment()
        return workflow | {name: queue.queue_url for name, queue in self.queues.items()}

    def allow_starting(self) -> list[iam.PolicyStatement]:
        """The rights to start a run."""
        workflow = [] if self.workflow_arn is None else [allow(["states:StartExecution"], self.workflow_arn)]
        return [*workflow, *self._on_queues("sqs:SendMessage")]

    def allow_stopping(self) -> list[iam.PolicyStatement]:
        """The rights to stop a run; a message in a queue stays, and finds its task cancelled."""
        machine = self.state_machine
        return [] if machine is None else [allow(["states:StopExecution"], _executions_of(machine, _name_of(machine)))]

    def allow_sweeping(self) -> list[iam.PolicyStatement]:
        """The rights to know what has become of a run, and to start it again."""
        return [*self._of_workflow(), *self._on_queues("sqs:SendMessage", "sqs:GetQueueAttributes")]

    def accept_executions(self, scope: IConstruct) -> None:
        """Accept cdk-nag's finding about the rights to sweep and to stop on `scope` and below."""
        if self.state_machine is not None:
            reason = "An execution is asked for by its name, and each run of a task is one."
            acknowledge(scope, f"IAM5[Resource::{_found_as(self.state_machine)}]", reason)

    def _of_workflow(self) -> Iterator[iam.PolicyStatement]:
        if self.state_machine is not None and self.workflow_arn is not None:
            yield allow(["states:StartExecution", "states:ListExecutions"], self.workflow_arn)
            yield allow(["states:DescribeExecution"], _executions_of(self.state_machine, _name_of(self.state_machine)))

    def _on_queues(self, *actions: str) -> list[iam.PolicyStatement]:
        if not self.queues:
            return []
        keys = [right for queue in self.queues.values() for right in allow_key(queue.encryption_master_key)]
        return [allow(actions, *(queue.queue_arn for queue in self.queues.values())), *keys]


def _name_of(machine: sfn.IStateMachine) -> str:
    if isinstance(machine, sfn.StateMachine):
        return machine.state_machine_name
    stack = Stack.of(machine)
    return str(stack.split_arn(machine.state_machine_arn, ArnFormat.COLON_RESOURCE_NAME).resource_name)


def _executions_of(machine: sfn.IStateMachine, name: str) -> str:
    return Stack.of(machine).format_arn(
        service="states", resource="execution", resource_name=f"{name}:*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def _found_as(machine: sfn.IStateMachine) -> str:
    """The executions of `machine`, as cdk-nag writes them."""
    name = _name_of(machine)
    if isinstance(machine, sfn.StateMachine):
        resource = cast("sfn.CfnStateMachine", machine.node.default_child)
        name = f"<{Stack.of(machine).resolve(resource.logical_id)}.Name>"
    return f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:{name}:*"
