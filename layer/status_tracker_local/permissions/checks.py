"""What was asked of the policies, and what they said: to find the rights that are granted and never used."""

import threading
from collections import Counter
from typing import NamedTuple

from status_tracker_local.permissions.asks import Ask, Principal, Role

# So many different ones are kept; a queue that is polled for hours is one of them.
_MOST_KEPT = 20_000


class Check(NamedTuple):
    """One question to the policies, of which each kind is kept once.

    Attributes:
        principal: the ARN of a role, or the name of a service.
        action, resource, context: what was asked for.
        why_refused: why it was not allowed; None where it was.
    """

    principal: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...]
    why_refused: str | None


class Checks:
    """Counts the checks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Check] = Counter()
        self._total = 0
        self._refused = 0

    def note(self, principal: Principal, ask: Ask, why_refused: str | None) -> None:
        """Count one."""
        name = principal.arn if isinstance(principal, Role) else principal.name
        check = Check(name, ask.action, ask.resource, ask.context, why_refused)
        with self._lock:
            self._total += 1
            self._refused += why_refused is not None
            if check in self._counts or len(self._counts) < _MOST_KEPT:
                self._counts[check] += 1

    def report(self) -> dict[str, object]:
        """How many there were, how many were refused, and each kind with its count, as JSON has it."""
        with self._lock:
            kinds = [{**check._asdict(), "count": count} for check, count in self._counts.items()]
            return {"total": self._total, "refused": self._refused, "kinds": kinds}
