"""A tracker of the v5 spelling on a fresh table, with a clock that the test moves."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.session import Session, get_session

from tests.compat.support import StatusEnum, V5Table, make_tracker
from tests.support.clock import Clock
from tests.support.engines import DYNAMODB_LOCAL, MOTO, Engine
from tests.support.wire import Wire

_FIXTURES = {DYNAMODB_LOCAL: "dynamodb_local_engine", MOTO: "moto_engine"}


@pytest.fixture(params=_FIXTURES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue(_FIXTURES[request.param])


@pytest.fixture(autouse=True)
def _one_session_of_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads its description of DynamoDB once, and not again for each test's client."""
    monkeypatch.setattr("pynamodb.connection.base.get_session", _botocore_session)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def new_tracker(engine: Engine, clock: Clock) -> Iterator[Callable[[], Any]]:
    """Makes a tracker class over a table that does not exist yet."""
    made = []

    def new() -> Any:
        made.append(make_tracker(engine.host, f"tasks-{uuid.uuid4().hex}", clock))
        return made[-1]

    yield new
    for tracker in made:
        tracker._get_connection().connection.client.close()


@pytest.fixture
def tracker(new_tracker: Callable[[], Any]) -> Any:
    """The tracker class of a new table of ours."""
    tracker = new_tracker()
    tracker.create_table(wait=True)
    return tracker


@pytest.fixture
def v5_table(new_tracker: Callable[[], Any], clock: Clock) -> V5Table:
    """A table as v5 made and filled it."""
    return V5Table(new_tracker(), clock)


@pytest.fixture
def wire(tracker: Any) -> Wire:
    return Wire(tracker._get_connection().connection.client)


@pytest.fixture
def failed_once(tracker: Any) -> Any:
    """The task "t", after one failure."""
    task = tracker.new("t", data={"version": 1})
    with pytest.raises(OSError, match="no page"), task.start_job():
        raise OSError("no page")
    assert task.status == StatusEnum.s06_failed
    return task


@functools.cache
def _botocore_session() -> Session:
    return get_session()
