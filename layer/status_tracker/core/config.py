"""The settings of one tracked step: frozen, and validated once."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeGuard, TypeVar

from .errors import LONGEST_PAUSE, NonRetryableError

MAX_KEY_BYTES = 2048
"""DynamoDB's limit of a partition key; the same for every backend, so that tasks can move."""

_SAME_IN_NEXT_STEP = (
    *("use_case_id", "sep", "status_zero_pad", "status_shard_zero_pad", "max_retry", "lock_expire_seconds"),
    *("n_pending_shard", "n_in_progress_shard", "n_failed_shard", "n_succeeded_shard", "n_ignored_shard"),
    *("traceback_stack_limit", "clock", "postponing", "postpone_at_most"),
)
_SHORTEST_LEASE = 1e-6
"""Times are stored to the microsecond."""
_LONGEST_LEASE = 366 * 24 * 3600
_FINISHED = ("succeeded", "ignored", "exhausted")
"""The statuses in which a task is finished."""
_LONGEST_TTL = timedelta(days=36_600)


KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class FrozenDict(dict[KeyT, ValueT]):
    """A dict that refuses changes. Unlike a `MappingProxyType` it can be copied, pickled, and given to `asdict`."""

    def _refuse(self, *_args: Any, **_values: Any) -> NoReturn:
        raise TypeError(f"{dict(self)!r} is frozen: make a dict of your own from it, and change that.")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


class StatusNameEnum(enum.Enum):
    """The five statuses of the lifecycle, by name."""

    pending = "pending"
    in_progress = "in_progress"
    failed = "failed"
    succeeded = "succeeded"
    ignored = "ignored"


class BaseStatusEnum(int, enum.Enum):
    """Base class for the status codes of one step.

    A step's ``succeeded`` may be the next step's ``pending``; by custom the codes grow along the pipeline::

        class Step1StatusEnum(BaseStatusEnum):
            pending = 10
            in_progress = 20
            failed = 30
            succeeded = 40
            ignored = 50
    """

    @property
    def status_name(self) -> str:
        """The name a person reads, for example ``"pending"``."""
        return self.name

    @classmethod
    def from_value(cls, value: int) -> BaseStatusEnum:
        """The member with that code. Raises ``ValueError`` if there is none."""
        return cls(value)

    @classmethod
    def value_to_name(cls, value: int) -> str:
        """The name of a code. Raises ``ValueError`` if there is no such code."""
        return cls(value).name

    @classmethod
    def values(cls) -> list[int]:
        """All codes, in the order in which they were declared."""
        return [member.value for member in cls]


def ensure_status_value(status: int | BaseStatusEnum) -> int:
    """The integer of a status given as an enum member or as the integer itself."""
    return int(status)


def get_utc_now() -> datetime:
    """The present moment, timezone-aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class TrackerConfig:
    """The settings of one tracked step. Make it with `TrackerConfig.make`, which validates."""

    use_case_id: str
    sep: str
    status_zero_pad: int
    status_shard_zero_pad: int
    max_retry: int
    lock_expire_seconds: float
    pending_status: int
    in_progress_status: int
    failed_status: int
    succeeded_status: int
    ignored_status: int
    exhausted_status: int
    n_pending_shard: int
    n_in_progress_shard: int
    n_failed_shard: int
    n_succeeded_shard: int
    n_ignored_shard: int
    more_pending_status: tuple[int, ...]
    traceback_stack_limit: int
    status_enum: type[BaseStatusEnum]
    status_shards: Mapping[int, int]
    non_retryable: tuple[type[BaseException], ...]
    clock: Callable[[], datetime]
    ttl: Mapping[int, timedelta]
    postponing: Mapping[type[BaseException], float]
    postpone_at_most: float

    @classmethod
    def make(
        cls,
        use_case_id: str,
        pending_status: int,
        in_progress_status: int,
        failed_status: int,
        succeeded_status: int,
        ignored_status: int,
        n_pending_shard: int = 1,
        n_in_progress_shard: int = 1,
        n_failed_shard: int = 1,
        n_succeeded_shard: int = 1,
        n_ignored_shard: int = 1,
        more_pending_status: int | Iterable[int] | None = None,
        sep: str = "____",
        status_zero_pad: int = 3,
        status_shard_zero_pad: int = 3,
        max_retry: int = 3,
        lock_expire_seconds: float = 300,
        traceback_stack_limit: int = 10,
        non_retryable: Iterable[type[BaseException]] = (),
        clock: Callable[[], datetime] = get_utc_now,
        ttl: Mapping[int, timedelta] | None = None,
        exhausted_status: int | None = None,
        postponing: Mapping[type[BaseException], float] | None = None,
        postpone_at_most: float = 24 * 3600,
    ) -> TrackerConfig:
        """Validate the settings and freeze them.

        Args:
            use_case_id: names the tasks that belong together; one table serves many use cases. It must not
                contain `sep`, nor end with the first character of `sep`.
            pending_status, in_progress_status, failed_status, succeeded_status, ignored_status: different integers;
                only failed may be pending, which puts a failed task back among those to do: its attempts count all
                the same. A step's succeeded may be the next step's pending.
            n_pending_shard, n_in_progress_shard, n_failed_shard, n_succeeded_shard, n_ignored_shard: over how
                many index partitions the tasks of that status are spread, on DynamoDB. May be raised at any time.
            more_pending_status: further codes from which the step may start, besides pending and failed. In progress
                may be among them and adds nothing: such a task is taken over when its lease ends, and never before.
            sep: stands between the parts of the stored keys.
            status_zero_pad, status_shard_zero_pad: digits of the status and of the shard in the index key.
            max_retry: attempts in a row that may fail, the vanished ones included, before the task is ignored.
            lock_expire_seconds: the lease of an attempt, in seconds.
            traceback_stack_limit: frames of a traceback that are kept in the history.
            non_retryable: exception types that make a task ignored at once, besides `NonRetryableError`.
            clock: returns the present time, timezone-aware.
            ttl: how long a finished task is kept, by its status (succeeded, ignored, exhausted); by default for
                ever. Do not give one to a succeeded that is another step's pending. On DynamoDB the table must have
                TTL enabled on the attribute ``expire_at``.
            exhausted_status: the status of a task whose attempts are used up, to distinguish it from
                `ignored_status`, which is then set only by `NonRetryableError` and by people. By default they are one.
            postponing: exception types that postpone an attempt instead of failing it, besides `Postponed`; each with
                its pause in seconds. The `retry_after` of an exception, if it has one, replaces the pause.
            postpone_at_most: for how long a task may be postponed in a row, in seconds. A postponement after that
                counts as a failure.

        Raises:
            ValueError: a setting is invalid; the message names it and what is allowed.
        """
        given = (pending_status, in_progress_status, failed_status, succeeded_status, ignored_status, exhausted_status)
        codes = _checked_codes(*given)
        shards = (n_pending_shard, n_in_progress_shard, n_failed_shard, n_succeeded_shard, n_ignored_shard)
        config = cls(
            use_case_id=use_case_id,
            sep=sep,
            status_zero_pad=status_zero_pad,
            status_shard_zero_pad=status_shard_zero_pad,
            max_retry=max_retry,
            lock_expire_seconds=lock_expire_seconds,
            pending_status=codes["pending"],
            in_progress_status=codes["in_progress"],
            failed_status=codes["failed"],
            succeeded_status=codes["succeeded"],
            ignored_status=codes["ignored"],
            exhausted_status=codes.get("exhausted", codes["ignored"]),
            n_pending_shard=n_pending_shard,
            n_in_progress_shard=n_in_progress_shard,
            n_failed_shard=n_failed_shard,
            n_succeeded_shard=n_succeeded_shard,
            n_ignored_shard=n_ignored_shard,
            more_pending_status=as_status_codes(more_pending_status),
            traceback_stack_limit=traceback_stack_limit,
            status_enum=_status_enum(codes),
            status_shards=FrozenDict(_shards(codes.values(), (*shards, n_ignored_shard))),
            non_retryable=(NonRetryableError, *_checked_exceptions(non_retryable)),
            clock=clock,
            ttl=FrozenDict(_checked_ttl(ttl or {}, {name: codes[name] for name in _FINISHED if name in codes})),
            postponing=FrozenDict(_checked_pauses(postponing or {})),
            postpone_at_most=postpone_at_most,
        )
        config._validate()
        return config

    def next_step(self, **changes: Any) -> TrackerConfig:
        """The config of the step that goes on where this one has succeeded.

        Its pending is this step's succeeded. Its in_progress, failed, succeeded and ignored are this step's ignored
        plus 20, 30, 40 and 50: after 10, 20, 30, 40, 50 come 40, 70, 80, 90, 100, then 90, 120, 130, 140, 150. An
        exhausted with a code of its own is 50 higher. The other settings are those of this step, except
        `more_pending_status` and `ttl`, which name this step's codes.

        Args:
            changes: settings of `make` that differ in the next step, codes included.

        Raises:
            ValueError: as of `make`, or another code than its pending is one of this step's.

        Example::

            class Answer(Extract):
                config = Extract.config.next_step(max_retry=5)
        """
        exhausted = None if self.exhausted_status == self.ignored_status else self.exhausted_status + 50
        settings: dict[str, Any] = {
            "pending_status": self.succeeded_status,
            "in_progress_status": self.ignored_status + 20,
            "failed_status": self.ignored_status + 30,
            "succeeded_status": self.ignored_status + 40,
            "ignored_status": self.ignored_status + 50,
            "exhausted_status": exhausted,
            "non_retryable": [each for each in self.non_retryable if each is not NonRetryableError],
        }
        settings |= {name: getattr(self, name) for name in _SAME_IN_NEXT_STEP}
        following = TrackerConfig.make(**{**settings, **changes})
        self._refuse_codes_of_this_step(following)
        return following

    def shared_codes(self, other: TrackerConfig) -> list[tuple[int, str, str]]:
        """The codes by which this and another step of a use case take each other's tasks, with their names in each.

        The succeeded of the one may be the pending of the other, in one direction only. A code by which both have
        finished with a task starts nothing.
        """
        shared = [
            (ours.value, ours.name, theirs.name)
            for ours in self.status_enum
            for theirs in other.status_enum
            if ours.value == theirs.value and not {ours.name, theirs.name} <= {"succeeded", "ignored", "exhausted"}
        ]
        passed_on = [each for each in shared if {*each[1:]} == {"succeeded", "pending"}]
        return shared if len(passed_on) > 1 else [each for each in shared if each not in passed_on]

    def _refuse_codes_of_this_step(self, following: TrackerConfig) -> None:
        own, free = set(self.status_shards), max(*self.status_shards, *following.status_shards) + 10
        shared = [each for each in following.status_enum if each.value in own and each.name != "pending"]
        if shared:
            found = ", ".join(f"{each.name} {each.value} is {self.status_name(each.value)} here" for each in shared)
            raise ValueError(
                f"The next step shares codes with this one: its {found}. Only its pending may be a code of this step: "
                f"give the others explicitly, such as next_step({shared[0].name}_status={free})."
            )

    def _validate(self) -> None:
        if not self.sep:
            raise ValueError("sep is empty: give the string that stands between the parts of a key, like '____'.")
        self.startable_statuses(None)
        _require_at_least("max_retry", self.max_retry, 1)
        for name in ("traceback_stack_limit", "status_zero_pad", "status_shard_zero_pad"):
            _require_at_least(name, getattr(self, name), 0)
        self.check_use_case_id(self.use_case_id)
        if not is_number(self.postpone_at_most) or not 0 <= self.postpone_at_most <= LONGEST_PAUSE:
            raise ValueError(
                f"postpone_at_most is {self.postpone_at_most!r}: give seconds, at least 0 and at most "
                f"{LONGEST_PAUSE:,}."
            )
        if not callable(self.clock):
            raise ValueError(f"clock is {self.clock!r}: give a function that tells the time, like get_utc_now.")
        self.lease(None)

    def check_use_case_id(self, use_case_id: str) -> None:
        """Raise `ValueError` for a use case id whose keys could be mistaken for another's."""
        if not isinstance(use_case_id, str) or not use_case_id:
            raise ValueError(f"use_case_id is {use_case_id!r}: give a non-empty string.")
        # Also for a separator that overlaps itself, the first one found in a key must be ours.
        overlaps = f"{use_case_id}{self.sep}".find(self.sep) < len(use_case_id)
        if overlaps or use_case_id.endswith(self.sep[0]):
            raise ValueError(
                f"use_case_id {use_case_id!r} contains the separator {self.sep!r} or ends with its first character, "
                "so its keys could be those of another use case: choose another id or another sep."
            )
        codes, shards = map(str, self.status_shards), map(str, self.status_shards.values())
        code = max(self.status_zero_pad, *map(len, codes))
        size = (
            len(f"{use_case_id}{self.sep}{self.sep}".encode())
            + code
            + max(self.status_shard_zero_pad, *map(len, shards))
        )
        if size > MAX_KEY_BYTES:
            raise ValueError(
                f"use_case_id {use_case_id[:80]!r}… is too long: with status and shard it is {size:,} bytes in the "
                f"index, and at most {MAX_KEY_BYTES:,} are taken. Choose a shorter one."
            )

    def make_key(self, task_id: str | int, use_case_id: str | None = None) -> str:
        """The stored key of a task: ``{use_case_id}{sep}{task_id}``.

        Args:
            task_id: an integer stands for its digits; 7 and ``"7"`` are one task.

        Raises:
            ValueError: the task id is empty, or neither a string nor an integer, or the key is too long.
        """
        if use_case_id is None:
            use_case_id = self.use_case_id
        else:
            self.check_use_case_id(use_case_id)
        task_id = str(task_id) if is_whole_number(task_id) else task_id
        if not isinstance(task_id, str) or not task_id:
            raise ValueError(f"task_id is {task_id!r}: give a non-empty string, or an integer.")
        key = f"{use_case_id}{self.sep}{task_id}"
        try:
            size = len(key.encode())
        except UnicodeEncodeError as error:
            raise ValueError(f"task_id {task_id[:80]!r} is no valid Unicode text ({error.reason}).") from error
        if size > MAX_KEY_BYTES:
            raise ValueError(
                f"The key of task {task_id[:80]!r}… is {size:,} bytes long, and at most {MAX_KEY_BYTES:,} are taken: "
                "use a shorter task_id, for example a hash of it."
            )
        return key

    def startable_statuses(self, more_pending_status: int | Iterable[int] | None) -> tuple[int, ...]:
        """The codes from which a start may acquire; an argument replaces the configured `more_pending_status`."""
        more = self.more_pending_status if more_pending_status is None else as_status_codes(more_pending_status)
        codes = dict.fromkeys((self.pending_status, self.failed_status, *more))
        return tuple(code for code in codes if code != self.in_progress_status)

    def lease(self, seconds: float | None) -> timedelta:
        """How long an attempt may hold a task; `seconds` replaces the configured `lock_expire_seconds`."""
        lease = self.lock_expire_seconds if seconds is None else seconds
        if not is_number(lease) or not _SHORTEST_LEASE <= lease <= _LONGEST_LEASE:
            raise ValueError(
                f"lock_expire_seconds is {lease!r}: give seconds, at least {_SHORTEST_LEASE:f} (times are stored to "
                f"the microsecond) and at most {_LONGEST_LEASE:,}."
            )
        return timedelta(seconds=lease)

    def now(self) -> datetime:
        """The time of `clock`, in UTC. Raises `ValueError` if it has no time zone."""
        now = self.clock()
        if now.tzinfo is None:
            raise ValueError(f"The clock said {now!r}, without a time zone: use datetime.now(timezone.utc).")
        return now.astimezone(UTC)

    def status_name(self, status: int) -> str:
        """The name of a code of this step; of any other code, the code itself as a string."""
        try:
            return self.status_enum.value_to_name(status)
        except ValueError:
            return str(status)

    def status_code(self, status: int | str) -> int:
        """The code of a status given as a code, as text, or by its name in this step.

        Raises:
            ValueError: the step has no status of that name.
        """
        text = str(status).strip().lower().replace("-", "_")
        if text.isascii() and text.isdigit():
            return int(text)
        names: dict[str, int] = {member.name: member.value for member in self.status_enum}
        if text not in names:
            known = ", ".join(f"{name} ({code})" for name, code in names.items())
            raise ValueError(f"There is no status {status!r}: give a code, or one of {known}.")
        return names[text]


class NoConfig:
    """Stands for the `config` of a class that has none, and says so; one of a mixin after the base is found."""

    def __get__(self, _task: object, owner: type) -> TrackerConfig:
        for base in owner.__mro__:
            given = vars(base).get("config")
            if isinstance(given, TrackerConfig):
                return given
        raise AttributeError(
            f"{owner.__name__} has no config: give it `config = TrackerConfig.make(…)`, the settings of its step."
        )


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is an int or a float; a bool is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole_number(value: object) -> TypeGuard[int]:
    """Whether it is an int; a bool is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def as_status_codes(statuses: int | Iterable[int] | None, name: str = "more_pending_status") -> tuple[int, ...]:
    """One status, several or none, as a tuple of integers. Raises `ValueError` for anything else."""
    if statuses is None:
        return ()
    if isinstance(statuses, str) or not isinstance(statuses, Iterable | int):
        raise ValueError(f"{name} is {statuses!r}: give an integer, or several of them, as config.succeeded_status is.")
    several = [statuses] if isinstance(statuses, int) else list(statuses)
    return tuple(_checked_code(name, status) for status in several)


def _checked_codes(
    pending: int, in_progress: int, failed: int, succeeded: int, ignored: int, exhausted: int | None
) -> dict[str, int]:
    given = {"pending": pending, "in_progress": in_progress, "failed": failed}
    given |= {"succeeded": succeeded, "ignored": ignored}
    if exhausted is not None:
        given["exhausted"] = exhausted
    codes = {name: _checked_code(f"{name}_status", status) for name, status in given.items()}
    if len(set(codes.values())) < len(codes) - (codes["failed"] == codes["pending"]):
        raise ValueError(
            f"The status codes of a step must be different integers (only failed may be pending); these are {codes}."
        )
    return codes


def _shards(codes: Iterable[int], counts: Iterable[int]) -> dict[int, int]:
    """The shard count of each code; of two statuses with one code, the larger."""
    shards: dict[int, int] = {}
    for code, count in zip(codes, counts, strict=False):
        _require_at_least(f"the shard count of status {code}", count, 1)
        shards[code] = max(count, shards.get(code, 0))
    return shards


def _checked_code(name: str, status: int) -> int:
    if not is_whole_number(status) or status < 0:
        raise ValueError(f"{name} is {status!r}: give an integer of at least 0, or a member of a BaseStatusEnum.")
    return int(status)


def _checked_ttl(ttl: Mapping[int, timedelta], ended: Mapping[str, int]) -> dict[int, timedelta]:
    named = " or the ".join(f"{name} status ({code})" for name, code in ended.items())
    for status, lifetime in ttl.items():
        finished = isinstance(status, int) and status in ended.values()
        if not finished or not isinstance(lifetime, timedelta) or not timedelta(0) < lifetime <= _LONGEST_TTL:
            raise ValueError(
                f"ttl has {lifetime!r} for status {status!r}: give a timedelta, above 0 and at most "
                f"{_LONGEST_TTL.days:,} days, for the {named}."
            )
    return {int(status): lifetime for status, lifetime in ttl.items()}


def _checked_exceptions(types: Iterable[type[BaseException]]) -> tuple[type[BaseException], ...]:
    given: tuple[object, ...] = (types,) if isinstance(types, type) else tuple(types)
    checked = tuple(each for each in given if _is_exception_type(each))
    if len(checked) < len(given):
        raise ValueError(f"non_retryable is {types!r}: give exception types.")
    return checked


def _is_exception_type(value: object) -> TypeGuard[type[BaseException]]:
    return isinstance(value, type) and issubclass(value, BaseException)


def _checked_pauses(postponing: Mapping[type[BaseException], float]) -> dict[type[BaseException], float]:
    if not isinstance(postponing, Mapping):
        raise ValueError(f"postponing is {postponing!r}: give exception types with their pauses, {{ServiceError: 30}}.")
    for kind, pause in postponing.items():
        if not _is_exception_type(kind) or not is_number(pause) or not 0 < pause <= LONGEST_PAUSE:
            raise ValueError(
                f"postponing has {pause!r} for {kind!r}: give for an exception type a pause in seconds, above 0 and at "
                f"most {LONGEST_PAUSE:,}."
            )
    return dict(postponing)


def _status_enum(codes: Mapping[str, int]) -> type[BaseStatusEnum]:
    # The functional API of Enum makes a class, which the type checker cannot see.
    return BaseStatusEnum("StatusEnum", dict(codes))  # type: ignore[call-overload, no-any-return]


def _require_at_least(name: str, value: int, minimum: int) -> None:
    if not is_whole_number(value) or value < minimum:
        raise ValueError(f"{name} is {value!r}: give an integer of at least {minimum}.")
