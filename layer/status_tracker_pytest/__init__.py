"""Pytest's plugin of status-tracker: the fixtures `tracker_memory` and `mended_moto`.

It stands outside of the package and imports nothing of it before a test asks for a fixture, so that it costs other test
runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from status_tracker.testing.in_memory import TrackerMemory

__all__ = ["mended_moto", "tracker_memory"]


@pytest.fixture
def tracker_memory() -> Iterator[TrackerMemory]:
    """Keep in memory what the test's code tracks, with a clock that stands still and with faults::

        def test_an_invoice_is_not_sent_twice(tracker_memory):
            send_invoice("i-1")              # the application's code, which calls SendTask.start("i-1", create=True)
            with pytest.raises(st.TaskAlreadySucceedError):
                send_invoice("i-1")

    See `status_tracker.testing.in_memory.in_memory`.
    """
    from status_tracker.testing.in_memory import in_memory  # noqa: PLC0415  # see the module's docstring

    with in_memory() as memory:
        yield memory


@pytest.fixture
def mended_moto() -> Iterator[None]:
    """AWS on moto in this process, whose DynamoDB keeps what DynamoDB promises, also to many threads.

    For tests that make their tables themselves, and use more of AWS than them.
    """
    from status_tracker.testing.moto import mend_dynamodb  # noqa: PLC0415  # see the module's docstring

    mend_dynamodb()
    from moto import mock_aws  # noqa: PLC0415

    with mock_aws():
        yield
