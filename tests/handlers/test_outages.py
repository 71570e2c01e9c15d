"""R19: what AWS's services cannot do for a while postpones a document, and never sets it aside."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.response import StreamingBody

import status_tracker as st
from samples import make_samples
from status_tracker_ops.clients import s3_client
from status_tracker_ops.outages import setbacks
from status_tracker_ops.steps import step_handler
from tests.handlers.support import FakeContext
from tests.infra.test_workflow import wait_before
from tests.infra.variants import synthesized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.handlers.support import Application, MetricsReader, Time

INVOICE = (Path(make_samples.__file__).with_name("documents") / "invoice-1001.pdf").read_bytes()
URL = "https://example-documents.s3.amazonaws.com"


class Body:
    """What urllib3 hands to botocore."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self) -> Iterator[bytes]:
        yield self.content


def answered(status: int, code: str) -> Callable[[], AWSResponse]:
    body = f"<Error><Code>{code}</Code><Message>as AWS words it</Message></Error>".encode()
    return lambda: AWSResponse(URL, status, {"Content-Type": "application/xml"}, Body(body))


def raised(error: Exception) -> Callable[[], Any]:
    def answer() -> None:
        raise error

    return answer


OUTAGES = {
    "slow down": answered(503, "SlowDown"),
    "unavailable": answered(503, "ServiceUnavailable"),
    "internal": answered(500, "InternalError"),
    "gateway": answered(504, "GatewayTimeout"),
    "request timeout": answered(400, "RequestTimeout"),
    "throttled": answered(429, "TooManyRequestsException"),
    "connect timeout": raised(ConnectTimeoutError(endpoint_url=URL)),
    "read timeout": raised(ReadTimeoutError(endpoint_url=URL)),
    "no connection": raised(EndpointConnectionError(endpoint_url=URL)),
}
OTHERS = {"AccessDenied": 403, "NoSuchBucket": 404, "InvalidAccessKeyId": 403, "ExpiredToken": 400}


class S3:
    """S3 as the functions reach it; while `meets` is set, every request meets that instead."""

    def __init__(self) -> None:
        self.meets: Callable[[], Any] | None = None

    def __call__(self, **_: object) -> Any:
        return None if self.meets is None else self.meets()


@pytest.fixture
def s3(app: Application, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    assert app
    s3, events = S3(), s3_client().meta.events
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    events.register_first("before-send.s3.*", s3)
    yield s3
    events.unregister("before-send.s3.*", s3)


def assert_postponed(app: Application, task_id: str, attempt: Callable[[str], None], status: int) -> None:
    """The attempt counts for nothing, and Step Functions is told so by the one name that it knows."""
    before = app.task(task_id).retry
    with pytest.raises(st.Postponed) as postponed:
        attempt(task_id)
    assert type(postponed.value).__name__ == "Postponed"
    task = app.task(task_id)
    assert (task.status, task.retry, task.is_locked()) == (status, before, False)
    with pytest.raises(st.TaskNotDueError):
        attempt(task_id)


@pytest.mark.parametrize("outage", OUTAGES)
def test_r19_an_outage_of_s3_postpones_extract_and_answer(app: Application, s3: S3, time: Time, outage: str) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    for attempt, status in ((app.extract, 10), (app.answer, 40)):
        s3.meets = OUTAGES[outage]
        assert_postponed(app, task_id, attempt, status)
        s3.meets = None
        time.later += timedelta(minutes=1)
        attempt(task_id)
    task = app.task(task_id)
    assert (task.status, task.retry, task.errors["history"]) == (90, 0, [])
    assert "postponed" not in task.errors


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url=URL),
        ResponseStreamingError(error="connection broken"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ],
    ids=lambda error: type(error).__name__,
)
def test_r19_a_body_that_stops_on_its_way_postpones(
    app: Application, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    task_id = app.register("invoice.pdf", INVOICE)

    def read(_body: StreamingBody, **_: object) -> bytes:
        raise error

    monkeypatch.setattr(StreamingBody, "read", read)
    assert_postponed(app, task_id, app.extract, 10)


@pytest.mark.parametrize("code", OTHERS)
def test_what_is_no_outage_is_a_failure_as_ever(app: Application, s3: S3, code: str) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    s3.meets = answered(OTHERS[code], code)
    with pytest.raises(ClientError, match=code):
        app.extract(task_id)
    assert (app.task(task_id).status, app.task(task_id).retry) == (30, 1)


def test_r19_an_outage_of_s3_for_hours_sets_no_document_aside(
    app: Application, s3: S3, time: Time, metrics: MetricsReader
) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    metrics.records()
    began, pauses = time(), []
    s3.meets = OUTAGES["unavailable"]
    while time() - began < timedelta(hours=20):
        assert_postponed(app, task_id, app.extract, 10)
        task = app.task(task_id)
        pauses.append((task.not_before - time()).total_seconds())
        assert setbacks(task) == task.errors["postponed"]["times"] == len(pauses)
        time.later += timedelta(seconds=pauses[-1] + 1)
    assert len(pauses) > task.config.max_retry * 5
    assert all(28 < pause <= 60 for pause in pauses[:1])  # first soon, then at most once in half an hour
    assert all(1790 < pause <= 3600 for pause in pauses[3:])
    assert metrics.counts("Extract")["TaskPostponed"] == len(pauses)
    s3.meets = None
    app.extract(task_id)
    app.answer(task_id)
    assert (app.task(task_id).status, app.task(task_id).errors["history"]) == (90, [])


def test_r19_a_day_of_postponements_in_a_row_is_enough(app: Application, s3: S3, time: Time) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    s3.meets = OUTAGES["internal"]
    assert_postponed(app, task_id, app.extract, 10)
    time.later += timedelta(hours=24)
    with pytest.raises(st.Postponed):
        app.extract(task_id)
    task = app.task(task_id)
    assert (task.status, task.retry) == (30, 1)
    assert "AWS is busy" in task.errors["history"][0]["error"]


def test_r19_a_postponement_after_a_failure_leaves_the_count_and_the_failure(
    app: Application, s3: S3, time: Time
) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    s3.meets = answered(403, "AccessDenied")
    with pytest.raises(ClientError):
        app.extract(task_id)
    s3.meets = OUTAGES["slow down"]
    assert_postponed(app, task_id, app.extract, 30)
    assert len(app.task(task_id).errors["history"]) == 1
    s3.meets = None
    time.later += timedelta(hours=1)
    app.extract(task_id)
    assert app.task(task_id).status == 40


def driven(state: Mapping[str, Any], attempt: Callable[[], None], time: Time, until: timedelta) -> str:
    """Drive one state of the deployed workflow as Step Functions does, with the longest of its waits; how it ends."""
    began, used = time(), dict.fromkeys(range(len(state["Retry"])), 0)
    while time() - began < until:
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - Step Functions knows them by their names
            names = {type(error).__name__, "States.ALL"}
            entries = enumerate(state["Retry"])
            number, entry = next((n, each) for n, each in entries if names & set(each["ErrorEquals"]))
            if used[number] == entry["MaxAttempts"]:
                return type(error).__name__
            time.later += timedelta(seconds=wait_before(entry, used[number]))
            used[number] += 1
        else:
            return "Next"
    return "Timeout"


@pytest.mark.parametrize("outage", ["internal", "slow down", "no connection"])
def test_r19_prods_retries_outlast_three_minutes_of_errors_of_s3(
    app: Application, s3: S3, time: Time, outage: str
) -> None:
    """The waits of prod's counted retries are over after 150 s."""
    began, states = time(), synthesized("prod").steps
    task_id = app.register("invoice.pdf", INVOICE)

    def attempt(step: Callable[[str], None]) -> None:
        s3.meets = OUTAGES[outage] if time() - began < timedelta(minutes=3) else None
        step(task_id)

    for name, step in (("Extract", app.extract), ("Answer", app.answer)):
        began = time()
        assert driven(states[name], lambda step=step: attempt(step), time, timedelta(hours=1)) == "Next"
        assert time() - began > timedelta(minutes=3)
    task = app.task(task_id)
    assert (task.status, task.retry, task.errors["history"]) == (90, 0, [])


def test_r19_an_outage_postpones_the_work_of_any_step(app: Application, s3: S3, time: Time) -> None:
    def work(*_: object) -> None:
        s3_client().list_buckets()

    extract = app.tasks.ExtractTask
    handler = step_handler(app.tasks.PIPELINE, extract, work)
    task_id = app.register("invoice.pdf", INVOICE)
    for meets, retry in ((OUTAGES["unavailable"], 0), (answered(403, "AccessDenied"), 1)):
        s3.meets = meets
        with pytest.raises((st.Postponed, ClientError)):
            handler({"task_id": task_id, "run": 0}, FakeContext())
        assert app.task(task_id).retry == retry
        time.later += timedelta(minutes=1)
