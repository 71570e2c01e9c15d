"""Requests to a table that is not there say how it is made."""

from __future__ import annotations

import pytest
from pynamodb.exceptions import PynamoDBException

from tests.support.engines import Engine
from tests.support.steps import STEP1_CODES, make_base, make_step

NO_TABLE = r"no table 'gone' in us-east-1, make it with create_table\(wait=True\).*`cdk deploy`"


def test_no_table_says_how_it_is_made(engine: Engine) -> None:
    gone = make_step(make_base(engine.host, "gone"), STEP1_CODES)

    for call in (
        lambda: gone.start("t", create=True).__enter__(),
        lambda: gone.make_and_save("t"),
        lambda: gone.get_one_or_none("t"),
        lambda: gone.query_by_status(10).all(),
    ):
        with pytest.raises(
            PynamoDBException, match=r"no table 'gone' in us-east-1, make it with create_table.*cdk deploy"
        ):
            call()
