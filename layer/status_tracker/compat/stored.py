"""The items in the table: in our form, or as pynamodb_mate 5 wrote them.

In v5's form there is no `status`, and `value` is ``{job_id}{sep}{status}``, without a shard. A free `lock` is absent
or NULL. `errors` is the last failure alone. `BaseTask` has a shard, and ``"__not_locked__"`` in a free `lock`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from ..core.history import with_last_failure
from ..dynamodb.attributes import NOT_LOCKED, IntegerAttribute


class StatusAttribute(IntegerAttribute):
    """The status, read from `value`, where it stands in either form; None as long as `value` is not known."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        return None if instance.value is None else int(instance.value.split(instance.SEP)[1])


class LockAttribute(UnicodeAttribute):
    """The lock, None if it is free; v5 left NULL in a free one."""

    def deserialize(self, value: str) -> Any:
        return None if value == NOT_LOCKED else value

    def does_not_exist(self) -> Any:
        """The condition that it holds no token."""
        return ~self.is_type()  # type: ignore[no-untyped-call]


class ErrorsAttribute(JSONAttribute):
    """The errors: read with ``error`` and ``traceback`` of the last failure, stored without them.

    Empty as long as there is no failure and no action on record, as in v5 (R8).
    """

    def serialize(self, value: Any) -> str | None:
        if value and value.get("history"):
            value = {name: part for name, part in value.items() if name not in _LAST_FAILURE}
        return super().serialize(value)

    def deserialize(self, value: str) -> Mapping[str, Any]:
        errors: Mapping[str, Any] = super().deserialize(value)  # type: ignore[no-untyped-call]
        if errors.keys() == _LAST_FAILURE:
            errors = {**errors, "history": _history_of_v5(**errors)}
        if errors.get("history") or errors.get("actions"):
            return with_last_failure({"history": [], **errors})
        return {name: value for name, value in errors.items() if name != "history"}


_LAST_FAILURE = {"error", "traceback"}
"""All that v5 kept."""


def _history_of_v5(error: str | None, traceback: str | None) -> list[dict[str, Any]]:
    """The last failure, which is all that v5 kept, and neither its number nor its time."""
    entry = {"nth_retry": None, "update_time": None, "error": error, "traceback": traceback}
    return [] if error is None else [entry]
