"""`in_memory`: what an application tracks is kept in memory, whatever it was declared on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from importlib.util import find_spec
from typing import Any, ClassVar
from unittest import mock

from ...core import config
from ...operations import pausing
from ..clock import Clock
from ..faults import Fault, Faults
from .trackers import trackers_in_memory

_lasting = threading.Lock()


@dataclass(frozen=True)
class TrackerMemory:
    """What a test has of the memory that its tasks are kept in.

    Attributes:
        clock: the time of every task class that has no clock of its own. It stands still until the test moves it.
        faults: the faults of the next writes, of whatever task.
    """

    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)

    def befall(self, fault: Fault, times: int = 1) -> None:
        """Make the next writes without a fault have this one."""
        self.faults.befall(fault, times)


@contextmanager
def in_memory() -> Iterator[TrackerMemory]:
    """Keep in memory what is tracked until the block ends; then it is gone, and everything is as it was before::

        with in_memory() as memory:
            import_invoice("i-1")            # the application's own code, which calls ImportTask.start("i-1")
            assert ImportTask.get_one_or_none("i-1").status_name == "succeeded"

    - Subclasses of `BaseTask`, and those of `compat`, are on moto in this process, mended by `mend_dynamodb`. Their
      tables are made on first use, and are their own, also within a ``mock_aws`` that lasts longer. Needs
      ``pip install 'status-tracker[testing]'``. Where that is installed, moto answers what else the process asks of
      AWS, too, from the beginning of the block to its end.
    - Jobs (`JobMixin`) are in one SQLite database in memory. Every engine of SQLAlchemy leads to it, whatever its URL,
      and tables are made when a statement first names them, those of the application too, in the schemas they have.
      SQL in text names none: make its tables with ``create_all``. Only what SQLite can do works.
    - Subclasses of `FileTracker` and `S3Tracker` keep their documents in a dict. A `load` and `dump` of your own are
      called as ever.

    One at a time in a process: threads and event loops share it.

    Raises:
        RuntimeError: another one lasts, such as the fixture `tracker_memory` of this test.
    """
    memory = TrackerMemory()
    with ExitStack() as stack:
        stack.enter_context(_the_only_one())
        stack.enter_context(_time_of(memory.clock))
        stack.enter_context(mock.patch.object(pausing, "ASKED_AGAIN_SECONDS", 0.0))
        stack.enter_context(trackers_in_memory(memory.faults))
        for needed, backend in _BACKENDS.items():
            if find_spec(needed) is not None:
                stack.enter_context(backend(memory.faults))
        yield memory


@contextmanager
def _the_only_one() -> Iterator[None]:
    if not _lasting.acquire(blocking=False):
        raise RuntimeError(
            "This process tracks in memory already, by in_memory() or the fixture tracker_memory, and there is one "
            "memory at a time: use the one that lasts, or end it first."
        )
    try:
        yield
    finally:
        _lasting.release()


@contextmanager
def _time_of(clock: Clock) -> Iterator[None]:
    class Moments(datetime):
        of_the_test: ClassVar[Clock] = clock

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return cls.of_the_test().astimezone(tz)

    with (
        mock.patch.object(config, "datetime", Moments),
        mock.patch.object(config.get_utc_now, "sleep", clock.sleep, create=True),
    ):
        yield


def _dynamodb(faults: Faults) -> Any:
    from .dynamodb import dynamodb_in_memory  # noqa: PLC0415  # only where pynamodb is installed

    return dynamodb_in_memory(faults)


def _sql(faults: Faults) -> Any:
    from .sql import sql_in_memory  # noqa: PLC0415  # only where SQLAlchemy is installed

    return sql_in_memory(faults)


_BACKENDS: dict[str, Callable[[Faults], Any]] = {"pynamodb": _dynamodb, "sqlalchemy": _sql}
