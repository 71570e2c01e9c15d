"""Goes over very many items in waves: each is planned, worked through in chunks by a Distributed Map, and reported.

A wave is one JSON array in S3 with a chunk for each child execution. The function of a chunk writes a report, failures
included; a chunk without a report died on the way. Each execution has one folder of the result bucket for all of it.
"""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client

CHUNK_ITEMS = 100
# The input of a child execution has at most 256 KiB; what stands beside the items takes a few of them.
CHUNK_BYTES = 192 * 1024
WAVE_ITEMS = 50_000
# Enough to write the largest wave, and to answer.
SECONDS_TO_SPARE = 120
_PARALLEL_READS = 10
FAILED, LEFT_ALONE = "failed.jsonl", "left-alone.jsonl"
_NO_REPORT = "The function that had it left no report: it died again and again, or the execution was stopped before."

Item = dict[str, Any]
Cursor = Any
"""A position in a source of items, as JSON; None at the beginning."""


@dataclass(frozen=True)
class Wave:
    """One wave of an execution, and where its files are.

    Attributes:
        folder: of the execution; it ends with a slash.
        number: counted from 1.
    """

    s3: S3Client
    bucket: str
    folder: str
    number: int

    def key(self, name: str) -> str:
        return f"{self.folder}wave-{self.number:05}/{name}"

    def address(self, name: str) -> str:
        """The address of a file of the execution, for people and as the manifest of another execution."""
        return f"s3://{self.bucket}/{self.folder}{name}"

    @property
    def summary_key(self) -> str:
        return f"{self.folder}summary.json"

    def write(self, key: str, content: object) -> None:
        self._put(key, json.dumps(content, ensure_ascii=False), "application/json")

    def write_lines(self, key: str, items: Iterable[object]) -> None:
        lines = "".join(f"{json.dumps(item, ensure_ascii=False)}\n" for item in items)
        self._put(key, lines, "application/x-ndjson")

    def read(self, key: str) -> Any:
        return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def keys(self, prefix: str) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return (found["Key"] for page in pages for found in page.get("Contents", []))

    def _put(self, key: str, content: str, content_type: str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content.encode(), ContentType=content_type)


def folder_of(kind: str, execution: str, started: str) -> str:
    """The folder of an execution; a name may be used again after 90 days, at another time."""
    return f"{kind}/{execution}/{started.replace(':', '-')}/"


def in_chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items in their order, in chunks that a child execution can be given."""
    chunk: list[Item] = []
    size = 0
    for item in items:
        length = len(json.dumps(item, ensure_ascii=False).encode()) + 2
        if chunk and (len(chunk) == CHUNK_ITEMS or size + length > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += length
    if chunk:
        yield chunk


@dataclass(frozen=True)
class Planned:
    """What the planning of a wave has read.

    Attributes:
        items: to be worked on.
        refused: items that cannot be used, each with the reason.
        cursor: where it stopped.
        more: whether there may be more behind the cursor.
    """

    items: list[Item]
    refused: list[Item]
    cursor: Cursor
    more: bool


def read_wave(
    source: Iterable[tuple[Item | None, Cursor]], cursor: Cursor, most: int, seconds_left: Callable[[], float]
) -> Planned:
    """The next items of a source, with the cursor behind each, until there are enough or the time is nearly over.

    None stands for something that was read and is no item.
    """
    items: list[Item] = []
    refused: list[Item] = []
    for item, behind in source:
        if item is not None:
            (refused if "reason" in item else items).append(item)
        cursor = behind
        if len(items) + len(refused) >= most or seconds_left() < SECONDS_TO_SPARE:
            return Planned(items, refused, cursor, more=True)
    return Planned(items, refused, cursor, more=False)


def write_wave(wave: Wave, planned: Planned, common: Mapping[str, Any]) -> int:
    """Write the wave's chunks, each with what is `common` to all, and what was refused; returns how many chunks."""
    chunks = [
        {**common, "folder": wave.folder, "wave": wave.number, "chunk": number, "items": items}
        for number, items in enumerate(in_chunks(planned.items), 1)
    ]
    if chunks:
        wave.write(wave.key("chunks.json"), chunks)
    if planned.refused:
        wave.write(wave.key("refused.json"), planned.refused)
    return len(chunks)


def report_wave(wave: Wave, chunks: int) -> dict[str, int]:
    """Count how many items of a wave came to each outcome, ``failed`` among them.

    Items that failed or were left alone are written to files of the wave, with the reasons.
    """
    reports = _read_all(wave, wave.key("reports/"))
    counts: Counter[str] = Counter()
    failed: list[Item] = [item for refused in _read_all(wave, wave.key("refused.json")).values() for item in refused]
    left_alone: list[Item] = []
    for report in reports.values():
        counts.update(report["counts"])
        failed += report["failed"]
        left_alone += report["left_alone"]
    if len(reports) < chunks:
        failed += [
            {**item, "reason": _NO_REPORT}
            for chunk in wave.read(wave.key("chunks.json"))
            if wave.key(report_name(chunk["chunk"])) not in reports
            for item in chunk["items"]
        ]
    for name, items in ((FAILED, failed), (LEFT_ALONE, left_alone)):
        if items:
            wave.write_lines(wave.key(name), items)
    return {**counts, "failed": len(failed)}


def gather(wave: Wave, name: str) -> str | None:
    """Put the files of that name of all waves up to this one into one; its address, None where there are none."""
    parts = sorted(key for key in wave.keys(f"{wave.folder}wave-") if key.endswith(f"/{name}"))
    if not parts:
        return None
    content = b"".join(wave.s3.get_object(Bucket=wave.bucket, Key=key)["Body"].read() for key in parts)
    wave.s3.put_object(Bucket=wave.bucket, Key=f"{wave.folder}{name}", Body=content, ContentType="application/x-ndjson")
    return wave.address(name)


def report_name(chunk: int) -> str:
    return f"reports/{chunk:05}.json"


def _read_all(wave: Wave, prefix: str) -> dict[str, Any]:
    """The JSON documents under a prefix, by key."""
    keys = list(wave.keys(prefix))
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        return dict(zip(keys, pool.map(wave.read, keys), strict=True))
