"""What a model's `Meta` says of its connection holds; nothing is sent here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.session import get_session

import status_tracker as st
from tests.support.steps import CREDENTIALS, REGION


def _model(**meta: Any) -> type[st.BaseTask]:
    settings = {"table_name": "tasks", "region": REGION, **CREDENTIALS, **meta}

    class Task(st.BaseTask):
        Meta = type("Meta", (), settings)

    return Task


def _client_config(**meta: Any) -> Any:
    return _model(**meta)._get_connection().connection.client.meta.config


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


def test_requests_say_whose_they_are_by_a_user_agent_that_is_put_together_once() -> None:
    config = _client_config()
    assert f"status-tracker/{st.__version__}" in config._supplied_user_agent
    assert config.tcp_keepalive


def test_a_client_is_made_without_looking_for_other_services(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    looked_at: list[Any] = []
    monkeypatch.setattr(Loader, "list_available_services", lambda _, name: looked_at.append(name) or ["dynamodb"])
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    monkeypatch.setattr("pynamodb.connection.base.get_session", get_session)
    model = _model()
    assert model._get_connection().connection.client
    assert looked_at == []
    loader = model._get_connection().connection.session.get_component("data_loader")
    assert str(tmp_path) in loader.search_paths
