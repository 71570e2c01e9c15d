"""The items in the table: in our form, or as pynamodb_mate 5 wrote them.

In v5's form there is no `status`, and `value` is ``{job_id}{sep}{status}``, without a shard. A free `lock` is absent
or NULL. `errors` is the last failure alone. Our first write converts an item to our form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from ..core.history import with_last_failure
from ..dynamodb.attributes import IntegerAttribute


class StatusAttribute(IntegerAttribute):
    """The status, read from `value`, where it stands in either form; None as long as `value` is not known."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        return None if instance.value is None else int(instance.value.split(instance.SEP)[1])


class LockAttribute(UnicodeAttribute):
    """The lock; v5 left NULL in a free one."""

    def does_not_exist(self) -> Any:
        """The condition that it holds no token."""
        return ~self.is_type()  # type: ignore[no-untyped-call]


class ErrorsAttribute(JSONAttribute):
    """The errors: read with ``error`` and ``traceback`` of the last failure, stored without them."""

    def serialize(self, value: Any) -> str | None:
        if value and value.get("history"):
            value = {name: part for name, part in value.items() if name not in {"error", "traceback"}}
        return super().serialize(value)

    def deserialize(self, value: str) -> Mapping[str, Any]:
        errors = super().deserialize(value)  # type: ignore[no-untyped-call]
        if "history" not in errors:
            errors = {**errors, "history": _history_of_v5(**errors)}
        return with_last_failure(errors)


def _history_of_v5(error: str | None = None, traceback: str | None = None, **_: Any) -> list[dict[str, Any]]:
    """The last failure, which is all that v5 kept, and neither its number nor its time."""
    entry = {"nth_retry": None, "update_time": None, "error": error, "traceback": traceback}
    return [] if error is None else [entry]
