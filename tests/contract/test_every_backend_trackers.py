"""The contract of all backends, on trackers: with `load` and `dump` alone, in files, and in S3 (moto)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from status_tracker.testing.contract import Backend, ContractSuite
from tests.contract.backends.aws import FaultyWrites
from tests.contract.backends.s3 import ATTEMPTS, BUCKET, one_by_one, s3_client
from tests.contract.backends.trackers import DictBackend, DiskFaults, FileBackend, S3Backend
from tests.support.wire import cut


class Bucket(NamedTuple):
    client: Any
    faults: FaultyWrites


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with one_by_one() as host, closing(s3_client(host)) as client:
        client.create_bucket(Bucket=BUCKET)
        yield Bucket(client, FaultyWrites(client, "s3", frozenset({"PutObject"}), attempts=ATTEMPTS, refusal=cut))


class TestLoadAndDump(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return DictBackend()


class TestFiles(ContractSuite):
    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
        return FileBackend(tmp_path, DiskFaults(monkeypatch))


class TestS3(ContractSuite):
    @pytest.fixture
    def backend(self, bucket: Bucket) -> Backend:
        return S3Backend(*bucket, BUCKET, uuid.uuid4().hex)
