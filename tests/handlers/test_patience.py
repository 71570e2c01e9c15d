"""How long a function waits for AWS, and that its steps follow each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from documents import aws

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.handlers.support import Application

CDK = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())
INTAKE_SECONDS = CDK["context"]["stages"]["prod"]["intake_timeout_seconds"]
STEP_SECONDS = 300  # the least that a stage with these services may have: `infra/reading_settings.py`


@pytest.mark.parametrize("client", ["s3", "step_functions", "table"])
def test_a_request_is_given_up_before_intake_is_out_of_time(app: Application, client: str) -> None:
    app.register("invoice.pdf", b"content")
    clients = {
        "s3": aws.s3_client(),
        "step_functions": aws.step_functions_client(),
        "table": app.tasks.ExtractTask._get_connection().connection.client,
    }
    config = clients[client].meta.config
    tries = config.retries["total_max_attempts"]
    assert tries > 1
    assert tries * (config.connect_timeout + config.read_timeout) < INTAKE_SECONDS


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("client", [aws.textract_client, aws.bedrock_client])
def test_a_busy_service_is_told_before_a_step_is_out_of_time(client: Callable[[], Any]) -> None:
    config = client().meta.config
    tries = config.retries["total_max_attempts"]
    pauses = sum(min(2**nth, 20) for nth in range(tries - 1))  # the longest of botocore's standard mode
    assert tries > 3
    assert tries * (config.connect_timeout + config.read_timeout) + pauses < STEP_SECONDS


def test_each_step_begins_where_the_one_before_succeeded(app: Application) -> None:
    configs = [task.config for _, task in app.tasks.STEPS]
    assert len(configs) > 1
    assert [config.pending_status for config in configs[1:]] == [config.succeeded_status for config in configs[:-1]]
