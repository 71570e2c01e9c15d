"""Photos are made smaller, in the spelling of pynamodb_mate 5: one class a job, and `start` on the tracker itself.

Code that was written for it has `st = pynamodb_mate.patterns.status_tracker`; only that line changes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from common import aws, expecting, title

import status_tracker.compat as st
from status_tracker import TaskAlreadySucceedError


class StatusEnum(st.BaseStatusEnum):
    s00_todo = 0
    s03_in_progress = 3
    s06_failed = 6
    s09_success = 9
    s10_ignore = 10


class Photo(st.BaseStatusTracker):
    class Meta:
        table_name = "status-tracker-example-photos"
        region = "us-east-1"
        billing_mode = st.PAY_PER_REQUEST_BILLING_MODE

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()

    JOB_ID = "make-smaller"
    STATUS_ZERO_PAD = 3
    MAX_RETRY = 3
    LOCK_EXPIRE_SECONDS = 900
    DEFAULT_STATUS = StatusEnum.s00_todo.value
    STATUS_ENUM = StatusEnum

    def start_job(self, debug: bool = True) -> AbstractContextManager[Any]:
        """`start` with the statuses of this job, so that nobody has to name them again."""
        return self.start(
            in_process_status=StatusEnum.s03_in_progress,
            failed_status=StatusEnum.s06_failed,
            success_status=StatusEnum.s09_success,
            ignore_status=StatusEnum.s10_ignore,
            debug=debug,
        )


class BrokenPhotoError(Exception):
    """What may go wrong with a photo."""


def show(photo: Photo) -> None:
    """Print what the tracker shows of its task."""
    item = photo.to_dict()
    locked = "locked" if photo.is_locked() else "free"
    failures = len(item["errors"].get("history", []))
    print(f"{photo.task_id}: {photo.status_name}, {locked}, retry={item['retry']}, data={item['data']}, {failures=}")


def success() -> None:
    title("A photo is made smaller")
    photo = Photo.new("beach.jpg", data={"width": 4000})
    show(photo)
    with photo.start_job():
        show(photo)
        photo.set_data({"width": 800})
    show(photo)

    title("v5 would do it again, this library does not; new() is how it is deliberately done again, and recorded")
    with expecting(TaskAlreadySucceedError), photo.start_job(debug=False):
        print("never reached")
    photo = Photo.new("beach.jpg", data={"width": 4000})
    show(photo)
    print(f"{photo.errors['actions'][0]['action']}: {photo.errors['actions'][0]['reason']}")


def failure() -> None:
    title("An exception makes it failed, and leaves its data as they were")
    photo = Photo.new("beach.jpg", data={"width": 4000})
    with expecting(BrokenPhotoError), photo.start_job():
        photo.set_data({"width": 1})
        raise BrokenPhotoError("half of it is missing")
    show(photo)
    print(f"{photo.errors['error']=}")


def two_workers() -> None:
    title("Two workers want the same photo")
    photo = Photo.new("city.jpg")
    with photo.start_job(debug=False):
        other = Photo.get_one_or_none("city.jpg")
        assert other is not None
        with expecting(st.TaskLockedError), other.start_job():
            print("never reached")
        with expecting(st.TaskLockedError):
            Photo.new("city.jpg")  # nor can it be reset meanwhile


def give_up() -> None:
    title("What fails three times is set aside")
    photo = Photo.new("noise.jpg")
    for nth in (1, 2, 3):
        with expecting(BrokenPhotoError), photo.start_job():
            raise BrokenPhotoError(f"attempt {nth}")
        show(photo)
    with expecting(st.TaskIgnoredError), photo.start_job():
        print("never reached")


def own_data() -> None:
    title("Numbers of one's own, kept with the task")
    photo = Photo.new("noise.jpg")
    with photo.start_job():
        photo.data["faces"] = {"found": 2}
        photo.set_data(photo.data)
    photo.refresh()
    show(photo)


def find() -> None:
    title("Photos by status")
    for nth, status in enumerate(StatusEnum, start=1):
        photo = Photo.make(f"{nth}.jpg", status=status.value, data={"code": status.value})
        photo.save()
        print(f"{photo.key=} {photo.value=}")
    for photo in Photo.query_by_status(StatusEnum.s10_ignore):
        print(f"{photo.task_id} as listed: {photo.data=}")
        photo.refresh()
        print(f"{photo.task_id} refreshed: {photo.data=}")
    for photo in Photo.query_by_status([StatusEnum.s03_in_progress, StatusEnum.s06_failed], auto_refresh=True):
        show(photo)
    print(f"{Photo.count_items_by_job_id()=} {Photo.delete_all_by_job_id()=} {Photo.count_items_by_job_id()=}")


if __name__ == "__main__":
    with aws():
        Photo.create_table(wait=True)
        Photo.delete_all_by_job_id()
        success()
        failure()
        two_workers()
        give_up()
        own_data()
        find()
