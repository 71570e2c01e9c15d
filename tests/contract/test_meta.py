"""What a model's `Meta` says of its connection holds; nothing is sent here."""

from __future__ import annotations

from typing import Any

import pytest

import status_tracker as st
from tests.support.steps import CREDENTIALS, REGION


def _client_config(**meta: Any) -> Any:
    settings = {"table_name": "tasks", "region": REGION, **CREDENTIALS, **meta}

    class Task(st.BaseTask):
        Meta = type("Meta", (), settings)

    return Task._get_connection().connection.client.meta.config


def test_one_hanging_request_does_not_use_up_a_lease() -> None:
    config = _client_config()
    assert (config.connect_timeout, config.read_timeout) == (3, 10)


def test_timeouts_of_the_users_choosing_are_kept() -> None:
    config = _client_config(connect_timeout_seconds=1, read_timeout_seconds=2)
    assert (config.connect_timeout, config.read_timeout) == (1, 2)


@pytest.mark.parametrize("retries", [{"total_max_attempts": 7, "mode": "adaptive"}, {"mode": "standard"}])
def test_retry_configuration_is_passed_on(retries: dict[str, Any]) -> None:
    configured = _client_config(retry_configuration=retries).retries
    assert {name: configured[name] for name in retries} == retries
