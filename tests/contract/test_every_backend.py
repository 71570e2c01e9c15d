"""The contract of all backends, on the one in memory."""

from __future__ import annotations

import pytest

from status_tracker.testing.contract import Backend, ContractSuite
from tests.contract.backends.memory import MemoryBackend


class TestMemory(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return MemoryBackend()
