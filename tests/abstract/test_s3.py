"""`S3Tracker`: conditional writes, on moto's server, and the answers that moto does not give, by a stub."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError
from botocore.stub import Stubber

import status_tracker as st
from status_tracker.abstract import S3Tracker, TrackerChangedError, TrackerUnreadableError
from tests.abstract.jobs import S3Job

Put = Callable[..., Any]


class Client:
    """A client whose puts a test can meddle with, by ``meddle(put, **arguments)``, once each."""

    def __init__(self, client: Any, *meddle: Callable[..., Any]) -> None:
        self._client = client
        self._meddle = list(meddle)

    def get_object(self, **arguments: Any) -> Any:
        return self._client.get_object(**arguments)

    def put_object(self, **arguments: Any) -> Any:
        if self._meddle:
            return self._meddle.pop(0)(self._client.put_object, **arguments)
        return self._client.put_object(**arguments)


def as_sent(put: Put, **arguments: Any) -> Any:
    return put(**arguments)


def answer_lost(put: Put, **arguments: Any) -> Any:
    put(**arguments)
    raise ReadTimeoutError(endpoint_url="https://s3")


def sent_twice(put: Put, **arguments: Any) -> Any:
    """As botocore does when an answer is lost."""
    put(**arguments)
    return put(**arguments)


def never_sent(*_: Any, **__: Any) -> Any:
    raise ReadTimeoutError(endpoint_url="https://s3")


def refused(code: str, status: int) -> Callable[..., Any]:
    def answer(*_: Any, **__: Any) -> Any:
        response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(response, "PutObject")  # type: ignore[arg-type]

    return answer


def meddle_with(monkeypatch: pytest.MonkeyPatch, *meddle: Callable[..., Any]) -> None:
    """What befalls the next puts."""
    monkeypatch.setattr(S3Job, "client", Client(S3Job.client, *meddle))


def test_the_object_is_the_document_of_abstract_tracker(s3_jobs: type[S3Job]) -> None:
    assert s3_jobs.load("1") is None
    job = s3_jobs.new("1", note="made")
    with job.start():
        job.data["rows"] = 7
    assert s3_jobs.load("1") == job
    assert (job.status_name, job.attempts, job.data, job.note) == ("succeeded", 1, {"rows": 7}, "made")
    body = s3_jobs.client.get_object(Bucket=s3_jobs.bucket, Key="jobs/1.json")["Body"].read().decode()
    document = json.loads(body)
    assert body == json.dumps(document, indent=4)
    assert (document["id"], document["status"], document["lock"]) == ("1", 40, None)
    assert document["update_time"] == job.update_time.isoformat()


def test_r11_of_two_that_create_at_a_time_one_is_told(s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = s3_jobs.client

    def another_first(put: Put, **arguments: Any) -> Any:
        monkeypatch.setattr(s3_jobs, "client", plain)
        s3_jobs.new("1", note="the other's")
        return put(**arguments)

    meddle_with(monkeypatch, another_first)
    with pytest.raises(st.TaskAlreadyExistsError):
        s3_jobs.new("1", note="mine")
    stored = s3_jobs.load("1")
    assert stored is not None
    assert stored.note == "the other's"


def test_r2_of_two_that_start_at_a_time_one_enters(s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = s3_jobs.new("1")
    plain, entered = s3_jobs.client, []

    def another_first(put: Put, **arguments: Any) -> Any:
        monkeypatch.setattr(s3_jobs, "client", plain)
        other = s3_jobs.load("1")
        assert other is not None
        other.mark_as_in_progress()
        return put(**arguments)

    meddle_with(monkeypatch, another_first)
    with pytest.raises(st.TaskLockedError), job.start():
        entered.append("me")
    stored = s3_jobs.load("1")
    assert stored is not None
    assert (entered, stored.attempts, stored.fence) == ([], 1, 1)


def test_what_happens_between_a_read_and_a_write_is_asked_about_again(
    s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = s3_jobs.new("1")
    plain = s3_jobs.client

    def another_first(put: Put, **arguments: Any) -> Any:
        client, s3_jobs.client = s3_jobs.client, plain
        other = s3_jobs.load("1")
        assert other is not None
        other.data["rows"] = other.data.get("rows", 0) + 1
        other.dump()
        s3_jobs.client = client
        return put(**arguments)

    meddle_with(monkeypatch, another_first, another_first)
    with job.start():
        assert job.data == {"rows": 2}
    assert s3_jobs.load("1") == job


def test_r4_a_worker_whose_task_was_taken_over_stores_nothing(s3_jobs: type[S3Job]) -> None:
    job = s3_jobs.new("1")
    with pytest.raises(st.TaskLockLostError), job.start():
        other = s3_jobs.load("1")
        assert other is not None
        with other.start(ignore_lock=True):
            other.note = "the second"
        job.note = "the first"
    assert s3_jobs.load("1") == other


@pytest.mark.parametrize("lost", [answer_lost, sent_twice])
def test_r5_a_lost_answer_is_no_failure(
    s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch, lost: Callable[..., Any]
) -> None:
    job = s3_jobs.new("1")
    meddle_with(monkeypatch, lost)
    with job.start():
        assert (job.attempts, job.fence) == (1, 1)
        meddle_with(monkeypatch, lost)
    assert s3_jobs.load("1") == job
    assert (job.status_name, job.attempts) == ("succeeded", 1)
    meddle_with(monkeypatch, sent_twice)
    again = s3_jobs.rerun("1", reason="new input")
    assert (again.status_name, len(again.errors["actions"])) == ("pending", 1)


def test_r5_creating_is_known_again(s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch) -> None:
    meddle_with(monkeypatch, sent_twice)
    job = s3_jobs.new("1")
    job.note = "mine"
    job.dump()
    assert s3_jobs.load("1") == job


def test_r11_a_conflict_while_creating_is_asked_about_again(
    s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    meddle_with(monkeypatch, refused("ConditionalRequestConflict", 409))
    job = s3_jobs.new("1")
    assert s3_jobs.load("1") == job


def test_a_stale_object_stores_nothing(s3_jobs: type[S3Job]) -> None:
    job = s3_jobs.new("1")
    stale = s3_jobs.load("1")
    assert stale is not None
    job.note = "first"
    job.dump()
    stale.note = "second"
    with pytest.raises(TrackerChangedError, match=f"s3://{s3_jobs.bucket}/jobs/1.json has been changed"):
        stale.dump()
    assert s3_jobs.load("1") == job
    s3_jobs.client.delete_object(Bucket=s3_jobs.bucket, Key="jobs/1.json")
    with pytest.raises(TrackerChangedError):
        job.dump()
    with pytest.raises(st.TaskIsNotInitializedError), job.start():
        pass
    assert s3_jobs.load("1") is None


def test_garbage_is_named_and_left_as_it_is(s3_jobs: type[S3Job]) -> None:
    job = s3_jobs.new("1")
    s3_jobs.client.put_object(Bucket=s3_jobs.bucket, Key="jobs/1.json", Body=b"no JSON")
    with pytest.raises(TrackerUnreadableError, match=f"s3://{s3_jobs.bucket}/jobs/1.json"), job.start():
        pass
    assert s3_jobs.client.get_object(Bucket=s3_jobs.bucket, Key="jobs/1.json")["Body"].read() == b"no JSON"


@pytest.mark.parametrize(
    "refusal",
    [
        refused("SlowDown", 503),
        refused("InternalError", 500),
        refused("RequestTimeout", 400),
        refused("ConditionalRequestConflict", 409),
        never_sent,
    ],
    ids=["SlowDown", "InternalError", "RequestTimeout", "Conflict", "timeout"],
)
def test_r6_what_may_pass_is_tried_again(
    s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch, refusal: Callable[..., Any]
) -> None:
    job = s3_jobs.new("1")
    meddle_with(monkeypatch, refusal)
    with job.start():
        meddle_with(monkeypatch, refusal, refusal)
    assert s3_jobs.load("1") == job
    assert (job.status_name, job.attempts) == ("succeeded", 1)


def test_r6_what_does_not_pass_is_told_at_once(s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = s3_jobs.new("1")
    before = s3_jobs.load("1")
    meddle_with(monkeypatch, refused("AccessDenied", 403))
    with pytest.raises(ClientError, match="AccessDenied") as denied, job.start():
        pass
    assert "s3:PutObject" in denied.value.__notes__[0]
    assert s3_jobs.load("1") == before
    with pytest.raises(st.StatusNotSavedError, match="AccessDenied"), job.start():
        meddle_with(monkeypatch, as_sent, refused("AccessDenied", 403))
        job.update()


def test_a_bucket_that_is_not_there_is_named(s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = s3_jobs.new("1")
    monkeypatch.setattr(s3_jobs, "bucket", "no-such-bucket")
    for act in (lambda: s3_jobs.load("1"), lambda: s3_jobs.new("1"), job.dump, job.mark_as_in_progress):
        with pytest.raises(ClientError, match="NoSuchBucket") as missing:
            act()
        assert "s3://no-such-bucket/jobs/1.json" in missing.value.__notes__[0]


def stubbed() -> tuple[Any, Stubber]:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    return client, Stubber(client)


def test_a_store_without_conditional_writes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client, stub = stubbed()
    monkeypatch.setattr(S3Job, "client", client, raising=False)
    monkeypatch.setattr(S3Job, "bucket", "old", raising=False)
    stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    stub.add_client_error("put_object", "NotImplemented", "A header you provided is unknown", http_status_code=501)
    with stub, pytest.raises(NotImplementedError, match=r"s3://old/jobs/1\.json knows no conditional writes"):
        S3Job.new("1")
    stub.assert_no_pending_responses()


def test_every_write_is_conditional(monkeypatch: pytest.MonkeyPatch) -> None:
    client, stub = stubbed()
    monkeypatch.setattr(S3Job, "client", client, raising=False)
    monkeypatch.setattr(S3Job, "bucket", "any", raising=False)
    where = {"Bucket": "any", "Key": "jobs/1.json"}
    sent: list[dict[str, Any]] = []
    client.meta.events.register("provide-client-params.s3.PutObject", lambda params, **_: sent.append(dict(params)))
    stub.add_client_error("get_object", "NoSuchKey", http_status_code=404, expected_params=where)
    stub.add_response("put_object", {"ETag": '"1"'})
    stub.add_response("put_object", {"ETag": '"2"'})
    with stub:
        job = S3Job.new("1")
        job.dump()
    body = sent[0].pop("Body")
    assert sent[1].pop("Body") == body
    assert sent == [{**where, "IfNoneMatch": "*"}, {**where, "IfMatch": '"1"'}]


def test_errors_of_the_users_own_client_go_on_as_they_are(
    s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = s3_jobs.new("1")

    def no_client() -> Any:
        raise NoCredentialsError

    monkeypatch.setattr(s3_jobs, "get_s3_client", no_client)
    with pytest.raises(NoCredentialsError) as missing, job.start():
        pass
    assert not hasattr(missing.value, "__notes__")
    for method in (S3Tracker.get_s3_client, lambda: S3Tracker.get_bucket_key("1")):
        with pytest.raises(NotImplementedError):
            method()
