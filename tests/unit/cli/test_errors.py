"""What is told of a backend that refuses or cannot be reached: one line, its exit code, and nothing changed."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConfigParseError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSOTokenLoadError,
)
from pynamodb.exceptions import QueryError, UpdateError
from sqlalchemy.exc import OperationalError

import status_tracker as st
from status_tracker.cli.errors import explained
from tests.unit.cli.conftest import fail, stored
from tests.unit.cli.shop import Order


def refused(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Query")


def wrapped(error: Exception) -> QueryError:
    """As PynamoDB raises it."""
    outer = QueryError("Failed to query items", error)
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (refused("AccessDeniedException", "not authorized to perform: dynamodb:Query"), "not authorized to perform"),
        (refused("ExpiredTokenException"), "sign in again"),
        (refused("UnrecognizedClientException"), "AWS does not know these credentials"),
        (refused("ThrottlingException", "slow down."), "AWS refuses: ThrottlingException: slow down"),
        (refused("404", "Not Found"), "What answers is not AWS, or is broken (HTTP 404)"),
        (NoCredentialsError(), "there are no AWS credentials"),
        (SSOTokenLoadError(error_msg="no token"), "run aws sso login"),
        (EndpointConnectionError(endpoint_url="http://here"), "AWS cannot be reached: Could not connect"),
        (
            EndpointConnectionError(endpoint_url="http://127.0.0.1:4571/"),
            '"http://127.0.0.1:4571/": the local cloud of this terminal has ended; source .local/env of a new one',
        ),
        (ReadTimeoutError(endpoint_url="http://here"), "AWS cannot be reached: Read timeout"),
        (ConfigParseError(path="/home/config"), "Unable to parse config file: /home/config: mend that file"),
        (ParamValidationError(report="odd"), "AWS could not be asked: Parameter validation failed"),
        (OperationalError("SELECT", {}, Exception("refused\nmore")), "cannot be reached: refused"),
    ],
)
@pytest.mark.parametrize("wrap", [wrapped, lambda error: error])
def test_listing_that_is_refused(
    run: Any, monkeypatch: pytest.MonkeyPatch, wrap: Any, error: Exception, told: str
) -> None:
    def query(*_: Any, **__: Any) -> Any:
        raise wrap(error)

    fail("a")
    monkeypatch.setattr(Order, "query_by_status", query)
    for command in (["ls"], ["rerun", "--status", "failed", "--reason", "mended", "--yes"], ["export"]):
        answer = run(*command)
        assert (answer.code, answer.out) == (3, "")
        assert told in answer.err.splitlines()[-1]
        assert "Traceback" not in answer.err
    assert stored("a").is_failed()


def test_listing_that_is_not_answered(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def query(*_: Any, **__: Any) -> Any:
        raise st.StoreUnansweredError("A page was asked for 4 times.") from wrapped(refused("ThrottlingException"))

    fail("a")
    monkeypatch.setattr(Order, "query_by_status", query)
    answer = run("ls")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.splitlines()[-1] == "Error: A page was asked for 4 times."


def test_action_that_is_refused(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def store(_: str) -> Any:
        raise UpdateError("UpdateItem failed", refused("AccessDeniedException")) from refused("AccessDeniedException")

    fail("a")
    monkeypatch.setattr(Order, "task_store", store)
    answer = run("rerun", "a", "--reason", "mended")
    assert answer.code == 3
    assert "a: failed: AWS refuses: AccessDeniedException: no: ask for the right" in answer.err


def test_pynamodb_error_without_a_cause_is_told_as_it_is() -> None:
    assert explained(QueryError("odd")) == "QueryError: odd"


def test_fault_of_ours_stays_a_fault(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def query(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Order, "query_by_status", query)
    with pytest.raises(ZeroDivisionError):
        run("ls")


def test_interrupted_run_tells_what_was_done(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    fail("a")
    fail("b")
    monkeypatch.setattr("status_tracker.cli.acting.advance", interrupt)
    answer = run("rerun", "--status", "failed", "--reason", "mended", "--yes")
    assert answer.code == 130
    assert answer.out.split()[-2:] == ["done", "1"]
    assert answer.err.splitlines()[-1].startswith("Interrupted. To go on, give the same command with --run-id ")
