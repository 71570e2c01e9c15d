"""R20: what is paused is not begun, on every backend that has a place for it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

import status_tracker as st
from status_tracker.abstract import T_ID, FileTracker, TrackerPauseBoard
from status_tracker.core.port import PauseBoard
from status_tracker.operations import pausing
from status_tracker.operations.pausing import Pause, Pauses
from status_tracker.operations.pipeline import Pipeline
from status_tracker.sql import SqlPauseBoard
from status_tracker.testing import MemoryTask
from status_tracker.testing.store import MemoryStorage
from tests.support.clock import Clock
from tests.support.items import raw_item
from tests.support.steps import STEP1_CODES, STEP2_CODES
from tests.support.wire import Wire

STEPS = {"Extract": STEP1_CODES, "Answer": STEP2_CODES}


@dataclass
class Board(FileTracker):
    """A file of its own."""

    folder: ClassVar[Path]

    @classmethod
    def get_path(cls, id: T_ID) -> Path:  # noqa: A002  # the seed's name
        return cls.folder / f"{id}.json"


MakeBoard = Callable[[], PauseBoard]


@pytest.fixture(params=["memory", "dynamodb", "sqlite", "postgresql", "files"])
def make_board(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeBoard]:
    """Makes the board anew, as each process does."""
    if request.param == "memory":
        storage = MemoryStorage()
        yield lambda: storage.pause_board("orders")
    elif request.param == "dynamodb":
        yield request.getfixturevalue("step1").pause_board
    elif request.param == "files":
        monkeypatch.setattr(Board, "folder", tmp_path, raising=False)
        yield lambda: TrackerPauseBoard(Board, "orders")
    else:
        lite = f"sqlite:///{tmp_path}/jobs.db"
        database = sa.create_engine(lite if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
        table = f"pauses_{uuid.uuid4().hex}"
        yield lambda: SqlPauseBoard(database, "orders", table)
        database.dispose()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("dynamodb_local_engine")


@pytest.fixture
def pauses(make_board: MakeBoard, clock: Clock) -> Pauses:
    return Pauses("orders", make_board, clock)


def test_r20_a_paused_step_is_refused_with_the_reason_and_the_others_are_not(pauses: Pauses) -> None:
    pauses.check("Extract")
    pauses.pause("Extract", reason="the scanner is broken", by="ada")
    with pytest.raises(st.TaskPausedError, match=r"Extract, is paused until somebody resumes it: the scanner") as told:
        pauses.check("Extract", "t-1")
    refusal = told.value
    assert (refusal.use_case_id, refusal.task_id, refusal.until) == ("orders", "t-1", None)
    assert (refusal.reason, refusal.by) == ("the scanner is broken", "ada")
    assert isinstance(refusal, st.TaskIsNotReadyToStartError)
    pauses.check("Answer")
    assert pauses.resume("Extract", by="bob")
    pauses.check("Extract")
    assert not pauses.resume("Extract")


def test_r20_all_steps_are_paused_and_resumed_at_once(pauses: Pauses) -> None:
    pauses.pause("Answer", reason="the model is down")
    pauses.pause(reason="maintenance")
    for step in STEPS:
        with pytest.raises(st.TaskPausedError, match="maintenance"):
            pauses.check(step)
    assert {each.step for each in pauses.read().values()} == {None, "Answer"}
    assert pauses.resume()
    for step in STEPS:
        pauses.check(step)


@pytest.mark.parametrize("step", [None, "Answer"])
def test_r20_who_resumes_can_refuse_to_end_what_was_paused_meanwhile(
    make_board: MakeBoard, clock: Clock, step: str | None
) -> None:
    """Also what is paused between reading and writing: the pauses are read again then, and checked again."""
    mine, others = (Pauses("orders", make_board, clock) for _ in range(2))
    mine.pause("Answer", reason="mine")
    seen: list[list[str]] = []

    def check(ending: Sequence[Pause]) -> None:
        seen.append(sorted(pause.reason for pause in ending))
        if len(seen) == 1:
            others.pause(step, reason="others'")
        elif "others'" in seen[-1]:
            raise LookupError("not seen")

    with pytest.raises(LookupError):
        mine.resume(step, check=check)
    assert seen == [["mine"], ["mine", "others'"] if step is None else ["others'"]]
    assert "others'" in {pause.reason for pause in mine.read().values()}


def test_r20_a_pause_with_an_end_is_over_by_itself(pauses: Pauses, clock: Clock) -> None:
    until = clock.now + timedelta(minutes=10)
    pauses.pause(reason="maintenance", until=until)
    clock.advance(599)
    with pytest.raises(st.TaskPausedError) as told:
        pauses.check("Extract")
    assert told.value.until == until
    clock.advance(1)
    pauses.check("Extract")
    assert pauses.read() == {}


def test_r20_another_process_knows_of_it_within_seconds_and_asks_no_oftener(
    make_board: MakeBoard, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, now = [], [0.0]
    board = make_board()
    read = board.read

    class Counting:
        replace = staticmethod(board.replace)

        def read(self) -> str | None:
            asked.append(now[0])
            return read()

    monkeypatch.setattr(pausing.time, "time", lambda: now[0])
    worker, operator = Pauses("orders", Counting, clock), Pauses("orders", make_board, clock)
    for _ in range(100):
        worker.check("Extract")
    assert asked == [0.0]
    operator.pause(reason="maintenance")
    now[0] = 4.9
    worker.check("Extract")
    now[0] = 5.0
    with pytest.raises(st.TaskPausedError):
        worker.check("Extract")
    operator.resume()
    now[0] = 10.0
    worker.check("Extract")
    assert asked == [0.0, 5.0, 10.0]


def test_r20_pauses_by_many_at_once_are_all_kept(make_board: MakeBoard, clock: Clock) -> None:
    steps = [f"Step{number}" for number in range(6)]
    make_board().replace(None, '{"paused": {}, "records": []}')

    def pause(step: str) -> None:
        while True:
            try:
                Pauses("orders", make_board, clock).pause(step, reason="maintenance")
            except st.TaskLockedError:
                continue
            return

    threads = [threading.Thread(target=pause, args=(step,)) for step in steps]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(Pauses("orders", make_board, clock).read()) == steps


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"reason": " "}, "reason is empty"),
        ({"reason": "why", "until": datetime(2020, 1, 1)}, "until is .* time zone"),  # noqa: DTZ001
        ({"reason": "why", "until": "now"}, "after now"),
    ],
)
def test_r20_what_makes_no_sense_is_refused(pauses: Pauses, clock: Clock, arguments: Any, told: str) -> None:
    given = {**arguments, "until": clock.now} if arguments.get("until") == "now" else arguments
    with pytest.raises(ValueError, match=told):
        pauses.pause(**given)
    assert pauses.read() == {}


def test_r20_who_paused_and_resumed_is_on_record(make_board: MakeBoard, pauses: Pauses) -> None:
    pauses.pause("Extract", reason="the scanner is broken", by="ada")
    pauses.resume(by="bob", reason="mended")
    text = make_board().read()
    assert text is not None
    for word in ('"action": "pause"', '"action": "resume"', "ada", "bob", "mended"):
        assert word in text


class AnswerLost:
    """A board whose next write is stored, and refused when the client repeats it."""

    def __init__(self, board: PauseBoard) -> None:
        self.read = board.read
        self._replace = board.replace
        self.lost = 0

    def replace(self, before: str | None, after: str) -> bool:
        stored = self._replace(before, after)
        self.lost -= 1
        return stored and self.lost < 0


def test_r20_a_change_whose_answer_was_lost_is_made_once_and_reported(make_board: MakeBoard, clock: Clock) -> None:
    board = AnswerLost(make_board())
    pauses = Pauses("orders", lambda: board, clock)
    board.lost = 1
    pauses.pause("Extract", reason="maintenance")
    with pytest.raises(st.TaskPausedError):
        pauses.check("Extract")
    board.lost = 1
    clock.advance(1)
    assert pauses.resume("Extract") is True
    pauses.check("Extract")
    text = board.read()
    assert text is not None
    assert text.count('"action"') == 2


def test_r20_whoever_changes_a_pause_knows_of_it_at_once(pauses: Pauses) -> None:
    pauses.check("Extract")
    pauses.pause("Extract", reason="maintenance")
    with pytest.raises(st.TaskPausedError):
        pauses.check("Extract")
    pauses.resume("Extract")
    pauses.check("Extract")


def test_r20_the_record_of_changes_does_not_grow_for_ever(make_board: MakeBoard, pauses: Pauses) -> None:
    for number in range(pausing.KEPT_RECORDS):
        pauses.pause(reason=f"{number} " + "x" * 5000, by="y" * 5000)
        pauses.resume(by="ada", reason="over")
    text = make_board().read()
    assert text is not None
    assert text.count('"action"') == pausing.KEPT_RECORDS
    assert len(text.encode()) < 50_000


# A pipeline


def test_r20_a_pipeline_is_paused_and_its_tasks_are_as_they_were(step1: Any, step2: Any, wire: Wire) -> None:
    pipeline = Pipeline({"Extract": step1, "Answer": step2})
    step1.make_and_save("t")
    before = raw_item(wire, step1, "t")
    pipeline.pause("Extract", reason="the scanner is broken", by="ada")
    with pytest.raises(st.TaskPausedError):
        pipeline.check_not_paused("Extract", "t")
    pipeline.check_not_paused("Answer")
    (pause,) = pipeline.pauses()
    assert (pause.step, pause.reason, pause.by, pause.until) == ("Extract", "the scanner is broken", "ada", None)
    assert raw_item(wire, step1, "t") == before
    assert step1.count_by_status() == {**dict.fromkeys(step1.count_by_status(), 0), 10: 1}
    with step1.start("t"):  # a bare start does not ask
        pass
    assert pipeline.resume("Extract")
    pipeline.check_not_paused("Extract")


def test_r20_a_step_that_is_not_there_is_refused() -> None:
    class Step(MemoryTask):
        config = st.TrackerConfig.make("orders", 10, 20, 30, 40, 50)

    pipeline = Pipeline({"Extract": Step})
    for change in (
        lambda: pipeline.pause("Extrakt", reason="why"),
        lambda: pipeline.resume("Extrakt"),
        lambda: pipeline.paused("Extrakt"),
        lambda: pipeline.check_not_paused("Extrakt"),  # it would never be paused
    ):
        with pytest.raises(KeyError, match="There is no step 'Extrakt'"):
            change()


def test_r20_a_backend_without_a_place_for_it_says_so() -> None:
    class Own(MemoryTask):
        config = st.TrackerConfig.make("orders", 10, 20, 30, 40, 50)
        pause_board = classmethod(lambda cls: super(MemoryTask, cls).pause_board())

    with pytest.raises(TypeError, match="Own has no place for pauses: override pause_board"):
        Pipeline({"Extract": Own}).pause(reason="why")
