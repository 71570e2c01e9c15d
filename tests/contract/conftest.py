"""A fresh table for each test, with the two steps on it, a clock that the test moves, and a wire that it may cut."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.session import Session, get_session
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

import status_tracker as st
from tests.support.clock import Clock
from tests.support.engines import DYNAMODB_LOCAL, MOTO, Engine
from tests.support.steps import CREDENTIALS, REGION, STEP1_CODES, STEP2_CODES, make_base, make_step
from tests.support.wire import Wire

_FIXTURES = {DYNAMODB_LOCAL: "dynamodb_local_engine", MOTO: "moto_engine"}


@pytest.fixture(params=_FIXTURES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue(_FIXTURES[request.param])


@pytest.fixture(autouse=True)
def _no_pauses_of_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore repeats as it always does, without the up to 20 seconds between."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


@pytest.fixture(autouse=True)
def _one_session_of_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads its description of DynamoDB once, and not again for each test's client."""
    monkeypatch.setattr("pynamodb.connection.base.get_session", _botocore_session)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table_name() -> str:
    return f"tasks-{uuid.uuid4().hex}"


@pytest.fixture
def base(engine: Engine, table_name: str) -> Iterator[type[st.BaseTask]]:
    """The model of a new table; the steps derived from it share its client."""
    model = make_base(engine.host, table_name)
    model.create_table(wait=True)
    yield model
    _client(model).close()


@pytest.fixture
def wire(base: type[st.BaseTask]) -> Wire:
    return Wire(_client(base))


@pytest.fixture
def new_step(base: type[st.BaseTask], clock: Clock) -> Callable[..., Any]:
    """Makes a step with settings of its own: `new_step(codes, max_retry=1)`."""
    return lambda codes=STEP1_CODES, **settings: make_step(base, codes, **{"clock": clock, **settings})


@pytest.fixture
def step1(new_step: Callable[..., Any]) -> Any:
    return new_step(STEP1_CODES)


@pytest.fixture
def step2(new_step: Callable[..., Any]) -> Any:
    return new_step(STEP2_CODES)


@pytest.fixture
def narrow(engine: Any, clock: Clock) -> Iterator[Any]:
    """A step whose table has the index that pynamodb_mate made: it projects create_time and nothing else."""
    step = make_step(make_base(engine.host, "narrow"), STEP1_CODES, clock)
    client = step._get_connection().connection.client
    client.create_table(
        TableName="narrow",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("key", "value", "update_time")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "status_and_update_time-index",
                "KeySchema": [
                    {"AttributeName": "value", "KeyType": "HASH"},
                    {"AttributeName": "update_time", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["create_time"]},
            }
        ],
    )
    yield step
    client.delete_table(TableName="narrow")
    client.close()


@pytest.fixture
def page(engine: Engine, table_name: str) -> Iterator[Any]:
    """A model of the user's own, in another table."""

    class Page(Model):
        class Meta:
            region = REGION
            billing_mode = "PAY_PER_REQUEST"
            aws_access_key_id = CREDENTIALS["aws_access_key_id"]
            aws_secret_access_key = CREDENTIALS["aws_secret_access_key"]

        number = UnicodeAttribute(hash_key=True)
        text = UnicodeAttribute(null=True)
        reads = NumberAttribute(default=0)

    Page.Meta.host = engine.host
    Page.Meta.table_name = f"{table_name}-pages"
    Page.create_table(wait=True)
    yield Page
    Page._get_connection().connection.client.close()


@pytest.fixture
def pages(page: Any) -> Callable[[], dict[str, Any]]:
    """The pages as they are stored now: text and reads, by number."""
    return lambda: {each.number: (each.text, int(each.reads)) for each in page.scan(consistent_read=True)}


def _client(model: type[st.BaseTask]) -> Any:
    return model._get_connection().connection.client


@functools.cache
def _botocore_session() -> Session:
    return get_session()
