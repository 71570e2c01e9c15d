"""A clock for a start whose caller gives the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..core.retries import sleep_of


class ClockFrom:
    """Stands still at `moment` until `go`; from then on it runs as fast as `clock`.

    Raises:
        ValueError: the moment has no time zone.
    """

    def __init__(self, moment: datetime, clock: Callable[[], datetime]) -> None:
        require_zone("now", moment)
        self._moment = moment
        self._clock = clock
        self._since: datetime | None = None

    @property
    def sleep(self) -> Callable[[float], None]:
        """The `sleep` of `clock`."""
        return sleep_of(self._clock)

    def go(self) -> None:
        self._since = self._clock()

    def __call__(self) -> datetime:
        return self._moment if self._since is None else self._moment + (self._clock() - self._since)


def require_zone(name: str, moment: datetime) -> None:
    """Raise `ValueError` for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{name} is {moment!r}, without a time zone: use datetime.now(timezone.utc).")
