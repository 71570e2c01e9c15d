"""Which jobs can be claimed, the oldest first: as statements that are built once for each class and step."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ..core.port import Startable
from .columns import JobColumns
from .expressions import Condition, is_free, is_of, waits
from .kept import kept
from .prepared import answering, any_start, setting

CANDIDATES = 32
"""How many jobs are looked at in the first place, of which others may be locked."""


def claimable(job: Any, guard: Startable, in_progress: int) -> Condition:
    """The condition for jobs that can be claimed; the rules then check the one that is found."""
    return sa.or_(*_of_each_status(job, guard, in_progress))


def _of_each_status(job: Any, guard: Startable, in_progress: int) -> list[Condition]:
    return [*_waiting(job, guard, in_progress), _left_behind(job, guard, in_progress)]


def _waiting(job: Any, guard: Startable, in_progress: int) -> list[Condition]:
    return [sa.and_(is_of(job, code), waits(job, guard)) for code in guard.statuses if code != in_progress]


def _left_behind(job: Any, guard: Startable, in_progress: int) -> Condition:
    return sa.and_(is_of(job, in_progress), is_free(job, guard.now, guard.unknown_lease_since))


def oldest(
    job: type[JobColumns], guard: Startable, in_progress: int, limit: int, without: Collection[Any] = ()
) -> sa.Select[Any]:
    """The ids of the oldest jobs that can be claimed; each status by itself, as the index has them."""
    merged = _merged(job, guard, in_progress, limit, without)
    return sa.select(merged.c.id).order_by(merged.c.update_at, merged.c.id).limit(_literal(limit))


@kept
def any_oldest(job: type[JobColumns], statuses: tuple[int, ...], in_progress: int) -> sa.Select[Any]:
    """As `oldest`, for every start from these statuses."""
    return oldest(job, any_start(statuses), in_progress, CANDIDATES)


@kept
def claim(
    job: type[JobColumns],
    statuses: tuple[int, ...],
    in_progress: int,
    names: tuple[str, ...],
    increased: tuple[str, ...],
    plain: bool,
) -> sa.Executable:
    """Start the oldest job that nobody has locked, if the first write of a start is all that the rules ask for it.

    That is not so for a job that still has the lock of another worker, whose token is remembered and whose attempt may
    count as failed; it is left as it is, and no younger job is taken in its place.
    """
    other, guard = orm.aliased(job), any_start(statuses)
    merged = _older_in_progress(job, guard, in_progress)
    found = (
        sa.select(other.id)
        .join_from(merged, other, other.id == merged.c.id)
        .where(claimable(other, guard, in_progress))
        .order_by(merged.c.update_at, merged.c.id)
        .limit(_literal(1))
        .with_for_update(skip_locked=True, of=other)
        .scalar_subquery()
    )
    as_it_is = sa.and_(job.lock.is_(None), sa.not_(is_of(job, in_progress)))
    started = sa.update(job).where(job.id == found, as_it_is).values(**setting(job, names, increased))
    return answering(job, started, plain=plain)


def _merged(
    job: type[JobColumns], guard: Startable, in_progress: int, limit: int, without: Collection[Any]
) -> sa.Subquery:
    left_out = [job.id.not_in(without)] if without else []
    each = [_first(job, limit, of_status, *left_out) for of_status in _of_each_status(job, guard, in_progress)]
    return sa.union_all(*each).subquery()


def _older_in_progress(job: type[JobColumns], guard: Startable, in_progress: int) -> sa.Subquery:
    """The candidates that wait, and of those in progress the ones that are no younger than all of these.

    Younger ones would be taken only if all that wait were locked. What has been in progress since PostgreSQL's last
    VACUUM is still in the index, and would be passed through by each claim, job by job.
    """
    waiting = sa.union_all(*(_first(job, CANDIDATES, each) for each in _waiting(job, guard, in_progress))).cte()
    latest = sa.func.coalesce(sa.select(sa.func.max(waiting.c.update_at)).scalar_subquery(), guard.now)
    left_behind = _first(job, CANDIDATES, _left_behind(job, guard, in_progress), job.update_at <= latest)
    both = sa.union_all(sa.select(waiting), left_behind)
    return both.add_cte(waiting, nest_here=True).subquery()


def _first(job: type[JobColumns], limit: int, *conditions: Condition) -> sa.Select[Any]:
    first = sa.select(job.id, job.update_at).where(*conditions).order_by(job.update_at, job.id)
    return sa.select(first.limit(_literal(limit)).subquery())


def _literal(number: int) -> Any:
    return sa.literal_column(str(number))
