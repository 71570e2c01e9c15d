"""The one place where something is allowed or refused."""

import logging

from status_tracker_local.permissions.asks import Ask, Principal, Role, Service
from status_tracker_local.permissions.checks import Checks
from status_tracker_local.permissions.errors import RefusedError, UnknownStatementError
from status_tracker_local.permissions.held import HeldPolicies
from status_tracker_local.permissions.sessions import Session, Sessions
from status_tracker_local.permissions.verdicts import why_refused

_log = logging.getLogger(__name__)


class Judge:
    """Judges what roles and services ask for by the policies that moto holds.

    Attributes:
        checks: all that was asked so far.
    """

    def __init__(self) -> None:
        self.checks = Checks()
        self._held = HeldPolicies()
        self._sessions = Sessions()
        self._told: set[str] = set()

    def role_of(self, access_key: str) -> Role | None:
        """The role that goes by an access key; None for whoever operates the local cloud, who may do everything."""
        return self._sessions.role_of(access_key)

    def session(self, role_arn: str, *, service: str, source_arn: str) -> Session:
        """The credentials with which a service acts under a role.

        Args:
            role_arn: the role.
            service: the service's principal, such as ``lambda.amazonaws.com``.
            source_arn: for what it acts, such as the function; the session is named after it.

        Raises:
            RefusedError: the role's trust policy does not let it.
        """
        self.require(Service(service, source_arn), Ask("sts:AssumeRole", role_arn))
        role = Role(role_arn, source_arn.rpartition(":")[2].rpartition("/")[2])
        return self._sessions.session(role, source_arn.split(":")[3])

    def require(self, principal: Principal, *asks: Ask) -> None:
        """Let it pass where the policies allow all that is asked for.

        Raises:
            RefusedError: they do not; says who, which action, on what, and which policy lacks it.
        """
        for ask in asks:
            if why := self._why_refused(principal, ask):
                raise RefusedError(self._told_once(principal, ask, why))

    def allows(self, principal: Principal, *asks: Ask) -> bool:
        """Whether the policies allow all that is asked for; where they do not, the server's log says why."""
        try:
            self.require(principal, *asks)
        except RefusedError:
            return False
        return True

    def _why_refused(self, principal: Principal, ask: Ask) -> str | None:
        why = self._judge(principal, ask)
        self.checks.note(principal, ask, why)
        return why

    def _judge(self, principal: Principal, ask: Ask) -> str | None:
        try:
            if ask.action == "sts:AssumeRole":
                of_resource = self._held.of_trust(ask.resource)
                if not of_resource:
                    return "because there is no such role"
            else:
                of_resource = self._held.of_resource(ask.resource)
            return why_refused(ask, principal, self._held.of_principal(principal), of_resource)
        except UnknownStatementError as error:
            return f"because the local cloud cannot judge it: {error}"

    def _told_once(self, principal: Principal, ask: Ask, why: str) -> str:
        message = f"User: {principal} is not authorized to perform: {ask.action} on resource: {ask.resource} {why}"
        if message not in self._told:
            self._told.add(message)
            _log.warning("%s", message)
        return message
