"""What a model's `Meta` says of its connection holds; nothing is sent here."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.session import get_session

import status_tracker as st
from status_tracker.sessions import quick_session
from tests.support.steps import CREDENTIALS, REGION

LAYER = Path(st.__file__).parents[1]


def _model(**meta: Any) -> type[st.BaseTask]:
    settings = {"table_name": "tasks", "region": REGION, **CREDENTIALS, **meta}

    class Task(st.BaseTask):
        Meta = type("Meta", (), settings)

    return Task


def _client(model: type[st.BaseTask]) -> Any:
    return model._get_connection().connection.client


def _client_config(**meta: Any) -> Any:
    return _client(_model(**meta)).meta.config


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
    model = _model()
    assert model._get_connection().connection.client
    assert looked_at == []
    loader = model._get_connection().connection.session.get_component("data_loader")
    assert str(tmp_path) in loader.search_paths


def test_all_models_of_a_process_have_one_client() -> None:
    table = _model()._get_connection()
    other = _model(table_name="others")._get_connection()
    assert table.connection.client is other.connection.client
    assert table.connection.get_meta_table("tasks").hash_keyname == "key"
    assert other.connection.get_meta_table("others").hash_keyname == "key"


def test_sessions_share_what_is_loaded() -> None:
    first, second = quick_session(), quick_session()
    assert first is not second
    assert first.get_component("data_loader") is second.get_component("data_loader")


def test_a_quick_session_knows_the_same_services_as_any_other() -> None:
    assert quick_session().get_available_services() == get_session().get_available_services()
    with pytest.raises(UnknownServiceError, match=r"'nothing'.* dynamodb, .* sts, "):
        quick_session().create_client("nothing", region_name=REGION)


def _endpoints(session: Any) -> Any:
    return session._get_internal_component("endpoint_resolver")._endpoint_data["partitions"]


def test_a_quick_session_has_the_endpoints_of_any_other_and_parses_those_that_are_asked_for() -> None:
    stored = Path(botocore.__file__).parent / "data" / "endpoints.json"  # a session changes what it has loaded
    quick, other = _endpoints(quick_session()), json.loads(stored.read_text("utf-8"))["partitions"]
    assert [{**each, "services": dict(each["services"])} for each in quick] == other
    assert [[len(each["services"]), list(each["services"])] for each in quick] == [
        [len(each["services"]), list(each["services"])] for each in other
    ]
    assert not any(isinstance(each["services"], dict) or "no-such-service" in each["services"] for each in quick)


def test_endpoints_of_the_users_are_taken_however_they_are_laid_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = {"partitions": [{"partition": "own", "services": {"dynamodb": {"endpoints": {"here-1": {}}}}}]}
    (tmp_path / "endpoints.json").write_text(json.dumps(own, indent=4))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert _endpoints(quick_session()) == own["partitions"]


def test_a_handler_of_events_that_takes_no_keyword_arguments_is_refused() -> None:
    with pytest.raises(ValueError, match="must accept keyword arguments"):
        quick_session().register("before-send", lambda: None)


@pytest.mark.parametrize(
    "meta",
    [
        {"region": "eu-west-1"},
        {"host": "http://127.0.0.1:1"},
        {"connect_timeout_seconds": 1},
        {"read_timeout_seconds": 1},
        {"max_retry_attempts": 1},
        {"max_pool_connections": 1},
        {"retry_configuration": {"mode": "adaptive"}},
        {"retry_configuration": "UNSET"},
        {"extra_headers": {"x-team": "a"}},
        {"aws_secret_access_key": "another"},
    ],
    ids=repr,
)
def test_models_that_want_another_client_have_another(meta: dict[str, Any]) -> None:
    assert _client(_model()) is not _client(model := _model(**meta))
    assert _client(model) is _client(_model(**meta))


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "https_proxy"])
def test_a_client_goes_by_the_environment_in_which_its_model_is_used(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _client(_model())
    monkeypatch.setenv(name, "http://127.0.0.1:2")
    assert _client(_model()) is not first


def test_a_client_without_credentials_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    model = _model(aws_access_key_id=None, aws_secret_access_key=None)
    first = _client(model)
    assert _client(model) is not first


def test_threads_that_come_first_at_once_have_one_client() -> None:
    models = [_model(table_name=f"table-{number}", read_timeout_seconds=7) for number in range(8)]
    with ThreadPoolExecutor(len(models)) as pool:
        assert len({id(client) for client in pool.map(_client, models)}) == 1


def test_no_client_stays_that_no_model_has() -> None:
    model = _model(read_timeout_seconds=9)
    client = weakref.ref(_client(model))
    del model._connection
    gc.collect()
    assert client() is None


def test_extra_headers_are_sent_with_the_requests_of_their_models_only() -> None:
    request = AWSRequest("POST", "http://127.0.0.1:1").prepare()
    _client(_model(extra_headers={"x-team": "a"})).meta.events.emit("before-send.dynamodb.GetItem", request=request)
    plain = AWSRequest("POST", "http://127.0.0.1:1").prepare()
    _client(_model()).meta.events.emit("before-send.dynamodb.GetItem", request=plain)
    assert request.headers["x-team"] == "a"
    assert "x-team" not in plain.headers


_FORKING = """
import os
import status_tracker as st

class Task(st.BaseTask):
    class Meta:
        table_name, region, aws_access_key_id, aws_secret_access_key = "tasks", "us-east-1", "a", "b"

connection = Task._get_connection().connection
client = connection.client
child = os.fork()
if child == 0:
    os._exit(int(connection.client is client or connection.client is not connection.client))
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or int(connection.client is not client))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_process_does_not_share_its_parents_connections() -> None:
    command = [sys.executable, "-c", _FORKING]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(LAYER)})  # noqa: S603  # made here
