"""How long data and logs are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import RetentionDays

from status_tracker_cdk.props import Props

# The names that both Lambda and Python's logging know.
_LOG_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")


@dataclass(frozen=True, kw_only=True)
class DataProps(Props):
    """Whether data outlives the stack.

    Attributes:
        retain_data: keep the table, buckets and logs when the stack is deleted, and protect the table from deletion.
    """

    retain_data: bool = True

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What becomes of data and logs when the stack is deleted; a first deployment that fails leaves none behind."""
        return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if self.retain_data else RemovalPolicy.DESTROY


@dataclass(frozen=True, kw_only=True)
class LogProps(DataProps):
    """What is logged, and how long it is kept.

    Attributes:
        log_level: DEBUG, INFO, WARN or ERROR.
        log_retention: how long logs are kept, a name of ``aws_logs.RetentionDays`` such as ONE_YEAR.
    """

    log_level: str = "INFO"
    log_retention: str = "ONE_YEAR"

    def conflicts(self) -> Iterator[str]:
        """Unknown names."""
        if self.log_level not in _LOG_LEVELS:
            yield f"log_level {self.log_level!r} must be one of {', '.join(_LOG_LEVELS)}"
        if self.log_retention not in RetentionDays.__members__:
            choices = ", ".join(RetentionDays.__members__)
            yield f"log_retention {self.log_retention!r} must be one of {choices}"

    @property
    def retention(self) -> RetentionDays:
        """`log_retention` as the CDK has it."""
        return RetentionDays[self.log_retention]
