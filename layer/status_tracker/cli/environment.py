"""`env`: the variables with which to work on a deployed stack, as its own functions have them."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from .errors import WrongUsageError
from .target import use_aws

_TASK, _USE_CASE, _TABLE = "STATUS_TRACKER_TASK", "USE_CASE_ID", "TASK_TABLE_NAME"
_NAMES = (_TABLE, _USE_CASE, "MAX_ATTEMPTS", _TASK, "WORKFLOW_ARN", "BUCKET", "RESULT_BUCKET", "STATUS_TRACKER_COUNTS")
_QUEUES = "QUEUE_URL"
"""What the names of variables with queues have in them."""
_OPERATING = "status_tracker_ops."
"""How the handlers begin whose environment goes before that of an application's own functions."""


@dataclass(frozen=True)
class Account:
    """The options that say where a stack is."""

    region: Annotated[str | None, typer.Option(help="The AWS region.")] = None
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None
    endpoint_url: Annotated[str | None, typer.Option(help="The address of AWS, such as a local one.")] = None


def tell(stack: str, account: Account, *, use_case: str | None) -> None:
    """Print the lines for a shell."""
    use_aws(account.region, account.profile, account.endpoint_url)
    try:
        from ..sessions import quick_session  # noqa: PLC0415  # users of SQL need no botocore
    except ModuleNotFoundError as error:
        raise WrongUsageError("env needs botocore: pip install 'status-tracker[dynamodb]'") from error
    session, region = quick_session(), os.environ.get("AWS_REGION") or None  # botocore reads AWS_DEFAULT_REGION only
    cloudformation, functions = (
        session.create_client(name, region_name=region) for name in ("cloudformation", "lambda")
    )
    for line in list(exports(stack, cloudformation, functions, use_case)):
        typer.echo(line)


def exports(stack: str, cloudformation: Any, functions: Any, use_case: str | None = None) -> Iterator[str]:
    """The lines for a shell.

    Args:
        stack: the stack's name.
        cloudformation, functions: botocore's or boto3's clients of CloudFormation and Lambda.
        use_case: which tracker of the stack, as `trackers` names it; None where there is one only.

    Raises:
        ValueError: the stack has no tracker, or several, and none was chosen.
    """
    variables = _chosen(stack, trackers(stack, cloudformation, functions), use_case)
    for name, value in {**variables, "STATUS_TRACKER_STACK": stack}.items():
        yield f"export {name}={shlex.quote(value)}"
    module = shlex.quote(variables[_TASK].partition(":")[0])
    yield f"# The command imports {module}: have its code, and what that imports, on your PYTHONPATH."


def _chosen(stack: str, known: Mapping[str, Mapping[str, str]], use_case: str | None) -> Mapping[str, str]:
    found = ", ".join(sorted(known))
    if not known:
        raise ValueError(
            f"The stack {stack} has no function with the variables {_TASK} and {_USE_CASE}: "
            "is it a stack with a Tracker?"
        )
    if use_case is None:
        if len(known) > 1:
            raise ValueError(f"The stack {stack} has several trackers: choose one with --use-case, of {found}.")
        return next(iter(known.values()))
    if use_case not in known:
        raise ValueError(f"The stack {stack} has no tracker of the use case {use_case!r}, only of {found}.")
    return known[use_case]


def trackers(stack: str, cloudformation: Any, functions: Any) -> dict[str, dict[str, str]]:
    """The variables of each tracker of the stack, by its use case, or ``use case@table`` where several have the same.

    They are those of its functions, so that there is no second place where they could be wrong.
    """
    told = list(_configurations(stack, cloudformation, functions))
    told.sort(key=lambda each: not each.get("Handler", "").startswith(_OPERATING))
    found: dict[tuple[str, str], dict[str, str]] = {}
    for each in told:
        variables = each.get("Environment", {}).get("Variables", {})
        if _TASK in variables and _USE_CASE in variables:
            known = found.setdefault((variables[_USE_CASE], variables.get(_TABLE, "")), {})
            for name, value in variables.items():
                if name in _NAMES or _QUEUES in name:
                    known.setdefault(name, value)
    counted = Counter(use_case for use_case, _ in found)
    return {
        use_case if counted[use_case] == 1 else f"{use_case}@{table}": variables
        for (use_case, table), variables in found.items()
    }


def _configurations(stack: str, cloudformation: Any, functions: Any) -> Iterator[dict[str, Any]]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for resource in (each for page in pages for each in page["StackResourceSummaries"]):
        if resource["ResourceType"] == "AWS::Lambda::Function" and "PhysicalResourceId" in resource:
            yield functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
