"""Trackers in memory: the documents of files and of S3 in a dict."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from ...abstract.documents import DocumentTracker
from ...abstract.files import FileTracker
from ...abstract.s3 import S3Tracker
from ...abstract.store import TrackerStore
from ...abstract.storing import NotedLoad, WholeDump
from ..faults import Faults
from .faulty import faulty


@contextmanager
def trackers_in_memory(faults: Faults) -> Iterator[None]:
    """Keep the documents of `FileTracker` and `S3Tracker` in memory, compared and replaced in one step as there."""
    documents: dict[str, bytes] = {}
    one_at_a_time = threading.Lock()

    def load(cls: type[DocumentTracker], id: Any, **_: Any) -> DocumentTracker | None:  # noqa: A002  # as of a tracker
        place = _place_of(cls, id)
        content = documents.get(place)
        return None if content is None else cls._decoded(id, content, _stamp_of(content), place)

    def dump(tracker: DocumentTracker, **_: Any) -> None:
        content, place = tracker._encoded(), _place_of(type(tracker), tracker.id)
        with one_at_a_time:
            stored = documents.get(place)
            if (None if stored is None else _stamp_of(stored)) != tracker._stamp:
                raise tracker._changed(place)
            documents[place] = content
        tracker._stamp = _stamp_of(content)

    with ExitStack() as stack:
        for tracker_class in (FileTracker, S3Tracker):
            stack.enter_context(mock.patch.object(tracker_class, "load", NotedLoad(load)))
            stack.enter_context(mock.patch.object(tracker_class, "dump", WholeDump(dump)))
        stack.enter_context(faulty(TrackerStore, faults))
        yield


def _place_of(tracker_class: type[Any], task_id: Any) -> str:
    if issubclass(tracker_class, FileTracker):
        return str(tracker_class.get_path(task_id))
    bucket, key = tracker_class.get_bucket_key(task_id)
    return f"s3://{bucket}/{key}"


def _stamp_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
