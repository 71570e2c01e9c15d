"""Asking a model on Amazon Bedrock, and believing it only what stands in the document."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import fastjsonschema

from documents.answering.answers import Answer, Answers
from documents.answering.bedrock_prompt import (
    MAX_ANSWER_CHARACTERS,
    MAX_QUOTE_CHARACTERS,
    SYSTEM,
    TOOL,
    answers_schema,
    document_text,
    questions_text,
)
from documents.answering.quotes import Quotes, occurs, plain, with_line_ends
from documents.service_errors import ServiceErrors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient

    from documents.answering.bedrock_prompt import DocumentText
    from documents.questions import Question
    from documents.reading.extracted import ExtractedDocument
    from documents.settings import BedrockSettings

TRIES = 2
# A token is three or four characters of prose, and as few as two where there are many numbers.
_TOKENS_OF_AN_ANSWER = (MAX_ANSWER_CHARACTERS + MAX_QUOTE_CHARACTERS) // 2 + 50
_MAX_PROBLEM_CHARACTERS = 300

BEDROCK_ERRORS = ServiceErrors(
    service="Amazon Bedrock",
    hopeless={
        "AccessDeniedException": (
            "The function may not use this model. Have the model enabled for the account (model access in the Bedrock"
            " console), check the setting bedrock_model_id, deploy, and run the task again."
        ),
        "ResourceNotFoundException": (
            "Amazon Bedrock has no such model here. Check the settings bedrock_model_id and bedrock_model_regions for"
            " the stack's region, deploy, and run the task again."
        ),
        "ValidationException": (
            "Amazon Bedrock refused the request. The model may need an inference profile's id (us.…, eu.…), may not"
            " take tools, or the document is too long for it (bedrock_max_prompt_characters). Mend the settings,"
            " deploy, and run the task again."
        ),
    },
    busy=frozenset(
        {
            "ThrottlingException",
            "ServiceUnavailableException",
            "ModelNotReadyException",
            "ModelTimeoutException",
            "InternalServerException",
            "ServiceQuotaExceededException",
        }
    ),
)


class MalformedAnswerError(Exception):
    """What the model answered is not what the tool's schema asks for."""


class AnswerCutOffError(Exception):
    """The model had no room for all the answers; asked again at once, it would only cost the same again."""


@dataclass
class _Tokens:
    """What the requests of one attempt took."""

    requests: int = 0
    input: int = 0
    output: int = 0

    def add(self, usage: Mapping[str, Any]) -> None:
        self.requests += 1
        self.input += usage["inputTokens"]
        self.output += usage["outputTokens"]


class BedrockAnswerer:
    """
    Answers from the document's text and key-values by a model; see `Answerer`.

    The model has to quote the document for each answer. An answer whose quote is not in the document, or that is not in
    its quote, is not used, and `reason` says so. `setbacks` are those of the task so far.
    """

    def __init__(self, bedrock: BedrockRuntimeClient, settings: BedrockSettings, *, setbacks: int = 0) -> None:
        self._bedrock = bedrock
        self._settings = settings
        self._setbacks = setbacks

    def answer(self, document: ExtractedDocument, questions: Sequence[Question]) -> Answers:
        """
        One answer a question, in the order of the questions.

        Raises `MalformedAnswerError` where the model answers in a wrong form even when told so, `AnswerCutOffError`,
        `ServiceBusyError`, and `NonRetryableError` where the model cannot be used at all.
        """
        text = document_text(document, self._settings.bedrock_max_prompt_characters)
        tokens = _Tokens()
        given = self._ask(text, questions, tokens)
        quotes = Quotes(document)
        answers = tuple(_verified(question, given[question.id], quotes, text) for question in questions)
        return Answers(answers, self._usage(tokens, text))

    def _ask(self, text: DocumentText, questions: Sequence[Question], tokens: _Tokens) -> dict[str, Mapping[str, Any]]:
        problem = ""
        for _ in range(TRIES):
            response = self._converse(text, questions, problem)
            tokens.add(response["usage"])
            if response["stopReason"] == "max_tokens":
                raise AnswerCutOffError(self._cut_off(len(questions), tokens))
            try:
                return _given(response, questions)
            except MalformedAnswerError as error:
                problem = str(error)
        raise MalformedAnswerError(
            f"The model {self._settings.bedrock_model_id} answered {TRIES} times in a wrong form, at last: {problem}"
            f" That took {tokens.input:,} input and {tokens.output:,} output tokens."
        )

    def _cut_off(self, questions: int, tokens: _Tokens) -> str:
        return (
            f"The model {self._settings.bedrock_model_id} had room for {_max_tokens(questions):,} tokens, which were"
            f" not enough for {questions} answers: it wrote more than was asked for. If that happens often, take"
            f" another model, or fewer questions. That took {tokens.input:,} input and {tokens.output:,} output tokens."
        )

    def _converse(self, text: DocumentText, questions: Sequence[Question], problem: str) -> Mapping[str, Any]:
        content = [{"text": questions_text(questions)}, {"text": text.json}]
        if problem:
            content.append(
                {"text": f"Your last answer was refused: {problem} Call the tool again, as its schema asks."}
            )
        schema = answers_schema(question.id for question in questions)
        tool = {"name": TOOL, "description": "Records the answers.", "inputSchema": {"json": schema}}
        request: dict[str, Any] = {
            "modelId": self._settings.bedrock_model_id,
            "system": [{"text": SYSTEM}],
            "messages": [{"role": "user", "content": content}],
            "inferenceConfig": {"maxTokens": _max_tokens(len(questions))},
            "toolConfig": {"tools": [{"toolSpec": tool}], "toolChoice": {"tool": {"name": TOOL}}},
        }
        with BEDROCK_ERRORS.explained(self._setbacks):
            return self._bedrock.converse(**request)

    def _usage(self, tokens: _Tokens, text: DocumentText) -> dict[str, Any]:
        settings = self._settings
        prices = (settings.bedrock_usd_per_million_input_tokens, settings.bedrock_usd_per_million_output_tokens)
        cost = None
        if prices[0] is not None and prices[1] is not None:
            cost = round((tokens.input * prices[0] + tokens.output * prices[1]) / 1_000_000, 6)
        return {
            "service": "bedrock",
            "model": settings.bedrock_model_id,
            "requests": tokens.requests,
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "estimated_cost_usd": cost,
            "characters_given": text.given,
            "characters": text.characters,
            "key_values_given": text.key_values_given,
            "key_values": text.key_values,
        }


def _max_tokens(questions: int) -> int:
    return _TOKENS_OF_AN_ANSWER * (questions + 1)


def _given(response: Mapping[str, Any], questions: Sequence[Question]) -> dict[str, Mapping[str, Any]]:
    """The model's entries by the id of the question; `MalformedAnswerError` unless there is exactly one for each."""
    content = response["output"].get("message", {}).get("content", ())
    calls = [block["toolUse"] for block in content if block.get("toolUse", {}).get("name") == TOOL]
    if len(calls) != 1:
        raise MalformedAnswerError(
            f"the tool {TOOL} was called {len(calls)} times instead of once (stop reason {response['stopReason']})."
        )
    ids = tuple(question.id for question in questions)
    try:
        entries = _validator(ids)(calls[0].get("input"))["answers"]
    except fastjsonschema.JsonSchemaValueException as error:
        stopped = f" (stop reason {response['stopReason']})"
        raise MalformedAnswerError(f"{error.message[:_MAX_PROBLEM_CHARACTERS]}{stopped}.") from error
    by_id = {entry["id"]: entry for entry in entries}
    if missing := [each for each in ids if each not in by_id]:
        raise MalformedAnswerError(f"there is no entry for {', '.join(missing)}, and more than one for another.")
    return by_id


@cache
def _validator(ids: tuple[str, ...]) -> Callable[[object], Any]:
    validate: Callable[[object], Any] = fastjsonschema.compile(answers_schema(ids), use_default=False)
    return validate


def _verified(question: Question, given: Mapping[str, Any], quotes: Quotes, text: DocumentText) -> Answer:
    """The model's answer, or none with the reason."""
    answer, quote = plain(given["answer"] or ""), given["quote"] or ""
    source = quotes.find(quote) if answer else None
    if not answer:
        reason = "The model found no answer in the document."
    elif source is None:
        reason = "The model gave an answer that is not used: what it quotes for it is not in the document."
    elif occurs(answer, with_line_ends(quote)) is None:
        reason = "The model gave an answer that is not used: it is not in what it quotes for it."
    else:
        return Answer(question.id, question.question, answer, source)
    return Answer(question.id, question.question, None, reason=reason + text.told_cut)
