"""Documents are read, then questions about them are answered: two steps of one task, on DynamoDB.

Code that was written for pynamodb_mate 6 has `st = pynamodb_mate.api.patterns.status_tracker`; only that line changes.
"""

from __future__ import annotations

from common import aws, expecting, title

import status_tracker as st


class ReadStatus(st.BaseStatusEnum):
    pending = 10
    in_progress = 20
    failed = 30
    succeeded = 40
    ignored = 50


class AnswerStatus(st.BaseStatusEnum):
    pending = 40  # a document that was read waits for its questions
    in_progress = 70
    failed = 80
    succeeded = 90
    ignored = 100


class Document(st.BaseTask):
    class Meta:
        table_name = "status-tracker-example-documents"
        region = "us-east-1"
        billing_mode = "PAY_PER_REQUEST"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()


def settings(statuses: type[st.BaseStatusEnum]) -> st.TrackerConfig:
    """The settings of a step: five statuses, over how many shards of the index each is spread, retries, the lease."""
    return st.TrackerConfig.make(
        use_case_id="documents",
        pending_status=statuses["pending"].value,
        in_progress_status=statuses["in_progress"].value,
        failed_status=statuses["failed"].value,
        succeeded_status=statuses["succeeded"].value,
        ignored_status=statuses["ignored"].value,
        n_pending_shard=5,
        n_in_progress_shard=5,
        n_failed_shard=5,
        n_succeeded_shard=10,  # most documents end here
        n_ignored_shard=5,
        max_retry=3,
        lock_expire_seconds=60,
    )


class Read(Document):
    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = settings(ReadStatus)


class Answer(Document):
    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = settings(AnswerStatus)


class UnreadablePageError(Exception):
    """What may go wrong with a document."""


def show(task: Document | None) -> None:
    """Print what is stored of a task."""
    assert task is not None
    locked = "locked" if task.is_locked() else "free"
    failures = len(task.errors["history"])
    print(f"{task.task_id}: {task.status_name}, {locked}, retry={task.retry}, data={task.data}, {failures=}")


def read_one_document() -> None:
    title("A document is registered, and read")
    print(f"{ReadStatus.value_to_name(10)=} {ReadStatus.pending.status_name=} {ReadStatus.pending.values()=}")
    show(Read.make_and_save("contract.pdf", data={"pages": 0}))
    with Read.start("contract.pdf", debug=True) as ctx:
        show(ctx.task)
        ctx.set_data({"pages": 12})  # stored with the success
    show(Read.get_one_or_none("contract.pdf"))

    title("What was read is not read again")
    with expecting(st.TaskAlreadySucceedError), Read.start("contract.pdf"):
        print("never reached")


def answer_questions_about_it() -> None:
    title("Its next step: succeeded there is pending here")
    show(Answer.get_one_or_none("contract.pdf"))
    with expecting(UnreadablePageError), Answer.start("contract.pdf", debug=True) as ctx:
        ctx.set_data({"pages": 12, "answers": 1})
        raise UnreadablePageError("page 7 is upside down")
    show(Answer.get_one_or_none("contract.pdf"))  # the answer is gone with the failure

    title("What update() stored outlives a failure")
    with expecting(UnreadablePageError), Answer.start("contract.pdf") as ctx:
        ctx.set_data({"pages": 12, "answers": 2})
        ctx.update()
        raise UnreadablePageError("page 9 too")
    show(Answer.get_one_or_none("contract.pdf"))

    title("The next attempt succeeds")
    with Answer.start("contract.pdf", debug=True) as ctx:
        ctx.set_data({**ctx.task.data, "answers": 3})
    show(ctx.task)


def two_workers_want_the_same() -> None:
    title("Two workers want the same document")
    Read.make_and_save("offer.pdf")
    with Read.start("offer.pdf"):
        with expecting(st.TaskLockedError), Read.start("offer.pdf", detailed_error=True, debug=True):
            print("never reached")
        show(Read.get_one_or_none("offer.pdf"))
    show(Read.get_one_or_none("offer.pdf"))


def give_up_what_is_hopeless() -> None:
    title("A film that somebody uploaded as a document fails three times, and is set aside")
    Read.make_and_save("film.pdf")
    for nth in (1, 2, 3):
        with expecting(UnreadablePageError), Read.start("film.pdf", debug=True):
            raise UnreadablePageError(f"no pages, attempt {nth}")
        show(Read.get_one_or_none("film.pdf"))
    with expecting(st.TaskIgnoredError), Read.start("film.pdf", detailed_error=True, debug=True):
        print("never reached")

    title("Why, and what to do once the cause is mended")
    film = Read.get_one_or_none("film.pdf")
    assert film is not None
    for failure in film.errors["history"]:
        print(f"{failure['nth_retry']}. {failure['error']}")
    show(Read.rerun("film.pdf", reason="it was replaced by a document", by="the archive"))


def find_documents() -> None:
    title("Documents by status")
    Read.delete_all()
    with Read.batch_write() as batch:
        for status in ReadStatus:
            batch.save(Read.make(f"{status.name}.pdf", _status=status.value, data={"code": status.value}))
    for task in Read.query_by_status(status=ReadStatus.succeeded):
        print(f"{task.task_id} as listed: {task.data=}")
        task.refresh()
        print(f"{task.task_id} refreshed: {task.data=}")
    for task in Read.query_by_status([ReadStatus.failed, ReadStatus.ignored], auto_refresh=True):
        show(task)
    print(f"{Read.count_by_status()=}")

    title("One shard of the index, read by hand")
    succeeded = Read.query_by_status(ReadStatus.succeeded).one()
    value = Read.make_value(status=ReadStatus.succeeded.value, _shard_id=succeeded.shard_id)
    print(f"{value}: {[task.task_id for task in Read.status_and_update_time_index.query(hash_key=value)]}")


if __name__ == "__main__":
    with aws():
        Document.create_table(wait=True)
        Document.delete_all()
        read_one_document()
        answer_questions_about_it()
        two_workers_want_the_same()
        give_up_what_is_hopeless()
        find_documents()
