"""How long a function waits for AWS, and that its steps follow each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from documents import aws
from documents.answering import bedrock_answerer
from documents.answering.bedrock_answerer import BedrockAnswerer
from documents.questions import load_questions
from documents.reading.extracted import ExtractedDocument
from documents.settings import BedrockSettings
from documents.textract.files import TEXTRACT_ERRORS
from documents.textract.jobs import AnalysisJobs
from documents.textract.reader import TextractReader
from documents_stack.reading import LEAST_STEP_SECONDS
from status_tracker_ops import clients
from status_tracker_ops.outages import ServiceBusyError
from tests.unit.documents.test_reader import make_pdf

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.handlers.support import Application

CDK = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())
PAGE = make_pdf("Total: 5")
INTAKE_SECONDS = CDK["context"]["stages"]["prod"]["intake_timeout_seconds"]


@pytest.mark.parametrize("client", ["s3", "step_functions", "table"])
def test_a_request_is_given_up_before_intake_is_out_of_time(app: Application, client: str) -> None:
    app.register("invoice.pdf", b"content")
    made = {
        "s3": clients.s3_client(),
        "step_functions": clients.step_functions_client(),
        "table": app.tasks.ExtractTask._get_connection().connection.client,
    }
    config = made[client].meta.config
    tries = config.retries["total_max_attempts"]
    assert tries > 1
    assert tries * (config.connect_timeout + config.read_timeout) < INTAKE_SECONDS


def longest(client: Any) -> float:
    """How long one request may take with all its repetitions, in seconds."""
    config = client.meta.config
    tries: int = config.retries["total_max_attempts"]
    pauses = sum(min(2**nth, 20) for nth in range(tries - 1))  # the longest of botocore's standard mode
    return tries * (config.connect_timeout + config.read_timeout) + pauses


@pytest.mark.parametrize(
    ("client", "requests"), [(aws.textract_client, 1), (aws.bedrock_client, bedrock_answerer.TRIES)]
)
def test_a_step_has_time_left_to_tell_of_a_service_however_slow(
    app: Application, client: Callable[[], Any], requests: int
) -> None:
    """Beside the service it reads from S3 and writes there, and the tracker writes its start and its end."""
    app.register("invoice.pdf", b"content")
    table = app.tasks.ExtractTask._get_connection().connection.client
    others = 2 * longest(clients.s3_client()) + 2 * (table.meta.config.connect_timeout + table.meta.config.read_timeout)
    assert requests * longest(client()) < 0.7 * LEAST_STEP_SECONDS
    assert requests * longest(client()) + others < 0.95 * LEAST_STEP_SECONDS


def sent(client: Any, error: Exception) -> list[object]:
    """The requests that the client sends from now on; each meets the error instead of the network."""
    requests: list[object] = []

    def send(request: object, **_: object) -> None:
        requests.append(request)
        raise error

    client.meta.events.register_first("before-send.*.*", send)
    return requests


def no_answer() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="https://example.com")


@pytest.fixture
def fresh_clients(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of this test's own, which do not sleep."""
    assert app
    for name in ("textract_client", "bedrock_client"):
        monkeypatch.setattr(aws, name, getattr(aws, name).__wrapped__)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


@pytest.mark.usefixtures("fresh_clients")
def test_a_model_that_does_not_answer_in_time_is_asked_once() -> None:
    client = aws.bedrock_client()
    requests = sent(client, no_answer())
    with pytest.raises(ServiceBusyError, match=r"Amazon Bedrock did not answer.*Read timeout") as busy:
        BedrockAnswerer(client, BedrockSettings("m.m", 1000)).answer(ExtractedDocument(("x",), ()), load_questions())
    assert len(requests) == 1
    assert 30 <= busy.value.retry_after <= 60


@pytest.mark.usefixtures("fresh_clients")
def test_a_page_that_may_have_been_read_is_not_read_again_at_once() -> None:
    client = aws.textract_client()
    requests = sent(client, no_answer())
    with pytest.raises(ServiceBusyError, match="Amazon Textract did not answer"):
        TextractReader(client, AnalysisJobs(client, clients.s3_client(), "results", "scan.pdf", 0)).read(PAGE)
    assert len(requests) == 1


@pytest.mark.usefixtures("fresh_clients")
@pytest.mark.parametrize("error", [no_answer(), ConnectTimeoutError(endpoint_url="https://example.com")])
def test_what_costs_nothing_is_asked_again(error: Exception) -> None:
    client = aws.textract_client()
    requests = sent(client, error)
    with pytest.raises(ServiceBusyError), TEXTRACT_ERRORS.explained(setbacks=0):
        client.get_document_analysis(JobId="job-1")
    assert len(requests) == client.meta.config.retries["total_max_attempts"] > 3


def test_each_step_begins_where_the_one_before_succeeded(app: Application) -> None:
    configs = [step.task_class.config for step in app.tasks.PIPELINE]
    assert len(configs) > 1
    assert [config.pending_status for config in configs[1:]] == [config.succeeded_status for config in configs[:-1]]
