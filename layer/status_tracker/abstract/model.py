"""The fields and settings of a tracker, without its storage."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Self

from ..core.config import TrackerConfig
from ..core.port import state_of
from ..core.state import is_live
from .clock import require_zone
from .declared import T_ID
from .fields import kept_number, record_of
from .statuses import BaseStatusEnum, StatusEnum
from .storing import see_to


class TrackerModel:
    """The fields of a tracker, its settings, and what needs no backend."""

    id: T_ID
    status: int
    attempts: int
    create_time: datetime
    update_time: datetime
    lock: str | None
    lock_time: datetime | None
    lock_expire_time: datetime | None
    data: dict[str, Any]
    errors: dict[str, Any]

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        see_to(cls)

    @classmethod
    def get_status_enum(cls) -> type[BaseStatusEnum]:
        """The status codes: a subclass of `BaseStatusEnum` with the six names of `StatusEnum`."""
        return StatusEnum

    @classmethod
    def get_expire(cls) -> float:
        """The lease of an attempt, in seconds."""
        return 900

    @classmethod
    def get_max_attempts(cls) -> int:
        """How many attempts in a row may fail before the task is exhausted."""
        return 3

    @classmethod
    def get_config(cls, **settings: Any) -> TrackerConfig:
        """The settings by which the rules run; override it to add some, such as ``non_retryable`` or ``clock``::

            return super().get_config(non_retryable=[InvalidDocument])

        A ``@dataclass(slots=True)`` must write ``super(Job, cls)``, since Python makes another class of it.

        Args:
            settings: those of `TrackerConfig.make`; they replace what the other methods say.

        Raises:
            ValueError: a setting cannot work, or `get_status_enum()` lacks a name.
        """
        if settings.get("ttl"):
            raise ValueError(f"ttl is set for {cls.__name__}, and no tracker is deleted by itself: leave it out.")
        own = cls.get_status_enum().__members__
        if missing := sorted(StatusEnum.__members__.keys() - own.keys()):
            raise ValueError(f"The status enum of {cls.__name__} lacks {missing}: give all that StatusEnum has.")
        codes = {f"{name}_status": own[name].value for name in StatusEnum.__members__}
        given = {"max_retry": cls.get_max_attempts(), "lock_expire_seconds": cls.get_expire(), **codes, **settings}
        # No class name has a colon in it, so every class name will do.
        return TrackerConfig.make(**{"use_case_id": cls.__name__, "sep": ":", **given})

    @classmethod
    def load(cls, id: T_ID, **kwargs: Any) -> Self | None:  # noqa: A002  # the seed's name
        """The tracker as it is stored now; None if there is none. The subclass implements it."""
        raise NotImplementedError

    def dump(self, **kwargs: Any) -> None:
        """Store the tracker. The subclass implements it."""
        raise NotImplementedError

    @classmethod
    def is_transient(cls, error: Exception) -> bool:
        """Whether a `load` or `dump` that raised this may go through later. Override it for a backend of your own."""
        return isinstance(error, ConnectionError | TimeoutError)

    @property
    def status_name(self) -> str:
        """The name of the status, such as ``"pending"``."""
        return self.get_status_enum().get_by_value(self.status).name

    @property
    def fence(self) -> int:
        """A number that grows with every start of this task: downstream, refuse what comes with a smaller one."""
        return kept_number(self, "fence")

    def is_locked(self, lock: str | None = None, now: datetime | None = None) -> bool:
        """Whether this object has a live lock at `now`, other than `lock`.

        Raises:
            ValueError: `now` has no time zone.
        """
        config = self.get_config()
        now = now or config.now()
        require_zone("now", now)
        return self.lock != lock and is_live(state_of(record_of(self, config)), config, now)

    def lock_it(self, now: datetime | None = None, expire_time: datetime | None = None) -> None:
        """Lock this object, until `expire_time` (by default `get_expire` seconds after `now`); `dump` stores that.

        Raises:
            ValueError: `expire_time` is not after `now`, or one of them has no time zone.
        """
        config = self.get_config()
        now = now or config.now()
        expire_time = expire_time or now + config.lease(None)
        require_zone("now", now)
        require_zone("expire_time", expire_time)
        if expire_time <= now:
            raise ValueError(f"expire_time is {expire_time.isoformat()}: give a time after {now.isoformat()}.")
        self.lock, self.lock_time, self.lock_expire_time = uuid.uuid4().hex, now, expire_time

    def unlock_it(self) -> None:
        """Unlock this object; `dump` stores that."""
        self.lock = None
