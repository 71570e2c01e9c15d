"""Credentials of roles: those that services act under, and those that somebody has asked STS for."""

import re
import threading
from dataclasses import dataclass

from moto.sts.models import AssumedRole, sts_backends

from status_tracker_local.permissions.asks import Role

_LASTS_SECONDS = 12 * 60 * 60
_OF_THE_OPERATOR = re.compile(
    r"cdk-[A-Za-z0-9_-]{1,10}-(deploy|cfn-exec|file-publishing|image-publishing|lookup)-role-\d{12}-"
)


@dataclass(frozen=True)
class Session:
    """What proves to be a role.

    Attributes:
        role: the role, in this session.
        environment: the variables in which the SDKs look for credentials.
    """

    role: Role
    environment: dict[str, str]


class Sessions:
    """Makes one session for each role and name, and finds the role of a request by its access key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[Role, Session] = {}
        self._roles: dict[str, Role | None] = {}

    def session(self, role: Role, region: str) -> Session:
        """The session of a role; the same each time."""
        with self._lock:
            if role not in self._made:
                self._made[role] = _make(role, region)
            return self._made[role]

    def role_of(self, access_key: str) -> Role | None:
        """The role that goes by an access key; None for whoever operates the local cloud."""
        if not access_key.startswith("ASIA"):
            return None
        if access_key not in self._roles:
            self._roles[access_key] = _find(access_key)
        return self._roles[access_key]


def is_of_the_operator(role_name: str) -> bool:
    """Whether a role is one that `cdk bootstrap` makes for whoever deploys, who may do everything here."""
    return _OF_THE_OPERATOR.match(role_name) is not None


def _make(role: Role, region: str) -> Session:
    partition = role.arn.split(":")[1]
    made = sts_backends[role.account][partition].assume_role(
        region_name=region,
        role_session_name=role.session,
        role_arn=role.arn,
        policy="",
        duration=_LASTS_SECONDS,
        external_id="",
    )
    environment = {
        "AWS_ACCESS_KEY_ID": made.access_key_id,
        "AWS_SECRET_ACCESS_KEY": made.secret_access_key,
        "AWS_SESSION_TOKEN": made.session_token,
    }
    return Session(role, environment)


def _find(access_key: str) -> Role | None:
    assumed: list[AssumedRole] = [
        each
        for partitions in list(sts_backends.values())
        for backend in list(partitions.values())
        for each in list(backend.assumed_roles)
        if each.access_key_id == access_key
    ]
    if not assumed or is_of_the_operator(assumed[0].role_arn.rpartition("/")[2]):
        return None
    return Role(assumed[0].role_arn, assumed[0].session_name)
