"""`TaskFilter`: selects tasks of a step, for code that lists them or acts on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, Self, TypeVar

from ..core.config import TrackerConfig, as_status_codes
from ..core.errors import TaskUnreadableError
from ..core.history import failure_of_class, last_failure
from ..core.state import TaskState
from .reasons import reason_of

_OF_ERRORS = ("error_class", "error_text", "reason")


class ListedTask(Protocol):
    """What a listing gives."""

    @property
    def task_id(self) -> str: ...

    def tracked_state(self) -> TaskState: ...


TaskT = TypeVar("TaskT", bound=ListedTask)
TaskT_co = TypeVar("TaskT_co", bound=ListedTask, covariant=True)


class Query(Protocol[TaskT_co]):
    """A listing that is read on demand.

    For a task that it cannot read it raises `TaskUnreadableError`; it can then continue.

    Attributes:
        cursor: the position; None if it has given nothing.
    """

    @property
    def cursor(self) -> str | None: ...

    def __next__(self) -> TaskT_co: ...


class Listing(Protocol[TaskT_co]):
    """What can be listed: a class derived from `BaseTask` or `MemoryTask`, or anything with these members."""

    def query_by_status(
        self,
        status: Sequence[int],
        limit: int | None = ...,
        older_task_first: bool = ...,
        auto_refresh: bool = ...,
        *,
        since: datetime | None = ...,
        until: datetime | None = ...,
        cursor: str | None = ...,
    ) -> Query[TaskT_co]: ...


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Selects tasks: all given conditions must hold. Every `ValueError` says what is wrong and what is allowed.

    Attributes:
        statuses: the codes, at least one.
        error_class: the last failure was of this class, by its name.
        error_text: the last failure's error contains this text, in upper or lower case.
        since, until: `update_time` is at or after `since`, and before `until`.
        id_prefix: the task id begins with it.
        reason: why it failed or was set aside is of this kind: `Reason.kind` of `status_tracker.operations.reasons`.
    """

    statuses: tuple[int, ...]
    error_class: str | None = None
    error_text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    id_prefix: str = ""
    reason: str | None = None

    def __post_init__(self) -> None:
        codes = tuple(dict.fromkeys(as_status_codes(self.statuses, "statuses")))
        if not codes:
            raise ValueError("statuses is empty: give at least one status.")
        object.__setattr__(self, "statuses", codes)
        for name in _OF_ERRORS:
            text = getattr(self, name)
            if text is not None and (not isinstance(text, str) or not text.strip()):
                raise ValueError(f"{name} is {text!r}: give a text, or leave it out.")
        if not isinstance(self.id_prefix, str):
            raise ValueError(f"id_prefix is {self.id_prefix!r}: give a text.")
        for name in (*_OF_ERRORS, "id_prefix"):
            _check_characters(name, getattr(self, name) or "")
        for name in ("since", "until"):
            _check_moment(name, getattr(self, name))
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(
                f"since ({self.since.isoformat()}) is not before until ({self.until.isoformat()}), so nothing matches."
            )

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], config: TrackerConfig | None = None) -> Self:
        """The filter in a JSON object, such as a state machine's input; None means left out::

            {"statuses": [30], "error_class": "ThrottlingException", "since": "2026-01-02T00:00:00Z"}

        Args:
            config: allows statuses to be given by name.

        Raises:
            ValueError: an unknown name, or a value that cannot be.
        """
        known = [field.name for field in fields(cls)]
        if not isinstance(content, Mapping):
            raise ValueError(f"The filter is {content!r}: give an object with {', '.join(known)}.")
        given = {name: value for name, value in content.items() if value is not None}
        if unknown := sorted(set(given) - set(known)):
            raise ValueError(f"The filter has {', '.join(map(repr, unknown))}: known are {', '.join(known)}.")
        if not isinstance(given.get("statuses"), list | tuple):
            raise ValueError(f"statuses is {given.get('statuses')!r}: give a list of statuses.")
        given["statuses"] = tuple(_code(status, config) for status in given["statuses"])
        for name in ("since", "until"):
            if name in given:
                given[name] = _parse_moment(name, given[name])
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that `from_dict` takes; conditions that are not given are left out."""
        content: dict[str, Any] = {"statuses": list(self.statuses)}
        for name in (*_OF_ERRORS, "id_prefix"):
            if getattr(self, name):
                content[name] = getattr(self, name)
        for name in ("since", "until"):
            moment = getattr(self, name)
            if moment is not None:
                content[name] = moment.astimezone(UTC).isoformat()
        return content

    def before(self, moment: datetime) -> Self:
        """The same filter, limited to status changes before that moment. Raises `ValueError` if none can match."""
        return replace(self, until=moment if self.until is None else min(moment, self.until))

    def admits(self, task_id: str, state: TaskState) -> bool:
        """Whether a task that was read in full matches."""
        return (
            state.status in self.statuses
            and task_id.startswith(self.id_prefix)
            and self._admits_time(state.update_time)
            and self._admits_errors(state.errors)
        )

    def matching(
        self,
        tasks: Listing[TaskT],
        *,
        cursor: str | None = None,
        limit: int | None = None,
        older_first: bool = True,
        whole: bool = False,
        as_listed: bool = False,
        before_each: Callable[[], object] = lambda: None,
    ) -> Matching[TaskT]:
        """The tasks that match, in the order of `update_time`, read page by page as they are taken.

        Args:
            tasks: a class derived from `BaseTask`, say.
            cursor: of an earlier result of the same filter and order, to continue there.
            limit: at most so many; None for all.
            whole: read each task in full, with `data` and `errors`; otherwise only if the filter needs the errors.
            as_listed: give tasks too that were listed as matching, and by now do not: for callers that check that.
            before_each: called before each task is read; what it raises ends the reading there, and `cursor` goes on.

        Raises:
            ValueError: a status that no step of the use case has, a foreign cursor.
        """
        query = tasks.query_by_status(
            self.statuses,
            None if self.by_error or self.id_prefix else limit,
            older_first,
            whole or self.by_error,
            since=self.since,
            until=self.until,
            cursor=cursor,
        )
        return Matching(self, query, limit, whole=self.by_error or (whole and not as_listed), before_each=before_each)

    @property
    def by_error(self) -> bool:
        """Whether a task has to be read in full to know whether it matches."""
        return any(getattr(self, name) is not None for name in _OF_ERRORS)

    def _admits_time(self, when: datetime | None) -> bool:
        if when is None:
            return self.since is None and self.until is None
        return (self.since is None or self.since <= when) and (self.until is None or when < self.until)

    def _admits_errors(self, errors: Mapping[str, Any]) -> bool:
        if self.error_text is not None:
            error = str(last_failure(errors).get("error", ""))
            if self.error_text.casefold() not in error.casefold():
                return False
        if self.reason is not None:
            found = reason_of(errors)
            if found is None or found.kind != self.reason:
                return False
        return self.error_class is None or failure_of_class(self.error_class)(errors)


class Found(Generic[TaskT]):
    """Tasks that are read on demand.

    A task that cannot be read counts as matching: `TaskUnreadableError` is raised for it.
    """

    @property
    def cursor(self) -> str | None:
        """The position: the same filter with ``cursor=`` continues after the last task given. None at the start."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[TaskT]:
        return self

    def __next__(self) -> TaskT:
        raise NotImplementedError

    def each(self) -> Iterator[TaskT | TaskUnreadableError]:
        """The remaining tasks; for one that cannot be read, the error."""
        while True:
            try:
                yield next(self)
            except StopIteration:
                return
            except TaskUnreadableError as error:
                yield error

    def ids(self) -> Iterator[str]:
        """The ids of the remaining tasks, for callers that read each task again; includes tasks that cannot be read."""
        return (str(each.task_id) for each in self.each())


class Matching(Found[TaskT]):
    """The tasks that match a filter.

    Attributes:
        read: how many tasks have been read so far, also those that do not match.
    """

    def __init__(
        self,
        chosen: TaskFilter,
        query: Query[TaskT],
        limit: int | None,
        *,
        whole: bool,
        before_each: Callable[[], object] = lambda: None,
    ) -> None:
        self._filter = chosen
        self._query = query
        self._left = limit
        self._whole = whole
        self._before_each = before_each
        self.read = 0

    @property
    def cursor(self) -> str | None:
        return self._query.cursor

    def __next__(self) -> TaskT:
        if self._left == 0:
            raise StopIteration
        while True:
            self._before_each()
            try:
                task = next(self._query)
            except TaskUnreadableError as error:
                self.read += 1
                if not str(error.task_id).startswith(self._filter.id_prefix):
                    continue
                raise
            self.read += 1
            if self._matches(task):
                self._take()
                return task

    def _take(self) -> None:
        if self._left is not None:
            self._left -= 1

    def _matches(self, task: TaskT) -> bool:
        if not self._whole:  # its status and time are those it was listed by, and its errors are not known
            return task.task_id.startswith(self._filter.id_prefix)
        return self._filter.admits(task.task_id, task.tracked_state())


def _check_moment(name: str, moment: object) -> None:
    if moment is None:
        return
    if not isinstance(moment, datetime):
        raise ValueError(f"{name} is {moment!r}: give a datetime.")
    if moment.tzinfo is None:
        raise ValueError(f"{name} is {moment!r}, without a time zone: use datetime.now(timezone.utc).")
    try:
        moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{name} is {moment.isoformat()}, which no UTC time is: give one of our days.") from error


def _check_characters(name: str, text: str) -> None:
    """Refuse lone surrogates, which JSON can hold but no store can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} is {text!r}, with half a character: give whole ones.") from error


def _parse_moment(name: str, text: object) -> datetime:
    example = "give a time such as 2026-01-02T03:04:05Z."
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {text!r}: {example}") from error
    if moment.tzinfo is None:
        raise ValueError(f"{name} is {text!r}, without a time zone: {example}")
    return moment


def _code(status: object, config: TrackerConfig | None) -> Any:
    return config.status_code(status) if isinstance(status, str) and config is not None else status
