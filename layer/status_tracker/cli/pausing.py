"""`pause` and `resume`: whether work is begun on a pipeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import typer

from ..operations.pausing import Pause
from ..operations.pipeline import Pipeline
from .callers import caller
from .display import print_json
from .errors import Code, WrongUsageError
from .target import Target
from .text import plain, say
from .times import parse_age, parse_moment


def pause(target: Target, *, reason: str, step: str | None, until: str | None, by: str | None) -> None:
    """Pause the step, or all of them, and tell what is paused."""
    if not reason.strip():
        raise WrongUsageError("--reason is empty: say why; those that wait are told.")
    pipeline = target.pipeline()
    end = _end(until, pipeline.first.task_class.config.now())
    pipeline.pause(_named(pipeline, step), reason=reason, by=by or caller(target), until=end)
    _tell(pipeline, target)


def resume(target: Target, *, reason: str | None, step: str | None, by: str | None) -> None:
    """End the pause of the step, or all pauses, and tell what is left."""
    pipeline = target.pipeline()
    ended = pipeline.resume(_named(pipeline, step), by=by or caller(target), reason=reason)
    if not ended:
        say("Nothing of it was paused.")
    _tell(pipeline, target)
    if not ended:
        raise typer.Exit(Code.NOT_ALL)


def _named(pipeline: Pipeline, step: str | None) -> str | None:
    names = [each.name for each in pipeline]
    if step is not None and step not in names:
        raise WrongUsageError(f"There is no step {step!r}: the steps are {', '.join(names)}.")
    return step


def _end(until: str | None, now: datetime) -> datetime | None:
    """The moment of a time, or of so long from now."""
    age = None if until is None else parse_age(until)
    end = parse_moment(until, "--until", now) if age is None else now + age
    if end is not None and end <= now:
        raise WrongUsageError(
            f"--until is {until!r}, which is past: give a time to come, or 2h for two hours from now."
        )
    return end


def _tell(pipeline: Pipeline, target: Target) -> None:
    pauses = pipeline.pauses()
    if target.json:
        print_json({"paused": [_as_json(each) for each in pauses]})
        return
    for each in pauses:
        say(f"{plain(each.told(pipeline.use_case_id))}.")
    if not pauses:
        say(f"Nothing of {plain(pipeline.use_case_id)} is paused.")


def _as_json(pause: Pause) -> dict[str, Any]:
    times = {name: None if moment is None else moment.isoformat() for name, moment in _times(pause).items()}
    return {"step": pause.step, "reason": pause.reason, "by": pause.by, **times}


def _times(pause: Pause) -> dict[str, datetime | None]:
    return {"since": pause.since, "until": pause.until}
