"""Answer with a model on Bedrock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

import status_tracker as st
from documents import aws
from documents.answering.bedrock_answerer import MalformedAnswerError
from documents.questions import load_questions
from documents.settings import AnswerSettings, BedrockSettings
from samples import make_samples
from tests.handlers.support import RESULT_BUCKET
from tests.support.aws_stubs import Scripted, answer

if TYPE_CHECKING:
    from tests.handlers.support import Application

INVOICE = (Path(make_samples.__file__).with_name("documents") / "invoice-1001.pdf").read_bytes()
SETTINGS = BedrockSettings("m.m", 100_000, 1.0, 5.0)


@pytest.fixture
def bedrock(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    bedrock = Scripted("bedrock-runtime")
    monkeypatch.setattr(aws, "bedrock_client", lambda: bedrock.client)
    settings = {**AnswerSettings(RESULT_BUCKET, "bedrock").to_environment(), **SETTINGS.to_environment()}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return bedrock


def model_says(**found: str) -> dict[str, Any]:
    """The model's answer to all the questions, in which these have an answer that is its own quote."""
    response = answer("bedrock_answers")
    response["output"]["message"]["content"][0]["toolUse"]["input"]["answers"] = [
        {"id": question.id, "answer": found.get(question.id), "quote": found.get(question.id)}
        for question in load_questions()
    ]
    return response


def extracted(app: Application) -> str:
    task_id = app.register("invoice.pdf", INVOICE)
    app.extract(task_id)
    return task_id


def test_answers_tokens_and_cost_are_on_the_task(app: Application, bedrock: Scripted) -> None:
    task_id = extracted(app)
    bedrock.answers("converse", model_says(total="EUR 1,190.00", seller="Somebody Else Ltd"))
    app.answer(task_id)
    task = app.task(task_id)
    assert task.status == 90
    answered = task.data["answered"]
    assert answered["answers"] == {"total": "EUR 1,190.00"}
    assert (answered["usage"]["input_tokens"], answered["usage"]["output_tokens"]) == (1200, 150)
    assert answered["usage"]["estimated_cost_usd"] == 0.00195
    result = app.result(answered["result"])
    assert result["usage"] == answered["usage"]
    by_id = {each["id"]: each for each in result["answers"]}
    assert by_id["total"]["source"] == {"text": "EUR 1,190.00", "page": 1}
    assert "not in the document" in by_id["seller"]["reason"]
    for each in result["answers"]:
        assert (each["answer"] is None) == (each["source"] is None) == (each["reason"] is not None)


@pytest.mark.parametrize("code", ["ThrottlingException", "ModelTimeoutException", "InternalServerException"])
def test_r19_a_throttled_attempt_is_postponed(app: Application, bedrock: Scripted, code: str) -> None:
    task_id = extracted(app)
    bedrock.fails("converse", code)
    with pytest.raises(st.Postponed, match=f"ServiceBusyError: Amazon Bedrock is busy.*{code}") as postponed:
        app.answer(task_id)
    assert type(postponed.value) is st.Postponed  # what Step Functions matches
    with pytest.raises(st.TaskNotDueError):
        app.answer(task_id)
    task = app.task(task_id)
    assert (task.status, task.retry, task.errors["postponed"]["times"]) == (40, 0, 1)


def test_a_model_that_fails_at_a_document_fails_the_attempt(app: Application, bedrock: Scripted) -> None:
    task_id = extracted(app)
    bedrock.fails("converse", "ModelErrorException")
    with pytest.raises(ClientError, match="ModelErrorException"):
        app.answer(task_id)
    assert (app.task(task_id).status, app.task(task_id).retry) == (80, 1)


def test_a_model_that_is_not_enabled_sets_the_task_aside(app: Application, bedrock: Scripted) -> None:
    task_id = extracted(app)
    bedrock.fails("converse", "AccessDeniedException")
    with pytest.raises(st.NonRetryableError, match="Have the model enabled"):
        app.answer(task_id)
    assert app.task(task_id).status == 100


def test_malformed_answers_fail_the_attempt_only(app: Application, bedrock: Scripted) -> None:
    task_id = extracted(app)
    wrong = model_says()
    wrong["output"]["message"]["content"] = [{"text": "Of course!"}]
    for _ in range(2):
        bedrock.answers("converse", wrong)
    with pytest.raises(MalformedAnswerError):
        app.answer(task_id)
    bedrock.answers("converse", model_says(total="EUR 1,190.00"))
    app.answer(task_id)
    assert app.task(task_id).status == 90
    bedrock.done()
