"""What the shell offers for an option; whatever goes wrong, it offers nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

_OFFERED_IDS = 30
_LOOKED_THROUGH = 300


def statuses(ctx: Any) -> list[str]:
    """The names of the statuses of the steps that the options name; of any step, where they name none."""
    from ..core.config import StatusNameEnum  # noqa: PLC0415  # only to complete

    with suppress(Exception), _scope(ctx) as scope:
        return list(dict.fromkeys(each.status for each in scope.statuses.values()))
    return [each.value for each in StatusNameEnum]


def step_names(ctx: Any) -> list[str]:
    """The names of the pipeline's steps."""
    with suppress(Exception):
        pipeline = _target(ctx).given_pipeline()
        return [] if pipeline is None else [step.name for step in pipeline]
    return []


def task_ids(ctx: Any, incomplete: str) -> list[str]:
    """Ids that begin like that, of the newest tasks of each status; none with tabs or newlines, which end an offer."""
    from .ids import newest_ids  # noqa: PLC0415  # only to complete

    with suppress(Exception), _scope(ctx) as scope:
        found: Iterator[str] = (each for each in newest_ids(scope, _LOOKED_THROUGH) if each.startswith(incomplete))
        return list(islice(filter(str.isprintable, found), _OFFERED_IDS))
    return []


def _target(ctx: Any) -> Any:
    from .target import Target  # noqa: PLC0415  # only to complete

    given = {name: value for name, value in ctx.params.items() if name in Target.__dataclass_fields__}
    return Target(**{**_from_environment(), **{name: value for name, value in given.items() if value}})


def _scope(ctx: Any) -> Any:
    from .scope import opened_scope  # noqa: PLC0415  # it has an option that is completed

    return opened_scope(_target(ctx))


def _from_environment() -> dict[str, str]:
    named = {"task": "STATUS_TRACKER_TASK", "url": "STATUS_TRACKER_URL"}
    return {name: os.environ[variable] for name, variable in named.items() if os.environ.get(variable)}
