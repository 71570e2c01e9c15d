"""What became of a wave, and whether another one follows. Needs no table, so that its function starts quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from status_tracker_ops.bulk.planning import FAILED, LEFT_ALONE, Wave, gather, report_wave
from status_tracker_ops.bulk.runs import log_name
from status_tracker_ops.clients import s3_client
from status_tracker_ops.settings import TrackerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_s3 import S3Client

_LONGEST_CAUSE = 1000


def report_handler() -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The handler that gathers the reports of a wave, and says how the execution goes on."""
    logger = Logger()

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        settings = TrackerSettings.from_environment()
        logger.append_keys(use_case=settings.use_case_id, step=log_name(event["folder"]))
        reported = report(s3_client(), event)
        logger.info("Wave reported", extra={"execution": event["execution"], "reported": reported})
        return reported

    return handler


def report(s3: S3Client, event: Mapping[str, Any]) -> dict[str, Any]:
    """What the reporting function answers after a wave: whether to plan another, or how the execution ends.

    Where the Map itself failed, `event` has its error and cause as ``failure``. Where the planning could not go on, it
    has the reason as ``unusable``. A summary is written to S3, and is the execution's output.
    """
    progress = event["progress"]
    wave = Wave(s3, event["bucket"], event["folder"], progress["wave"])
    counts = dict(progress["counts"])
    for outcome, count in report_wave(wave, event["chunks"]).items():
        counts[outcome] = counts.get(outcome, 0) + count
    failure = _failure(event, counts["failed"])
    if event["more"] and failure is None:
        return {"next": "plan", "progress": {**progress, "counts": counts}}
    summary = {
        "execution": event["execution"],
        "input": event["input"],
        "counts": counts,
        "sample": progress["sample"],
        "failed": gather(wave, FAILED),
        "left_alone": gather(wave, LEFT_ALONE),
        "report": wave.address("summary.json"),
    }
    wave.write(wave.summary_key, summary if failure is None else {**summary, "failure": failure})
    return {"next": "done" if failure is None else "failed", "summary": summary, "failure": failure}


def _failure(event: Mapping[str, Any], failed: int) -> dict[str, str] | None:
    """Why the execution fails; None where it goes on, or has done its work."""
    if "unusable" in event:
        return {"Error": "BadInput", "Cause": event["unusable"]}
    tolerated = event["tolerated_failures"]
    if failed > tolerated:
        cause = (
            f"{failed:,} failed, {tolerated:,} are tolerated: see failed.jsonl in"
            f" s3://{event['bucket']}/{event['folder']}. When the cause is mended, run it again: nothing is done twice."
        )
        return {"Error": "TooManyFailures", "Cause": cause}
    if "failure" in event:
        return {
            "Error": "MapFailed",
            "Cause": f"{event['failure']['Error']}: {event['failure']['Cause']}"[:_LONGEST_CAUSE],
        }
    return None
