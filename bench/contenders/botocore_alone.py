"""botocore and its client, for the cold start: what nobody who speaks to DynamoDB gets below."""

from __future__ import annotations

from contextlib import AbstractContextManager

from botocore.session import get_session

from bench import items
from bench.contender import Contender
from bench.meter import Meter, dynamodb_metered


class Tracker(Contender):
    def __init__(self, address: str, table: str) -> None:  # noqa: ARG002  # it has no table
        self._client = get_session().create_client(
            "dynamodb", endpoint_url=address, region_name=items.REGION, **items.CREDENTIALS
        )

    def metered(self) -> AbstractContextManager[Meter]:
        return dynamodb_metered(self._client)
