"""The statements of starts and ends: built once for each class of jobs, and then only given their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import orm

from ..core.port import HeldBy, Special, Startable, Write
from .columns import JobColumns
from .expressions import column_of, columns_of, condition
from .kept import kept
from .keys import JobId
from .times import UTCDateTime
from .waiting import is_bounded

Values: TypeAlias = dict[str, Any]

_LOCK: Any = sa.bindparam("lock__guard", type_=sa.String())
_FENCE: Any = sa.bindparam("fence__guard", type_=sa.Integer())
_NOW: Any = sa.bindparam("now__guard", type_=UTCDateTime())
_SINCE: Any = sa.bindparam("since__guard", type_=UTCDateTime())
_IS_STARTED = "is_started__guard"  # no name that a column of the user's might have
_WAIT: Any = sa.bindparam("wait__guard", type_=sa.String())


def any_start(statuses: tuple[int, ...]) -> Startable:
    """The guard of every start from these statuses: `values_of` has what stands in the places of one."""
    return Startable(_LOCK, statuses, _NOW, _SINCE, or_absent=False)


def values_of(guard: Startable | HeldBy) -> Values:
    """What a prepared statement is given for its guard."""
    if isinstance(guard, HeldBy):
        return {"lock__guard": guard.lock, "fence__guard": guard.fence}
    return {"lock__guard": guard.lock, "now__guard": guard.now, "since__guard": guard.unknown_lease_since}


def guarded(
    job: type[JobColumns],
    id: JobId,  # noqa: A002
    write: Write,
    own: Mapping[str, Any],
    wait: str | None,
    *,
    answered: bool,
    plain: bool,
) -> tuple[sa.Executable, Values]:
    """The UPDATE of a start or of a worker, and its values.

    Args:
        own: values of the user's own columns.
        wait: how long PostgreSQL may wait for the row, see `wait_at_most`.
        answered: whether the statement returns the job.
        plain: as a row of its columns, not as the ORM loads it.
    """
    guard = write.guard
    if not isinstance(guard, Startable | HeldBy):
        raise TypeError(f"{guard!r} depends on what was read: its statement is not kept.")
    set_, increased = changes_of(job, write)
    values = {**own, **set_}
    expressions = {name: value for name, value in own.items() if _is_expression(value)}
    others = {name: value for name, value in values.items() if name not in expressions}
    key: tuple[int, ...] | str | None = guard.statuses if isinstance(guard, Startable) else guard.growing
    given = {"id__guard": id, "wait__guard": wait, **values_of(guard), **new_values(others)}
    form = (job, type(guard), key, tuple(others), increased, wait is not None)
    if expressions:
        changed = _guarded(*form).values(**expressions)
        return (answering(job, changed, plain=plain) if answered else changed), given
    return (_guarded_and_answered(plain, *form) if answered else _guarded(*form)), given


def start_or_refusal(
    job: type[JobColumns],
    id: JobId,  # noqa: A002
    write: Write,
    wait: str | None,
    *,
    plain: bool,
) -> tuple[sa.Executable, Values]:
    """The UPDATE of a start in one statement with its refusal: it selects the job and, last, whether it was started.

    Where it was not, the job is as it was when the statement began; it may have changed while the UPDATE waited.
    """
    guard: Any = write.guard
    values, increased = changes_of(job, write)
    given = {"id__guard": id, "wait__guard": wait, **values_of(guard), **new_values(values)}
    return _start_or_refusal(plain, job, Startable, guard.statuses, tuple(values), increased, wait is not None), given


@kept
def _start_or_refusal(plain: bool, job: type[JobColumns], *form: Any) -> sa.Executable:
    columns = columns_of_table(job)
    started = _guarded(job, *form).returning(*columns).cte("started")
    as_it_was = sa.select(*columns, sa.false().label(_IS_STARTED)).where(
        job.id == own_id(job), ~sa.exists(started.select())
    )
    either = sa.union_all(sa.select(started, sa.true().label(_IS_STARTED)), as_it_was)
    if plain:
        return either
    loaded = either.subquery()
    return sa.select(orm.aliased(job, loaded), loaded.c[_IS_STARTED])


def columns_of_table(job: type[JobColumns]) -> Sequence[sa.Column[Any]]:
    """All columns of the table of the jobs, in its order."""
    return tuple(sa.inspect(job, raiseerr=True).local_table.columns)


def selecting(job: type[JobColumns], *, plain: bool) -> sa.Select[Any]:
    """A SELECT of the jobs; where they are `plain`, of their columns."""
    return sa.select(*columns_of_table(job)) if plain else sa.select(job)


def answering(job: type[JobColumns], statement: sa.Update, *, plain: bool) -> sa.Executable:
    """The UPDATE, with the job as its answer."""
    if plain:
        return statement.returning(*columns_of_table(job))
    return sa.select(job).from_statement(statement.returning(job))


def changes_of(job: type[JobColumns], write: Write) -> tuple[Values, tuple[str, ...]]:
    """The new values of the columns that a write changes, and the columns that it increases by one."""
    increased = tuple(column_of(name) for name, value in write.changes.items() if value is Special.INCREMENT)
    others = {name: value for name, value in write.changes.items() if value is not Special.INCREMENT}
    return columns_of(job, others), increased


def new_values(columns: Mapping[str, Any]) -> Values:
    """What a prepared statement is given for the columns that it sets."""
    return {f"{name}__new": value for name, value in columns.items()}


def setting(job: type[JobColumns], names: tuple[str, ...], increased: tuple[str, ...]) -> Values:
    """The places of the new values, for an UPDATE."""
    places = {name: sa.bindparam(f"{name}__new", type_=getattr(job, name).type) for name in names}
    return {**places, **columns_of(job, dict.fromkeys(increased, Special.INCREMENT))}


def own_id(job: type[JobColumns]) -> Any:
    """The place of the id of one job."""
    return sa.bindparam("id__guard", type_=job.id.type)


@kept
def by_id(job: type[JobColumns], plain: bool, latest: bool = False) -> sa.Select[Any]:
    """The row of that id; with `latest`, as it is stored now, whatever the transaction has seen."""
    statement = selecting(job, plain=plain).where(job.id == own_id(job))
    return statement.with_for_update(read=True) if latest else statement


@kept
def _guarded(
    job: type[JobColumns],
    kind: type[Startable | HeldBy],
    key: tuple[int, ...] | str | None,
    names: tuple[str, ...],
    increased: tuple[str, ...],
    bounded: bool,
) -> sa.Update:
    changes = setting(job, names, increased)
    if kind is HeldBy:
        growing: Any = key
        guard: Any = HeldBy(_LOCK, _FENCE, growing)
        held = condition(job, Write(guard, {} if growing is None else {growing: changes[column_of(growing)]}))
    else:
        statuses: Any = key
        held = condition(job, Write(any_start(statuses), {}))
    waits = is_bounded(_WAIT) if bounded else sa.true()
    return sa.update(job).where(job.id == own_id(job), held, waits).values(**changes)


@kept
def _guarded_and_answered(plain: bool, job: type[JobColumns], *form: Any) -> sa.Executable:
    return answering(job, _guarded(job, *form), plain=plain)


def _is_expression(value: Any) -> bool:
    return isinstance(value, sa.ClauseElement) or hasattr(value, "__clause_element__")
