"""Who asks for what: the question that policies answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Ask:
    """One action on one resource.

    Attributes:
        action: the action, such as ``s3:GetObject``.
        resource: the ARN, or ``*`` for an action that has no resource, or whose resource is not known here: only a
            statement on every resource covers those.
        context: what conditions ask for, as pairs; the keys are the same in upper and lower case.
    """

    action: str
    resource: str = "*"
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Role:
    """A role that a service acts under, in one session.

    Attributes:
        arn: the role's ARN.
        session: the session's name.
    """

    arn: str
    session: str = "local"

    @property
    def account(self) -> str:
        """The account of the role."""
        return self.arn.split(":")[4]

    @property
    def name(self) -> str:
        """The role's name, without its path."""
        return self.arn.rpartition("/")[2]

    def __str__(self) -> str:
        """As the answers of AWS name it."""
        partition = self.arn.split(":")[1]
        return f"arn:{partition}:sts::{self.account}:assumed-role/{self.name}/{self.session}"

    @cached_property
    def context(self) -> Mapping[str, str]:
        """What the role adds to the context of each of its requests."""
        return {"aws:principalarn": self.arn, "aws:principalaccount": self.account, "aws:sourceowner": self.account}


@dataclass(frozen=True)
class Service:
    """A service that acts for a resource of an account, such as EventBridge for a rule.

    Attributes:
        name: the principal, such as ``events.amazonaws.com``.
        source_arn: the resource for which it acts.
        arn: none; it is no identity of the account.
    """

    name: str
    source_arn: str
    arn: str = field(default="", init=False)

    @property
    def account(self) -> str:
        """The account of the resource."""
        return self.source_arn.split(":")[4]

    def __str__(self) -> str:
        """The principal and what it acts for."""
        return f"{self.name} (for {self.source_arn})"

    @cached_property
    def context(self) -> Mapping[str, str]:
        """What the service adds to the context of each of its requests."""
        return {"aws:sourcearn": self.source_arn, "aws:sourceaccount": self.account, "aws:sourceowner": self.account}


Principal = Role | Service
