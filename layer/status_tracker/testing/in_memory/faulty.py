"""The writes of a backend's store meet the faults of a test."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from ..faults import Faults

_WRITES = ("create", "write", "succeed")


@contextmanager
def faulty(store_class: type[Any], faults: Faults) -> Iterator[None]:
    """Each write of such stores has the next fault; one write that is carried out by another one, one fault."""
    within = threading.local()

    def meeting(write: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(write)
        def met(store: Any, *arguments: Any) -> Any:
            if getattr(within, "a_write", False):
                return write(store, *arguments)
            within.a_write = True
            try:
                return faults.around(lambda: write(store, *arguments))
            finally:
                within.a_write = False

        return met

    with ExitStack() as stack:
        for name in _WRITES:
            stack.enter_context(mock.patch.object(store_class, name, meeting(getattr(store_class, name))))
        yield
