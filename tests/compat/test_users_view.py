"""What users of pynamodb_mate 5 look at: the lock and the errors of a task, and its integer id."""

from __future__ import annotations

from typing import Any

import pytest
from pynamodb.models import Model

import status_tracker as st
from status_tracker import compat
from tests.compat.support import V5Table, put_raw, raw_item
from tests.support.clock import Clock


def test_r8_a_clean_task_has_no_lock_and_no_errors(tracker: Any) -> None:
    for task in (tracker.new("t"), tracker.get_one_or_none("t", consistent_read=True), tracker.make("u", 0)):
        assert (task.lock, task.errors, task.lock_time) == (None, {}, compat.EPOCH)
        assert task.to_dict()["errors"] == {}
        assert task.to_dict().get("lock") is None
    task = tracker.get_one_or_none("t")
    with task.start_job():
        assert task.lock == task.to_dict()["lock"] != ""
        assert not task.errors
    assert (task.lock, task.errors) == (None, {})
    task.refresh(consistent_read=True)
    assert (task.lock, task.errors) == (None, {})


def test_r8_a_failure_is_what_v5_shows_and_the_history_beside_it(failed_once: Any) -> None:
    for _ in range(2):
        assert (failed_once.lock, failed_once.is_locked()) == (None, False)
        assert failed_once.errors.keys() == {"error", "traceback", "history"}
        failed_once.refresh(consistent_read=True)
    with failed_once.start_job():
        pass
    assert failed_once.errors["error"] == "OSError('no page')"


def test_r8_a_reset_is_on_record(tracker: Any) -> None:
    with tracker.new("t").start_job():
        pass
    again = tracker.new("t")
    assert [each["action"] for each in again.errors["actions"]] == ["reset"]
    assert (again.errors["history"], again.lock) == ([], None)


def test_a_free_lock_of_base_task_is_none_too(tracker: Any) -> None:
    tracker.new("t")
    put_raw(tracker, {**raw_item(tracker), "lock": {"S": "__not_locked__"}, "errors": {"S": '{"history": []}'}})
    task = tracker.get_one_or_none("t", consistent_read=True)
    assert (task.lock, task.is_locked(), task.errors) == (None, False, {})
    with task.start_job():
        pass
    assert "lock" not in raw_item(tracker)


def test_what_a_user_put_into_errors_is_shown_as_it_is(v5_table: V5Table) -> None:
    task = v5_table.put(0, errors={"S": '{"error": "mine"}'})
    assert task.errors == {"error": "mine"}
    with pytest.raises(OSError, match="no page"), task.start_job():
        raise OSError("no page")
    assert (task.errors["error"], len(task.errors["history"])) == ("OSError('no page')", 1)


def test_an_integer_id_is_text(tracker: Any) -> None:
    tracker.new(7, {"version": 1})
    task = tracker.get_one_or_none(7, consistent_read=True)
    assert (task.task_id, task.key) == ("7", "job____7")
    with task.start_job():
        pass
    assert [each.task_id for each in tracker.query_by_status(9)] == ["7"]


def test_base_task_shows_the_errors_of_a_clean_task_in_its_own_form(tracker: Any, clock: Clock) -> None:
    class Step(st.BaseTask):
        Meta = tracker.Meta
        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = st.TrackerConfig.make("job", 0, 3, 6, 9, 10, clock=clock)

    tracker.LISTED_BY_V5 = False
    tracker.new("t")
    assert Step.get_one_or_none("t", consistent_read=True).errors == {"history": []}
    with Step.start("t") as ctx:
        assert ctx.task.errors == {"history": []}
    assert tracker.get_one_or_none("t", consistent_read=True).errors == {}


def test_a_model_of_the_peer_s_may_be_mixed_in(tracker: Any) -> None:
    class PeerModel(Model):
        def __init__(self, hash_key: Any = None, range_key: Any = None, **attributes: Any) -> None:
            super().__init__(hash_key, range_key, **attributes)
            self.__post_init__()

        def __post_init__(self) -> None: ...

        @classmethod
        def table_url(cls) -> str:
            return "https://example.com"

    made = []

    class Mixed(tracker, PeerModel):  # type: ignore[misc]
        def __post_init__(self) -> None:
            made.append(self)

    task = Mixed.new("t", {"version": 1})
    assert (made, Mixed.table_url()) == ([task], "https://example.com")
    with task.start_job():
        task.set_data({"version": 2})
    assert Mixed.get_one_or_none("t", consistent_read=True).data == {"version": 2}
    assert Mixed.make_one("job____t").delete_if_exists()
    assert (Mixed.get_one_or_none("t", consistent_read=True), Mixed.delete_all()) == (None, 0)


class _V5Worker:
    """The requests of a worker of pynamodb_mate 5: no condition, the index key without shard, NULL in a free lock."""

    def __init__(self, tracker: Any, clock: Clock) -> None:
        self._client = tracker._get_connection().connection.client
        self._table = tracker.Meta.table_name
        self._clock = clock

    def list(self, status: int) -> list[str]:
        found = self._client.query(
            TableName=self._table,
            IndexName="status_and_update_time-index",
            KeyConditionExpression="#v = :v",
            ExpressionAttributeNames={"#v": "value"},
            ExpressionAttributeValues={":v": {"S": f"job____{status:03}"}},
        )
        return [item["key"]["S"].partition("____")[2] for item in found["Items"]]

    def start(self, task_id: str) -> None:
        self._set(task_id, value="job____003", lock="v5-worker", lock_time=self._now)

    def succeed(self, task_id: str) -> None:
        self._set(task_id, value="job____009", lock=None)

    def fail(self, task_id: str) -> None:
        self._set(task_id, value="job____006", lock=None, errors='{"error": "KeyError()", "traceback": "…"}')

    @property
    def _now(self) -> str:
        return self._clock.now.strftime("%Y-%m-%dT%H:%M:%S.%f%z")

    def _set(self, task_id: str, **changes: str | None) -> None:
        changes["update_time"] = self._now
        self._client.update_item(
            TableName=self._table,
            Key={"key": {"S": f"job____{task_id}"}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in changes),
            ExpressionAttributeNames={f"#{name}": name for name in changes},
            ExpressionAttributeValues={
                f":{name}": {"NULL": True} if value is None else {"S": value} for name, value in changes.items()
            },
        )


@pytest.fixture
def v5_worker(tracker: Any, clock: Clock) -> _V5Worker:
    return _V5Worker(tracker, clock)


def test_a_mixed_fleet_lists_each_others_tasks(tracker: Any, v5_worker: _V5Worker, clock: Clock) -> None:
    for task_id in ("a", "b", "c"):
        tracker.new(task_id)
        clock.advance(1)
    assert v5_worker.list(0) == ["a", "b", "c"]
    with tracker.get_one_or_none("a").start_job():
        assert v5_worker.list(3) == ["a"]
    v5_worker.start("b")
    assert [task.task_id for task in tracker.query_by_status(3)] == ["b"]
    with pytest.raises(compat.TaskLockedError):
        tracker.get_one_or_none("b").start_job().__enter__()
    v5_worker.succeed("b")
    with pytest.raises(OSError, match="no page"), tracker.get_one_or_none("c").start_job():
        raise OSError("no page")
    assert v5_worker.list(6) == ["c"]
    clock.advance(1)
    v5_worker.start("c")
    v5_worker.fail("c")
    assert sorted(v5_worker.list(9)) == sorted(task.task_id for task in tracker.query_by_status(9)) == ["a", "b"]
    (task,) = tracker.query_by_status(6, auto_refresh=True)
    assert (task.task_id, task.errors["error"]) == ("c", "KeyError()")
    with task.start_job():
        pass
    assert sorted(v5_worker.list(9)) == ["a", "b", "c"]


def test_base_task_does_not_start_what_v5_has_finished(tracker: Any, v5_worker: _V5Worker, clock: Clock) -> None:
    """v5 sets no `status`: one that ours had left there would say pending for ever."""

    class Step(st.BaseTask):
        Meta = tracker.Meta
        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = st.TrackerConfig.make("job", 0, 3, 6, 9, 10, clock=clock)

    for task_id, first in (("new", tracker.new), ("saved", lambda task_id: tracker.make(task_id, 0).save())):
        first(task_id)
        v5_worker.start(task_id)
        v5_worker.succeed(task_id)
        with pytest.raises(st.TaskIsNotReadyToStartError):
            Step.start(task_id).__enter__()
        with pytest.raises(st.TaskAlreadySucceedError):
            tracker.get_one_or_none(task_id).start_job().__enter__()
