"""The sweep: what it tells of how much there is."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError

from status_tracker.operations.counts import KeptCounts
from tests.handlers.broom import Broom, fail, told
from tests.handlers.support import FakeContext

if TYPE_CHECKING:
    from tests.handlers.support import Log, MetricsReader

NOTHING = {
    "Restarted": 0,
    "SweepErrors": 0,
    "pending/Tasks": 0,
    "in_progress/Tasks": 0,
    "failed/Tasks": 0,
    "ignored/Tasks": 0,
    "Unfinished": 0,
    "Stuck": 0,
    "FinishedSinceLastSweep": 0,  # what the next step has taken up is in its TaskSucceeded
    "TaskSucceeded": 0,
    "PausedSeconds": 0,
}
"""What is told of a step that has nothing to do, beside the age of its oldest task."""


def test_it_tells_how_much_there_is(broom: Broom, metrics: MetricsReader) -> None:
    *earlier, last = broom.app.tasks.PIPELINE
    broom.sweep()
    told(metrics)
    ids = [broom.app.register(f"{number}.pdf", b"content") for number in range(6)]
    for step in earlier:
        for task_id in ids[1:5]:
            with step.task_class.start(task_id):
                pass
    for task_id in ids[2:4]:
        with last.task_class.start(task_id):
            pass
    last.task_class.start(ids[4], lock_expire_seconds=60).__enter__()
    last.task_class.ignore(ids[1], reason="not wanted")
    broom.wait(seconds=90)
    metrics.records()  # intake's
    broom.sweep()
    figures = told(metrics)
    assert 90 <= figures.pop("Extract/OldestUnfinished") < 100
    assert 90 <= figures.pop(f"{last.name}/OldestUnfinished") < 100
    for step in earlier[1:]:
        assert figures.pop(f"{step.name}/OldestUnfinished") == 0
    told_of_extract = {"pending/Tasks": 2, "Unfinished": 2}
    told_of_last = {
        "in_progress/Tasks": 1,
        "succeeded/Tasks": 2,
        "ignored/Tasks": 1,
        "Unfinished": 1,
        "Stuck": 1,
        "FinishedSinceLastSweep": 3,
    }
    of_steps = {step.name: NOTHING for step in earlier} | {
        "Extract": NOTHING | told_of_extract,
        last.name: NOTHING | told_of_last,
    }
    assert figures == {
        **{f"{step}/{name}": value for step, of_step in of_steps.items() for name, value in of_step.items()},
        "Intake/Registered": 0,
        "Intake/SweepErrors": 0,
        "Sweep/TaskSucceeded": 1,
        "Sweep/TaskDuration": figures["Sweep/TaskDuration"],
    }


def test_no_attempt_makes_an_unfinished_task_younger(broom: Broom, metrics: MetricsReader) -> None:
    extract = broom.app.tasks.ExtractTask
    broom.monkeypatch.setitem(extract.config.__dict__, "max_retry", 9)
    task_id = broom.app.register("fails.pdf", b"content")
    for _ in range(6):
        fail(extract, task_id)
        broom.wait(hours=5)
        metrics.records()
        broom.sweep()
    assert 30 * 3600 <= told(metrics)["Extract/OldestUnfinished"] < 31 * 3600
    extract.start(task_id, lock_expire_seconds=60).__enter__()
    broom.sweep()
    assert told(metrics)["Extract/OldestUnfinished"] >= 30 * 3600


def test_a_task_is_as_old_as_its_document_in_a_later_step_too(broom: Broom, metrics: MetricsReader) -> None:
    extract, answer = broom.app.tasks.ExtractTask, broom.app.tasks.AnswerTask
    task_id = broom.app.register("fails.pdf", b"content")
    broom.wait(hours=2)
    with extract.start(task_id):
        pass
    ages = []
    for _ in range(2):
        broom.wait(hours=1)
        metrics.records()
        broom.sweep()
        ages.append(told(metrics)["Answer/OldestUnfinished"] // 3600)
        fail(answer, task_id)
    assert ages == [1, 4]  # it waited for its first attempt, and then had failed


def test_a_task_that_was_asked_for_again_is_as_old_as_that(broom: Broom, metrics: MetricsReader) -> None:
    extract = broom.app.tasks.ExtractTask
    again = [extract.make_and_save(f"again-{number:03}").task_id for number in range(103)]
    broom.wait(days=30)
    other = broom.app.register("other.pdf", b"content")
    broom.wait(hours=3)
    for number, task_id in enumerate(again):
        extract.rerun(task_id, reason="asked for") if number else extract.ignore(task_id, reason="not wanted")
    extract.unignore(again[0], reason="wanted after all")
    extract.restart(again[0], run=1, reason="nothing drives it")
    for task_id in again:
        fail(extract, task_id)
    broom.wait(hours=1)
    metrics.records()
    broom.sweep()
    assert told(metrics)["Extract/OldestUnfinished"] // 3600 == 4  # the other one waits
    fail(extract, other)
    broom.sweep()
    assert told(metrics)["Extract/OldestUnfinished"] // 3600 == 4
    extract.ignore(other, reason="not wanted")
    broom.sweep()
    assert told(metrics)["Extract/OldestUnfinished"] // 3600 == 1


def test_a_busy_later_step_is_no_progress_of_the_one_before(broom: Broom, metrics: MetricsReader) -> None:
    extract, answer = broom.app.tasks.ExtractTask, broom.app.tasks.AnswerTask
    ids = [broom.app.register(f"{number}.pdf", b"content") for number in range(4)]
    for task_id in ids[1:]:
        with extract.start(task_id):
            pass
    broom.wait(seconds=90)
    broom.sweep()
    metrics.records()
    with answer.start(ids[1]):
        pass
    fail(answer, ids[2])
    answer.start(ids[3]).__enter__()
    broom.wait(seconds=90)
    broom.sweep()
    figures = told(metrics)
    assert (figures["Extract/Unfinished"], figures["Extract/FinishedSinceLastSweep"]) == (1, 0)
    assert figures["Answer/FinishedSinceLastSweep"] == 1


def test_what_has_ended_is_told_as_it_is_counted(broom: Broom, metrics: MetricsReader) -> None:
    step = broom.app.tasks.ExtractTask
    broom.sweep()
    told(metrics)
    ids = [broom.app.register(f"{number}.pdf", b"content") for number in range(3)]
    step.ignore(ids[0], reason="not wanted")
    seen = []
    for wait in (30, 60, 60):
        broom.wait(seconds=wait)
        metrics.records()
        broom.sweep()
        figures = told(metrics)
        seen.append((figures["Extract/FinishedSinceLastSweep"], figures["Extract/ignored/Tasks"]))
    assert seen == [(0, 1), (1, 1), (0, 1)]
    step.unignore(ids[0], reason="wanted after all")
    broom.wait(seconds=1)
    broom.sweep()
    assert told(metrics)["Extract/ignored/Tasks"] == 0


def test_the_more_have_ended_the_less_often_they_are_counted_and_no_other_number_is_told(
    broom: Broom, metrics: MetricsReader
) -> None:
    name, step = broom.last()
    count, succeeded = step.count_within, step.config.succeeded_status
    broom.monkeypatch.setattr(
        step,
        "count_within",
        lambda code, **at: 250_000 if code == succeeded and "since" not in at else count(code, **at),
    )
    seen = []
    for hours in (0, 5, 1):
        broom.wait(hours=hours)
        broom.sweep()
        seen.append(told(metrics).get(f"{name}/succeeded/Tasks"))
    assert seen == [250_000, None, 250_000]


def test_what_has_ended_is_counted_anew_under_another_name(broom: Broom) -> None:
    _, step = broom.last()
    count, succeeded = step.count_within, step.config.succeeded_status
    counted = []

    def very_many(code: int, **bounds: Any) -> int | None:
        if code != succeeded or "since" in bounds:
            return count(code, **bounds)
        counted.append(os.environ["POWERTOOLS_SERVICE_NAME"])
        return 250_000

    broom.monkeypatch.setattr(step, "count_within", very_many)
    for service in ("shop", "shop", "shop-prod", "shop-prod"):
        broom.monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", service)
        broom.wait(minutes=5)
        broom.sweep()
    assert counted == ["shop", "shop-prod"]


def test_a_recount_that_runs_out_of_time_is_told_and_done_again_soon(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    last, step = broom.last()
    count, succeeded = step.count_within, step.config.succeeded_status

    def not_all(code: int, **bounds: Any) -> int | None:
        return None if code == succeeded and "since" not in bounds else count(code, **bounds)

    with broom.monkeypatch.context() as patch:
        patch.setattr(step, "count_within", not_all)
        broom.sweep()
    assert log.line("Not all was counted")["level"] == "WARNING"
    assert {name for name in told(metrics) if "/ignored/" in name or "/succeeded/" in name} == {
        f"{each.name}/ignored/Tasks" for each in broom.app.tasks.PIPELINE
    }
    broom.wait(minutes=59)
    broom.sweep()
    assert f"{last}/succeeded/Tasks" not in told(metrics)
    broom.wait(minutes=1)
    broom.sweep()
    assert told(metrics)[f"{last}/succeeded/Tasks"] == 0
    assert len([line for line in log.lines() if line["message"].startswith("Not all")]) == 1


def test_a_step_that_cannot_be_listed_is_told_and_the_others_are_counted_and_swept(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    """Whatever is raised behind the client's own retries, such as a read timeout of a slow store."""
    extract, answer = broom.app.tasks.ExtractTask, broom.app.tasks.AnswerTask
    task_id = broom.app.register("second.pdf", b"content")
    with extract.start(task_id):
        pass
    broom.stop(task_id)
    broom.wait(minutes=5)
    metrics.records()
    unlisted = f"pdf_processing____{extract.config.in_progress_status:03}____"
    query = BaseClient._make_api_call

    def slow(client: Any, operation: str, arguments: Any) -> Any:
        if operation == "Query" and unlisted in str(arguments):
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return query(client, operation, arguments)

    with broom.monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", slow)
        with pytest.raises(ExceptionGroup):
            broom.sweep()
    assert [line["message"] for line in log.lines() if line["level"] == "ERROR"] == ["Restarting Extract failed"]
    assert "Read timeout" in log.line("Restarting Extract failed")["exception"]
    figures = told(metrics)
    assert (figures["Answer/Restarted"], figures["Answer/Unfinished"], figures["Extract/SweepErrors"]) == (1, 1, 1)
    assert "Extract/Unfinished" not in figures
    assert answer.get_one_or_none(task_id).run == 1


def test_counts_that_are_kept_with_every_change_are_told_and_nothing_is_counted(
    broom: Broom, metrics: MetricsReader
) -> None:
    step = broom.app.tasks.ExtractTask
    broom.app.register("one.pdf", b"content")
    metrics.records()
    by_code = {step.config.pending_status: 1_000_000, step.config.ignored_status: 7}
    kept = KeptCounts(by_code, exact=True, recounted_at=broom.now())
    broom.monkeypatch.setattr(broom.app.tasks.PIPELINE, "kept_counts", lambda: kept)
    broom.monkeypatch.setattr(step, "count_within", lambda *_, **__: 1 / 0)
    broom.sweep()
    figures = told(metrics)
    assert (figures["Extract/pending/Tasks"], figures["Extract/Unfinished"]) == (1_000_000, 1_000_000)
    assert (figures["Extract/ignored/Tasks"], figures["Answer/succeeded/Tasks"]) == (7, 0)


@pytest.mark.parametrize("kept", [None, KeptCounts({10: 1_000_000}, exact=False, recounted_at=None), OSError("away")])
def test_kept_counts_that_cannot_be_relied_on_are_counted_by_the_index(
    broom: Broom, metrics: MetricsReader, kept: Any
) -> None:
    def read() -> Any:
        if isinstance(kept, Exception):
            raise kept
        return kept

    broom.app.register("one.pdf", b"content")
    metrics.records()
    broom.monkeypatch.setattr(broom.app.tasks.PIPELINE, "kept_counts", read)
    with pytest.raises(ExceptionGroup) if isinstance(kept, Exception) else nullcontext():
        broom.sweep()
    assert told(metrics)["Extract/pending/Tasks"] == 1


def test_kept_counts_that_nothing_keeps_any_more_are_disowned(broom: Broom, metrics: MetricsReader) -> None:
    step = broom.app.tasks.ExtractTask
    broom.app.register("one.pdf", b"content")
    recounted = {"recounted_at": {"S": broom.now().isoformat()}}
    head = {"key": {"S": "____counts____pdf_processing"}, "exact": {"BOOL": True}, **recounted}

    def sweep_relying_on_them() -> None:
        boto3.client("dynamodb").put_item(TableName=step.Meta.table_name, Item=head)
        broom.sweep()

    metrics.records()
    with pytest.raises(ExceptionGroup) as told_once:
        sweep_relying_on_them()
    assert "has no stream" in str(told_once.value.exceptions)
    assert told(metrics)["Extract/pending/Tasks"] == 0  # as is kept
    broom.wait(hours=2)
    broom.sweep()
    assert told(metrics)["Extract/pending/Tasks"] == 1
    broom.monkeypatch.setenv("STATUS_TRACKER_COUNTS", "0")
    sweep_relying_on_them()
    assert told(metrics)["Extract/pending/Tasks"] == 1
    kept = broom.app.tasks.PIPELINE.kept_counts()
    assert (kept.exact, kept.recounted_at) == (False, None)


def test_without_time_to_count_nothing_false_is_told(broom: Broom, log: Log, metrics: MetricsReader) -> None:
    class NoTime(FakeContext):
        asked = 0

        def get_remaining_time_in_millis(self) -> int:
            type(self).asked += 1
            return 60_000 if self.asked <= 2 else 1_000

    query = broom.app.tasks.ExtractTask.count_within
    broom.monkeypatch.setattr(
        broom.app.tasks.ExtractTask, "count_within", lambda *a, stop, **k: None if stop() else query(*a, stop=stop, **k)
    )
    broom.sweep(NoTime())
    assert {line["level"] for line in log.lines() if line["message"].startswith("Not all was counted")} == {"WARNING"}
    assert "Extract/Unfinished" not in told(metrics)
    assert broom.state()["counted_to"] is None
