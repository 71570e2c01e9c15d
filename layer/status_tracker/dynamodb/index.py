"""The index by which tasks are listed: by status and shard, in the order of `update_time`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from .attributes import MomentAttribute

if TYPE_CHECKING:
    from .item import TaskItem

    _Index = GlobalSecondaryIndex[Any]
else:
    _Index = GlobalSecondaryIndex

PROJECTED_ATTRIBUTES = ["create_time", "status", "retry", "lock", "lock_time", "lock_expire_time"]
"""The attributes of a listed task that are right without a refresh, besides its keys and `update_time`."""


class StatusAndUpdateTimeIndex(_Index):  # type: ignore[no-untyped-call]  # PynamoDB leaves its __init_subclass__ untyped
    """The index by which tasks are listed. Declare it on every model whose tasks you list::

        class Step1(BaseTask):
            status_and_update_time_index = StatusAndUpdateTimeIndex()

    The name of the class attribute does not matter.
    """

    class Meta:
        index_name = "status_and_update_time-index"
        projection = IncludeProjection(PROJECTED_ATTRIBUTES)

    value = UnicodeAttribute(hash_key=True)
    update_time = MomentAttribute(range_key=True)


def index_of(task_class: type[TaskItem]) -> StatusAndUpdateTimeIndex:
    """The index that the model declares. Raises `ValueError` if there is none."""
    for _, member in inspect.getmembers(task_class, lambda member: isinstance(member, StatusAndUpdateTimeIndex)):
        return member  # type: ignore[no-any-return]
    raise ValueError(
        f"{task_class.__name__} declares no index: add "
        "`status_and_update_time_index = StatusAndUpdateTimeIndex()` to the class."
    )
