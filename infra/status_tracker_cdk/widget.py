"""The widget: functions that show the tasks on the dashboard, act on them and administrate, and rights to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from status_tracker_cdk.access import allow
from status_tracker_cdk.deletion import Deletion
from status_tracker_cdk.dispatch import Dispatch
from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.naming import by_stack_name
from status_tracker_cdk.table import TableRights
from status_tracker_ops.settings import WidgetSettings

_HANDLERS = "status_tracker_ops.deployed.widget"
_TIMEOUT_SECONDS = 30
_MEMORY_MB = 1024
VIEWER = "-widget-viewer"
"""How the name of the function that shows ends, after the tracker's."""


def viewer_arn(scope: Construct, name: str) -> str:
    """The ARN of the viewer of the tracker of that name, which is in the stack of `scope`."""
    return _function_arn(scope, f"{name}{VIEWER}")


def _function_arn(scope: Construct, name: str) -> str:
    return Stack.of(scope).format_arn(
        service="lambda", resource="function", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


class Widget(Construct):
    """A custom widget of CloudWatch over the task table.

    A dashboard invokes a custom widget with the credentials of whoever views it, so no resource policy is needed.
    The managed policies allow viewing, acting, and administration: cancel, delete, pause and resume.

    Args:
        commons: what its functions share with all others.
        table: the task table.
        dispatch: what starts the runs of every step.
        logged_by: the functions that work on tasks; the widget links to their logs.
        deletion: lets administrators delete tasks; by default nobody can.
        beside: the ARNs of the viewers of other trackers, by their use cases; the overview leads to theirs.

    Attributes:
        widget: the widget, to add to a dashboard.
        viewer, actor, admin: the functions that show, that act, and that cancel, delete, pause and resume.
        viewers: the managed policy for viewing.
        operators: the managed policy for viewing and acting.
        administrators: the managed policy for all of it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        table: TableRights,
        dispatch: Dispatch,
        logged_by: Sequence[lambda_.Function],
        deletion: Deletion | None = None,
        beside: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(scope, construct_id)
        self._commons = commons
        # They name each other, so their names are given: references would go round in a circle.
        names = {role: f"{commons.name}-widget-{role}" for role in ("viewer", "actor", "admin")}
        settings = WidgetSettings(
            widget_viewer_arn=self._arn(names["viewer"]),
            widget_actor_arn=self._arn(names["actor"]),
            widget_admin_arn=self._arn(names["admin"]),
            widget_deletes="no" if deletion is None else "yes",
            widget_beside=tuple(f"{quote(use_case, safe='')}={arn}" for use_case, arn in beside.items()),
            workflow_arn=dispatch.workflow_arn,
            log_groups=tuple(function.log_group.log_group_name for function in logged_by),
        )
        environment = {**settings.to_environment(), **dispatch.environment}
        reading = [table.allow_items("GetItem", "BatchGetItem"), table.allow_listing(), *table.allow_key()]
        self.viewer = self._function("Viewer", f"{_HANDLERS}.viewer", names["viewer"], environment, reading)
        acting = [table.allow_items("UpdateItem"), *dispatch.allow_starting()]
        self.actor = self._function("Actor", f"{_HANDLERS}.actor", names["actor"], environment, [*reading, *acting])
        self.admin = self._admin(names["admin"], environment, reading, table, dispatch, deletion)
        self.viewers = self._policy("Viewers", "Look at the tasks on the dashboard's widget.", self.viewer)
        self.operators = self._policy(
            "Operators", "Look at the tasks on the widget, and act on them.", self.viewer, self.actor
        )
        self.administrators = self._policy(
            "Administrators",
            "Look at the tasks on the widget, act on them, cancel and delete them, pause and resume work.",
            *(self.viewer, self.actor, self.admin),
        )
        self.widget: cloudwatch.IWidget = cloudwatch.CustomWidget(
            function_arn=self.viewer.function_arn,
            title="Tasks",
            width=24,
            height=10,
            update_on_refresh=True,
            update_on_resize=False,  # it would go back to the first view, and does so with every refresh
            update_on_time_range_change=False,
        )

    def _admin(
        self,
        name: str,
        environment: dict[str, str],
        reading: Sequence[iam.PolicyStatement],
        table: TableRights,
        dispatch: Dispatch,
        deletion: Deletion | None,
    ) -> lambda_.Function:
        rights = [*reading, table.allow_items("UpdateItem"), *dispatch.allow_stopping()]
        if deletion is not None:
            rights += [table.allow_items("DeleteItem"), *deletion.statements]
            environment = {**deletion.environment, **environment}
        function = self._function("Admin", f"{_HANDLERS}.admin", name, environment, rights)
        dispatch.accept_executions(self.node.find_child("Admin"))
        return function

    def _arn(self, name: str) -> str:
        return _function_arn(self, name)

    def _function(
        self,
        construct_id: str,
        handler: str,
        name: str,
        environment: dict[str, str],
        statements: Sequence[iam.PolicyStatement],
    ) -> lambda_.Function:
        return HandlerFunction(
            self,
            construct_id,
            commons=self._commons,
            handler=handler,
            environment=environment,
            statements=statements,
            timeout_seconds=_TIMEOUT_SECONDS,
            memory_mb=_MEMORY_MB,
            function_name=name,
        ).function

    def _policy(self, construct_id: str, description: str, *functions: lambda_.Function) -> iam.ManagedPolicy:
        return iam.ManagedPolicy(
            self,
            construct_id,
            description=f"{description} (stack {by_stack_name(self, self._commons.name)})",
            statements=[allow(["lambda:InvokeFunction"], *(function.function_arn for function in functions))],
        )
