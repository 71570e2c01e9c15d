"""Spreads the tasks of a status over index partitions."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

from ..core.steps import DeclaredStep, DeclaredSteps

TrackedModel: TypeAlias = DeclaredStep
"""A model of one step."""


def register(step: type[TrackedModel]) -> None:
    """Register a step with the other steps of its use case.

    Raises:
        ValueError: one step's `ttl` would delete tasks that wait for the other, or the steps share codes by which the
            one would start what the other has done.
    """
    _check_ttl(step, step)
    for other in _steps.beside(step):
        _check_ttl(step, other)
        _check_ttl(other, step)
    _steps.add(step)


def _check_ttl(step: type[TrackedModel], following: type[TrackedModel]) -> None:
    for status in following.config.startable_statuses(None):
        if status in step.config.ttl:
            raise ValueError(
                f"{step.__name__} gives status {status} a ttl, and {following.__name__} starts from it: "
                "its tasks would be deleted while they wait. Give the ttl to the last step only."
            )


def shard_count(step: type[TrackedModel], status: int, use_case_id: str) -> int:
    """The number of shards of that status; steps that share the code share the larger of their counts.

    Steps that this process has not imported are unknown: import all steps of a use case wherever its tasks are listed.

    Raises:
        ValueError: no step of the use case has that status.
    """
    steps = (step, *steps_beside(step, use_case_id))
    counts = [each.config.status_shards.get(status, 0) for each in steps]
    if not any(counts):
        known = ", ".join(str(code) for code in step.config.status_shards)
        raise ValueError(f"No step of use case {use_case_id!r} has the status {status}; {step.__name__} has {known}.")
    return max(counts)


def steps_beside(step: type[TrackedModel], use_case_id: str) -> list[type[TrackedModel]]:
    """The registered steps of that use case on the same table."""
    return [other for other in _steps.all() if other.config.use_case_id == use_case_id and _is_same_table(other, step)]


def _is_beside(one: type[TrackedModel], other: type[TrackedModel]) -> bool:
    return one.config.use_case_id == other.config.use_case_id and _is_same_table(one, other)


def _is_same_table(one: type[TrackedModel], other: type[TrackedModel]) -> bool:
    """Whether the tables have one name, and not two regions or hosts; one that is not given is the environment's."""
    metas = [getattr(step, "Meta", None) for step in (one, other)]
    names, regions, hosts = ([getattr(meta, name, None) for meta in metas] for name in ("table_name", "region", "host"))
    return names[0] == names[1] and all(None in each or each[0] == each[1] for each in (regions, hosts))


_steps: DeclaredSteps[TrackedModel] = DeclaredSteps(_is_beside, lambda step: f"use case {step.config.use_case_id!r}")


def shard_of(key: str, count: int) -> int:
    """The shard of a key, from 1 to `count`: the same in every process, forever (R15)."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count + 1
