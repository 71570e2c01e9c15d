"""Runs the functions of a bulk execution in turn, as their state machine does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.handlers.support import RESULT_BUCKET, FakeContext

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Machine:
    """The states of one of the state machines, with `plan`, `work` and `report` as its functions.

    Attributes:
        started: when its executions start, where a test says nothing else.
        results: the bucket of its reports.
    """

    s3: S3Client
    plan: Handler
    work: Handler
    report: Handler
    started: str = "2026-03-02T09:00:00.000Z"
    results: str = RESULT_BUCKET

    def run(
        self,
        given: object,
        *,
        execution: str = "e-1",
        started: str | None = None,
        context: FakeContext | None = None,
    ) -> dict[str, Any]:
        """The summary of a whole execution; with the ``failure`` where it failed, with ``refused`` where that."""
        progress: dict[str, Any] = {}
        while True:
            planned = self.planned(given, progress, execution=execution, started=started, context=context)
            if "refused" in planned:
                return planned
            if planned["chunks"]:
                for chunk in self.chunks(planned):
                    self.work_on(chunk)
            reported = self.report(planned, FakeContext())
            progress = reported.get("progress", {})
            if reported["next"] != "plan":
                failure = {"failure": reported["failure"]} if reported["next"] == "failed" else {}
                return {**reported["summary"], **failure}

    def planned(
        self,
        given: object,
        progress: dict[str, Any] | None = None,
        *,
        execution: str = "e-1",
        started: str | None = None,
        context: FakeContext | None = None,
    ) -> dict[str, Any]:
        event = {
            "input": given,
            "execution": execution,
            "started": started or self.started,
            "progress": progress or {},
        }
        patient = FakeContext(remaining_milliseconds=900_000)
        answer: dict[str, Any] = through_json(self.plan(through_json(event), context or patient))
        return answer

    def chunks(self, planned: dict[str, Any]) -> list[dict[str, Any]]:
        chunks: list[dict[str, Any]] = self.stored(planned["chunks_key"])
        return chunks

    def work_on(self, chunk: dict[str, Any]) -> str | None:
        """Run a child execution; what it failed with."""
        try:
            self.work(through_json(chunk), FakeContext())
        except Exception as error:
            if type(error).__name__ != "ItemsFailedError":
                raise
            return str(error)
        return None

    def stored(self, key: str) -> Any:
        return json.loads(self.s3.get_object(Bucket=self.results, Key=key)["Body"].read())

    def failed(self, summary: dict[str, Any]) -> list[dict[str, Any]]:
        """What failed, as the file that the summary names tells it."""
        key = summary["failed"].removeprefix(f"s3://{self.results}/")
        body = self.s3.get_object(Bucket=self.results, Key=key)["Body"].read().decode()
        return [json.loads(line) for line in body.splitlines()]


def through_json(value: object) -> Any:
    return json.loads(json.dumps(value))
