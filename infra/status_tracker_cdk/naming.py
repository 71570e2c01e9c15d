"""Physical names: they carry the stack's name and, unless its id is ``Default``, the tracker's."""

from __future__ import annotations

from aws_cdk import Aws, Stack, Token
from constructs import Construct, IConstruct

_HIDDEN = "Default"  # as in logical ids


def name_of(construct: Construct) -> str:
    """The name of what is deployed by `construct`, such as ``shop-prod-Orders``."""
    stack = Stack.of(construct)
    scopes = construct.node.scopes
    below = scopes[[scope.node.path for scope in scopes].index(stack.node.path) + 1 :]
    return "-".join([stack.stack_name, *(scope.node.id for scope in below if scope.node.id != _HIDDEN)])


def take(construct: IConstruct, kind: str, value: str) -> bool:
    """Take something in the app that may be there once; whether it was still free."""
    if is_taken(construct, kind, value):
        return False
    construct.node.root.node.add_metadata(kind, value)  # that of the app is not deployed
    return True


def is_taken(construct: IConstruct, kind: str, value: str) -> bool:
    """Whether it was taken before by `take`."""
    return any((each.type, each.data) == (kind, value) for each in construct.node.root.node.metadata)


def take_name(construct: Construct, name: str) -> bool:
    """Take a name of `name_of` in the account and region of `construct`; whether it was still free."""
    return take(construct, "status-tracker:name", f"{Stack.of(construct).environment} {name}")


def dashboard_address(scope: Construct, name: str) -> str:
    """Where the console of the stack's region shows the dashboard of that name."""
    region = Stack.of(scope).region
    known = "" if Token.is_unresolved(region) else region
    hosts = {"cn": "console.amazonaws.cn", "us-gov": "console.amazonaws-us-gov.com"}
    host = next((host for begin, host in hosts.items() if known.startswith(f"{begin}-")), "console.aws.amazon.com")
    return f"https://{region}.{host}/cloudwatch/home?region={region}#dashboards/dashboard/{name}"


def by_stack_name(scope: Construct, name: str) -> str:
    """`name`, a name of `name_of`, where the stack's name in it is put in by CloudFormation."""
    stack_name = Stack.of(scope).stack_name
    return f"{Aws.STACK_NAME}{name.removeprefix(stack_name)}" if name.startswith(stack_name) else name
