"""What deleting a task needs beside the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import aws_iam as iam


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """Lets tasks be deleted, with what they were made from and their results.

    The widget's administrators may do so then, and with `BulkDelete` whoever may start its executions.

    Attributes:
        statements: what `discard` of the first task class and `delete_results` of the pipeline need.
        environment: the variables that they read.
    """

    statements: Sequence[iam.PolicyStatement] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
