"""What users of pynamodb_mate 6 do with a task class as a model: its helpers, mixed-in bases, integer ids."""

from __future__ import annotations

from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import DeleteError
from pynamodb.models import Model

import status_tracker as st
from tests.support.items import stored
from tests.support.wire import Wire, refused


class PeerModel(Model):
    """A base as pynamodb_mate's Model is: it calls `__post_init__` itself, and adds methods."""

    def __init__(self, hash_key: Any = None, range_key: Any = None, **attributes: Any) -> None:
        super().__init__(hash_key, range_key, **attributes)
        self.__post_init__()

    def __post_init__(self) -> None: ...

    @classmethod
    def table_url(cls) -> str:
        return f"https://example.com/{cls.Meta.table_name}"  # type: ignore[attr-defined]


class LargeAttributes:
    """A mixin of its kind: it keeps large values elsewhere, and their addresses in the item."""

    @classmethod
    def put(cls: Any, key: str, address: str, **attributes: Any) -> Any:
        model = cls(**{cls._hash_keyname: key}, page=address, **attributes)
        model.save()
        return model

    @classmethod
    def replace(cls: Any, key: str, address: str) -> tuple[str, Any]:
        old = cls.get(hash_key=key, range_key=None, attributes_to_get=["page", cls._hash_keyname])
        before = old.page
        answer = cls.make_one(hash_key=key, range_key=None).update(actions=[cls.page.set(address)])
        return before, cls.from_raw_data(answer["Attributes"])


@pytest.mark.parametrize("bases", ["ours first", "theirs first"])
def test_a_model_of_the_peer_s_may_be_mixed_in(step1: Any, bases: str) -> None:
    made = []
    order = (step1, PeerModel) if bases == "ours first" else (PeerModel, step1)

    class Mixed(*order):  # type: ignore[misc]
        def __post_init__(self) -> None:
            made.append(self)

    task = Mixed.make_and_save("t", {"version": 1})
    assert made == [task]
    with Mixed.start("t") as ctx:
        ctx.set_data({"version": 2})
        with pytest.raises(st.TaskLockedError):
            Mixed.start("t").__enter__()
    assert (stored(Mixed, "t").status, stored(Mixed, "t").data) == (40, {"version": 2})
    assert [each.task_id for each in Mixed.query_by_status(40, auto_refresh=True)] == ["t"]
    assert Mixed.table_url().endswith(Mixed.Meta.table_name)
    assert (Mixed("k").key, Mixed("k").data) == ("k", {})


def test_post_init_is_called_for_new_and_for_read_tasks(step1: Any) -> None:
    seen = []

    class Checked(step1):  # type: ignore[misc]
        def __post_init__(self) -> None:
            self.data["checked"] = True
            seen.append(self.key)

    Checked.make_and_save("t")
    assert stored(step1, "t").data == {"checked": True}
    step1.make_and_save("u", {"version": 1})
    seen.clear()
    assert stored(Checked, "u").data == {"version": 1}
    with Checked.start("u"):
        pass
    assert set(seen) == {None}


def test_a_mixin_that_keeps_large_values_elsewhere(step1: Any) -> None:
    class Document(step1, LargeAttributes):  # type: ignore[misc]
        page = UnicodeAttribute(null=True)

    key, value = Document.make_key("t"), Document.make_value(10, _task_id="t")
    assert Document.put(key, "s3://pages/1", value=value, status=10).page == "s3://pages/1"
    with Document.start("t") as ctx:
        assert ctx.task.page == "s3://pages/1"
    before, now = Document.replace(key, "s3://pages/2")
    assert (before, now.page, now.status) == ("s3://pages/1", "s3://pages/2", 40)


def test_make_one_and_delete_if_exists(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t")
    task = step1.make_one(step1.make_key("t"), data={"version": 1})
    assert (task.key, task.data) == ("test____t", {"version": 1})
    assert (task.delete_if_exists(), task.delete_if_exists()) == (True, False)
    assert stored(step1, "t") is None
    wire.inject("DeleteItem", refused("AccessDeniedException"))
    with pytest.raises(DeleteError):
        task.delete_if_exists()


def test_to_dict_may_copy(step1: Any) -> None:
    task = step1.make("t", {"pages": [1]})
    task.to_dict(copy=True)["data"]["pages"].append(2)
    assert task.data == {"pages": [1]}
    task.to_dict()["data"]["pages"].append(2)
    assert task.data == {"pages": [1, 2]}


def test_the_index_is_found_as_the_peer_finds_it(step1: Any) -> None:
    assert isinstance(step1._get_status_index(), st.StatusAndUpdateTimeIndex)
    assert step1.make("t").lock == st.NOT_LOCKED
    assert step1.make("t").lock_time == st.EPOCH


def test_an_integer_id_stands_for_its_digits(step1: Any) -> None:
    step1.make_and_save(7, {"version": 1})
    with pytest.raises(st.TaskAlreadyExistsError):
        step1.make_and_save("7")
    with step1.start(7) as ctx:
        assert (ctx.task.task_id, ctx.task.key) == ("7", "test____7")
        with pytest.raises(st.TaskLockedError) as refusal:
            step1.start("7").__enter__()
    assert refusal.value.task_id == "7"
    with pytest.raises(st.TaskAlreadySucceedError) as succeeded:
        step1.start(7).__enter__()
    assert (succeeded.value.task_id, str(succeeded.value)[:40]) == ("7", "Task(use_case_id='test', task_id='7') is")
    step1.rerun(7, reason="again")
    assert step1.get_one_or_none(7).run == 1
    assert step1.get_or_create(7)[1] is False
    with step1.start(8, create=True):
        pass
    assert stored(step1, 8).status == 40


def test_what_update_would_store_as_pynamodb_s_actions(step1: Any) -> None:
    step1.make_and_save("t")
    with step1.start("t") as ctx:
        ctx.set_data({"version": 1})
        (action,) = ctx.to_update_actions()
        assert '{"version": 1}' in str(action)
        ctx.update()
        assert ctx.to_update_actions() == []
    free = st.ExecutionContext(task=step1(key="test"))
    assert '{"version": 2}' in str(free.set_data({"version": 2}).to_update_actions())


def test_every_refusal_without_detailed_error_is_the_general_one_too(step1: Any) -> None:
    """R2: the order of `except` clauses decides, since the exact reason is always given."""
    for detailed in (False, True):
        with pytest.raises(st.TaskIsNotReadyToStartError) as missing:
            step1.start("t", detailed_error=detailed).__enter__()
        assert type(missing.value) is st.TaskIsNotInitializedError
