"""The reader that the settings choose; Textract's modules are imported where it is that one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from documents.reading.reader import PypdfReader

if TYPE_CHECKING:
    from documents.reading.reader import DocumentReader
    from documents.settings import ExtractSettings
    from status_tracker import BaseTask


def choose_reader(settings: ExtractSettings, task: BaseTask, run: int) -> DocumentReader:
    """The reader for one attempt at `task`, which belongs to that run."""
    if settings.reader == "pypdf":
        return PypdfReader()
    from documents.aws import s3_client, textract_client  # noqa: PLC0415 - see above
    from documents.textract.jobs import delete_copy, find_job  # noqa: PLC0415
    from documents.textract.reader import TextractReader  # noqa: PLC0415

    place = (s3_client(), settings.result_bucket, task.task_id)
    return TextractReader(
        textract_client(),
        partial(find_job, *place),
        partial(delete_copy, *place),
        run=run,
        failures=task.retry,
        usd_per_thousand_pages=settings.textract_usd_per_thousand_pages,
    )
