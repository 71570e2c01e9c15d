"""The shard of a task: the same in every process, for ever (R15)."""

from __future__ import annotations

from collections import Counter

import pytest

import status_tracker as st
from status_tracker.dynamodb.shards import shard_count, shard_of
from tests.unit.steps import CODES, NEXT_CODES, make_config

TABLE = "tests-unit-shards"

# Written down, not computed: should one of them change, what is stored would not be listed any more.
EXPECTED = {
    "test____t-1": {1: 1, 5: 3, 10: 3, 1000: 713},
    "test____t-2": {1: 1, 5: 4, 10: 4, 1000: 4},
    "pdf_processing____inbox/report.pdf#d41d8cd98f00b204e9800998ecf8427e": {1: 1, 5: 1, 10: 6, 1000: 756},
    "pdf_processing____Großes Bücherregal/水.pdf": {1: 1, 5: 2, 10: 2, 1000: 732},
}


def step(name: str, **settings: object) -> type[st.BaseTask]:
    namespace = {
        "Meta": type("Meta", (), {"table_name": TABLE, "region": "us-east-1"}),
        "status_and_update_time_index": st.StatusAndUpdateTimeIndex(),
        "config": make_config(**settings),
    }
    return type(name, (st.BaseTask,), namespace)


Extract = step("Extract", use_case_id="shards", n_pending_shard=5, n_succeeded_shard=10)
Answer = step("Answer", use_case_id="shards", **NEXT_CODES, n_pending_shard=5, n_succeeded_shard=3)
Other = step("Other", use_case_id="shards-of-another", n_pending_shard=50)


@pytest.mark.parametrize(("key", "by_count"), EXPECTED.items())
def test_r15_the_shard_never_changes(key: str, by_count: dict[int, int]) -> None:
    assert {count: shard_of(key, count) for count in by_count} == by_count


@pytest.mark.parametrize("count", [1, 2, 5, 10, 64])
def test_r15_shards_are_filled_evenly(count: int) -> None:
    n_keys = 10_000
    filled = Counter(shard_of(f"pdf_processing____inbox/{n}.pdf#e{n}", count) for n in range(n_keys))
    assert set(filled) == set(range(1, count + 1))
    mean = n_keys / count
    chi_square = sum((size - mean) ** 2 / mean for size in filled.values())
    freedom = count - 1
    assert chi_square <= freedom + 4 * (2 * freedom) ** 0.5


def test_r15_a_raised_count_moves_tasks_only_within_the_new_range() -> None:
    keys = [f"test____t-{n}" for n in range(1000)]
    assert {shard_of(key, 5) for key in keys} <= set(range(1, 6))
    assert {shard_of(key, 8) for key in keys} == set(range(1, 9))


def test_r15_what_was_listed_before_the_count_was_raised_is_within_what_is_read_after() -> None:
    before = step("Before", use_case_id="raised", n_pending_shard=5).make("t-1").value
    after = step("After", use_case_id="raised", n_pending_shard=9)
    values = {after.make_value(10, _shard_id=shard) for shard in range(1, 1 + shard_count(after, 10, "raised"))}
    assert len(values) == 9
    assert before in values


def test_r15_steps_that_share_a_status_share_the_larger_count() -> None:
    for asked in (Extract, Answer):
        assert shard_count(asked, 40, "shards") == 10
    assert shard_count(Answer, 90, "shards") == 3
    task_ids = [f"t-{n}" for n in range(200)]
    assert [Extract.make_value(40, _task_id=each) for each in task_ids] == [
        Answer.make_value(40, _task_id=each) for each in task_ids
    ]


def test_r15_another_use_case_counts_for_itself() -> None:
    assert shard_count(Extract, 10, "shards") == 5
    assert shard_count(Other, 10, "shards-of-another") == 50


def test_r15_a_status_of_no_step_is_refused() -> None:
    with pytest.raises(ValueError, match="77") as caught:
        shard_count(Extract, 77, "shards")
    assert "10" in str(caught.value)


def test_r15_the_shard_is_part_of_the_stored_value() -> None:
    task = Extract.make("t-1")
    assert task.shard_id == shard_of("shards____t-1", 5)
    assert task.value == f"shards____010____{task.shard_id:03d}"
    assert task.value == Extract.index_value_of(task.key, CODES["pending_status"])
