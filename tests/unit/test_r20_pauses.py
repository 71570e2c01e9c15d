"""R20: a pipeline or a step of it is paused, on each backend that has a place for pauses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

import status_tracker as st
from status_tracker.core.port import PauseBoard
from status_tracker.operations import pausing
from status_tracker.operations.pipeline import Pipeline
from status_tracker.testing import Clock, MemoryStorage, MemoryTask
from tests.unit.steps import make_config

clock = Clock()
CONFIG = make_config(use_case_id="documents", clock=clock)


def in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())

    class Extract(MemoryTask):
        config = CONFIG

    yield Extract


def on_dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")

    class Extract(st.BaseTask):
        class Meta:
            table_name = "tests-unit-pauses"
            region = "us-east-1"
            billing_mode = "PAY_PER_REQUEST"

        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = CONFIG

    with mock_aws():
        Extract.create_table(wait=True)
        yield Extract


@pytest.fixture(params=[in_memory, on_dynamodb], ids=lambda backend: backend.__name__)
def first(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from request.param(monkeypatch)


def pipeline_of(first: Any) -> Pipeline:
    """As another process has it."""

    class Answer(first):  # type: ignore[misc]
        config = first.config.next_step()

    return Pipeline({"Extract": first, "Answer": Answer})


@pytest.fixture
def pipeline(first: Any) -> Pipeline:
    return pipeline_of(first)


def test_nothing_is_paused_at_first(pipeline: Pipeline) -> None:
    assert pipeline.pauses() == []
    assert pipeline.paused("Extract") is None
    pipeline.check_not_paused("Extract")
    assert pipeline.resume() is False
    assert pipeline.resume("Answer") is False


def test_a_step_is_paused_and_resumed_for_everybody(first: Any, pipeline: Pipeline) -> None:
    elsewhere = pipeline_of(first)
    paused = pipeline.pause("Answer", reason="quota", by="operator")
    assert elsewhere.paused("Answer") == paused == pausing.Pause("Answer", "quota", "operator", clock(), None)
    assert elsewhere.paused("Extract") is None
    with pytest.raises(st.TaskPausedError) as refused:
        elsewhere.check_not_paused("Answer", "invoice-1")
    error = refused.value
    assert (error.task_id, error.reason, error.by, error.until) == ("invoice-1", "quota", "operator", None)
    assert "documents, step Answer, is paused until somebody resumes it: quota (operator" in str(error)
    assert isinstance(error, st.TaskIsNotReadyToStartError)
    assert pipeline.resume("Answer") is True
    assert pipeline.resume("Answer") is False
    assert (pipeline.pauses(), pipeline_of(first).paused("Answer")) == ([], None)


def test_all_steps_are_paused_by_one_pause_and_a_step_s_own_stays(pipeline: Pipeline) -> None:
    pipeline.pause("Answer", reason="quota")
    everything = pipeline.pause(reason="maintenance")
    assert everything.step is None
    assert pipeline.paused("Extract") == pipeline.paused("Answer") == everything
    assert len(pipeline.pauses()) == 2
    assert pipeline.resume("Answer") is True
    assert pipeline.paused("Answer") == everything
    pipeline.pause("Answer", reason="quota")
    assert pipeline.resume() is True
    assert pipeline.pauses() == []


def test_a_pause_ends_by_itself(pipeline: Pipeline) -> None:
    until = clock() + timedelta(minutes=5)
    pipeline.pause(reason="maintenance", until=until)
    clock.advance(299)
    with pytest.raises(st.TaskPausedError) as refused:
        pipeline.check_not_paused("Extract")
    assert refused.value.until == until
    clock.advance(1)
    pipeline.check_not_paused("Extract")
    assert pipeline.pauses() == []


def test_a_second_pause_replaces_the_first(pipeline: Pipeline) -> None:
    pipeline.pause("Extract", reason="one", until=clock() + timedelta(minutes=5))
    clock.advance(1)
    pipeline.pause("Extract", reason="two")
    [pause] = pipeline.pauses()
    assert (pause.reason, pause.until, pause.since) == ("two", None, clock())


@pytest.mark.parametrize(
    ("call", "error", "found"),
    [
        (lambda pipeline: pipeline.pause("Anwser", reason="x"), KeyError, "no step 'Anwser'; the steps are Extract"),
        (lambda pipeline: pipeline.resume("Anwser"), KeyError, "no step 'Anwser'"),
        (lambda pipeline: pipeline.paused("Anwser"), KeyError, "no step 'Anwser'"),
        (lambda pipeline: pipeline.check_not_paused("anwser"), KeyError, "no step 'anwser'"),
        (lambda pipeline: pipeline.pause(reason=" "), ValueError, "reason is empty"),
        (lambda pipeline: pipeline.pause(reason="x", until=clock()), ValueError, "after now"),
        (
            lambda pipeline: pipeline.pause(reason="x", until=clock().replace(tzinfo=None) + timedelta(days=1)),
            ValueError,
            "with a time zone",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(
    pipeline: Pipeline, call: Callable[[Pipeline], object], error: type[Exception], found: str
) -> None:
    with pytest.raises(error, match=found):
        call(pipeline)
    assert pipeline.pauses() == []


def test_the_backend_is_asked_at_most_every_few_seconds(
    first: Any, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = pipeline_of(first)
    assert elsewhere.paused("Extract") is None
    pipeline.pause(reason="maintenance")
    assert elsewhere.paused("Extract") is None  # it has just asked
    assert pipeline.paused("Extract") is not None  # whoever changes it knows at once
    later = pausing.time.time() + pausing.ASKED_AGAIN_SECONDS
    monkeypatch.setattr(pausing.time, "time", lambda: later)
    assert elsewhere.paused("Extract") is not None


def test_a_pause_is_no_task(first: Any, pipeline: Pipeline) -> None:
    first.make_and_save("invoice-1")
    pipeline.pause(reason="maintenance")
    assert first.count_tasks_by_use_case_id() == 1
    with first.start("invoice-1"):  # a bare start does not ask
        pass


class Faulty:
    """A board whose next writes are stored, and then refused or unanswered; or another one writes before them."""

    def __init__(self, board: PauseBoard, rival: Callable[[], object] | None = None) -> None:
        self.board, self.rival = board, rival
        self.lost = 1

    def read(self) -> str | None:
        return self.board.read()

    def replace(self, before: str | None, after: str) -> bool:
        if self.rival is not None:
            rival, self.rival = self.rival, None
            rival()
            return self.board.replace(before, after)
        stored = self.board.replace(before, after)
        if self.lost:  # the client repeats a request whose answer was lost, and what it stored refuses the repetition
            self.lost -= 1
            return False
        return stored


def test_a_change_whose_answer_was_lost_is_made_once_and_reported(first: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline_of(first).pause("Extract", reason="quota")
    board = Faulty(first.pause_board())
    monkeypatch.setattr(first, "pause_board", lambda: board)
    pipeline = pipeline_of(first)
    assert pipeline.paused("Extract") is not None
    assert pipeline.resume("Extract") is True
    assert pipeline.paused("Extract") is None
    board.lost = 1
    pipeline.pause("Extract", reason="again")
    assert pipeline.paused("Extract") is not None
    text = board.read()
    assert text is not None
    assert text.count('"action"') == 3


def test_two_who_change_pauses_at_once_lose_neither(first: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = pipeline_of(first)
    board = Faulty(first.pause_board(), rival=lambda: other.pause("Answer", reason="theirs"))
    board.lost = 0
    other.pauses()
    monkeypatch.setattr(first, "pause_board", lambda: board)
    pipeline = pipeline_of(first)
    pipeline.pause("Extract", reason="ours")
    assert {pause.reason for pause in pipeline.pauses()} == {"ours", "theirs"}


def test_the_newest_changes_are_on_record(first: Any, pipeline: Pipeline) -> None:
    for number in range(pausing.KEPT_RECORDS):
        pipeline.pause(reason=f"{number} " + "x" * 5000, by="y" * 5000)
        pipeline.resume(by="operator", reason="over")
    text = first.pause_board().read()
    assert text.count('"action"') == pausing.KEPT_RECORDS
    assert len(text.encode()) < 50_000


def test_a_backend_without_a_place_for_pauses_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(MemoryTask):
        config = CONFIG

    monkeypatch.setattr(Elsewhere, "pause_board", st.core.task.TrackedTask.pause_board.__func__.__get__(Elsewhere))
    with pytest.raises(TypeError, match=r"Elsewhere has no place for pauses: override pause_board\(\)"):
        Pipeline({"Extract": Elsewhere}).pause(reason="maintenance")
