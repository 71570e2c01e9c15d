"""The whole of `BaseTask`, call by call: subscriptions that are charged once a month, on DynamoDB.

Its clock stands still until the example moves it, so that leases end without waiting.
"""

from __future__ import annotations

from common import aws, expecting, title
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

import status_tracker as st
from status_tracker.testing import Clock

clock = Clock()


class Status(st.BaseStatusEnum):
    pending = 0
    in_progress = 3
    failed = 6
    succeeded = 9
    ignored = 10


class CardExpiredError(Exception):
    """No retry can help."""


class BankIsBusyError(Exception):
    """May work later; the bank says when."""

    retry_after = 600  # seconds


class Charge(st.BaseTask):
    class Meta:
        table_name = "status-tracker-example-charges"
        region = "us-east-1"
        billing_mode = "PAY_PER_REQUEST"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make(
        use_case_id="charges",
        pending_status=Status.pending.value,
        in_progress_status=Status.in_progress.value,
        failed_status=Status.failed.value,
        succeeded_status=Status.succeeded.value,
        ignored_status=Status.ignored.value,
        max_retry=3,
        lock_expire_seconds=60,
        non_retryable=[CardExpiredError],
        clock=clock,
    )


class Receipt(Model):
    class Meta:
        table_name = "status-tracker-example-receipts"
        region = "us-east-1"
        billing_mode = "PAY_PER_REQUEST"

    charge = UnicodeAttribute(hash_key=True)
    cents = NumberAttribute()


def names_and_keys() -> None:
    title("Statuses, settings and keys")
    print(f"{Status.from_value(9)=} {Status.value_to_name(9)=} {Status.values()=}")
    print(f"{st.ensure_status_value(Status.failed)=}")
    print(f"{[each.value for each in st.StatusNameEnum]=}")
    print(f"{Charge.config.sep=} {Charge.config.max_retry=} {Charge.config.lock_expire_seconds=}")
    print(f"{Charge.make_key('c-1')=} {Charge.make_value(Status.pending, _task_id='c-1')=}")
    with expecting(ValueError):
        Charge.make_key("")


def creating() -> None:
    title("Creating never resets")
    charge = Charge.make("c-1", data={"cents": 1250})  # not stored yet
    print(f"{charge.task_id=} {charge.use_case_id=} {charge.shard_id=} {charge.status_name=} {charge.is_locked()=}")
    with expecting(st.TaskIsNotInitializedError), Charge.start("c-1"):
        print("never reached")
    Charge.make_and_save("c-1", data={"cents": 1250})
    with expecting(st.TaskAlreadyExistsError):
        Charge.make_and_save("c-1", data={"cents": 1})
    stored, created = Charge.get_or_create("c-1", data={"cents": 1})
    print(f"{stored.data=} {created=} {Charge.get_one_or_none('c-2')=}")


def inside_the_block() -> None:
    title("What the block works with, its ExecutionContext")
    with Charge.start("c-1") as ctx:
        print(f"{ctx.task.status_name=} {ctx.fence=} {ctx.task.lock_expire_time=:%H:%M:%S}")
        with expecting(st.TaskLockedError):
            Charge.start("c-1").__enter__()
        clock.advance(50)
        ctx.extend_lock()  # 60 more seconds from now
        print(f"{ctx.task.lock_expire_time=:%H:%M:%S}")
        ctx.set_data({"cents": 1250, "bank": "asked"})
        ctx.update()  # stored now, whatever becomes of the attempt
        ctx.set_data({"cents": 1250, "bank": "paid"})  # stored with the success
        ctx.also.save(Receipt("c-1", cents=1250))  # and so is this, in the same transaction
    print(f"{ctx.task.status_name=} {ctx.task.data=} {Receipt.get('c-1').cents=}")


def failures() -> None:
    title("A failure that asks to wait, and one that no retry can mend")
    with expecting(BankIsBusyError), Charge.start("c-2", create=True):
        raise BankIsBusyError("come back later")
    with expecting(st.TaskNotDueError):
        Charge.start("c-2").__enter__()
    clock.advance(600)
    with expecting(CardExpiredError), Charge.start("c-2") as ctx:
        raise CardExpiredError("in May")
    print(f"{ctx.task.status_name=} {ctx.task.retry=} {[entry['error'] for entry in ctx.task.errors['history']]}")
    with expecting(st.TaskIgnoredError):
        Charge.start("c-2").__enter__()


def vanished_worker() -> None:
    title("A worker vanishes; the next one takes over, and should the first live after all it stores nothing")
    first = Charge.start("c-3", create=True)
    slow = first.__enter__()
    clock.advance(60)
    print(f"{[task.task_id for task in Charge.query_stuck()]=}")
    with Charge.start("c-3", debug=True) as ctx:
        print(f"{slow.fence=} {ctx.fence=} {ctx.task.errors['history'][0]['error']}")
    slow.set_data({"cents": 9999})
    with expecting(st.TaskLockLostError):
        first.__exit__(None, None, None)

    title("Once it has succeeded it starts only from more_pending_status")
    with expecting(st.TaskAlreadySucceedError):
        Charge.start("c-3").__enter__()
    with Charge.start("c-3", more_pending_status=Status.succeeded) as ctx:
        print(f"{ctx.task.status_name=} {ctx.fence=}")


def people() -> None:
    title("What people do is recorded: who, why and when")
    Charge.unignore("c-2", reason="a new card", by="support")
    Charge.ignore("c-2", reason="the customer has left", by="support")
    Charge.rerun("c-2", reason="and come back", by="support")
    Charge.start("c-2").__enter__()
    Charge.unlock("c-2", reason="that machine is gone", by="operations")
    charge = Charge.get_one_or_none("c-2")
    assert charge is not None
    for action in charge.errors["actions"]:
        print(f"{action['action']} by {action['by']}: {action['reason']}")


def finding() -> None:
    title("Finding tasks")
    Charge.make_and_save("c-4")
    clock.advance(1)
    Charge.make("c-5", _status=Status.failed.value).save()
    print(f"{Charge.count_by_status()=}")
    for task in Charge.query_by_status([Status.succeeded, Status.in_progress], limit=100, older_task_first=False):
        print(f"{task.task_id}: {task.status_name} {task.update_time:%H:%M:%S}")
    print(f"{[task.task_id for task in Charge.query_for_unfinished()]=}")
    print(f"{Charge.query_by_status(Status.failed).one().task_id=} {Charge.query_by_status(Status.ignored).all()=}")
    print(f"{Charge.count_tasks_by_use_case_id()=} {Charge.count_tasks_by_use_case_id('refunds')=}")
    print(f"{Charge.delete_tasks_by_use_case_id()=} {Charge.count_tasks_by_use_case_id()=}")


if __name__ == "__main__":
    with aws():
        for table in (Charge, Receipt):
            table.create_table(wait=True)
        Charge.delete_all()
        names_and_keys()
        creating()
        inside_the_block()
        failures()
        vanished_worker()
        people()
        finding()
