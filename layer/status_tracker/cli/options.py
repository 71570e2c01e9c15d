"""Groups of options that several commands have."""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from .completing import statuses, step_names, task_ids
from .errors import WrongUsageError, told
from .quick import QuickCommand

if TYPE_CHECKING:
    from ..operations.filters import TaskFilter
    from .scope import Scope

StepNames = Annotated[
    list[str] | None,
    typer.Option(
        "--step", help="Only this step of the pipeline; may be given again. By default all.", autocompletion=step_names
    ),
]
KnownTaskId = Annotated[str, typer.Argument(help="The task.", autocompletion=task_ids)]


@dataclass(frozen=True)
class Chosen:
    """The options of a filter."""

    status: Annotated[
        list[str] | None,
        typer.Option("--status", "-s", help="Name or code; may be given again.", autocompletion=statuses),
    ] = None
    error_class: Annotated[str | None, typer.Option(help="The class of the last failure, such as KeyError.")] = None
    error_text: Annotated[str | None, typer.Option(help="A text in the last failure's error.")] = None
    since: Annotated[str | None, typer.Option(help="Status set at or after: an age such as 2h, or an ISO time.")] = None
    until: Annotated[str | None, typer.Option(help="Status set before: an age, or an ISO time.")] = None
    id_prefix: Annotated[str | None, typer.Option(help="The beginning of the task id.")] = None

    @property
    def is_given(self) -> bool:
        """Whether any of them is."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def filter_in(self, scope: Scope, default: Sequence[int] = ()) -> TaskFilter:
        """The filter of these options; without a status with the default's, or with all. Raises `ValueError`."""
        from ..operations.filters import TaskFilter  # noqa: PLC0415  # commands without a filter start sooner
        from .ids import prefix_of  # noqa: PLC0415
        from .times import parse_moment  # noqa: PLC0415

        codes = [code for status in self.status or () for code in scope.codes(status)]
        now = scope.config.now()
        chosen = TaskFilter(
            tuple(codes or default or scope.statuses),
            error_class=self.error_class,
            error_text=self.error_text,
            since=parse_moment(self.since, "--since", now),
            until=parse_moment(self.until, "--until", now),
            id_prefix=prefix_of(scope.first, self.id_prefix or ""),
        )
        if self.id_prefix is not None and not self.id_prefix:
            raise WrongUsageError("--id-prefix is empty: give the beginning of the ids, or leave it out.")
        return chosen


@dataclass(frozen=True)
class How:
    """The options of an action."""

    reason: Annotated[str, typer.Option(help="Why; recorded on each task. Needed unless it is a dry run.")] = ""
    by: Annotated[str | None, typer.Option(help="Who; by default the AWS identity, or this user.")] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell how many match, and the first.")] = False
    limit: Annotated[int | None, typer.Option(help="At most so many tasks.")] = None
    rate: Annotated[float | None, typer.Option(help="At most so many tasks a second.")] = None
    run_id: Annotated[
        str | None, typer.Option(help="Of an earlier call that is to be completed: nothing is done twice.")
    ] = None
    cursor: Annotated[str | None, typer.Option(help="Where an earlier call stopped.")] = None
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False


def command(app: typer.Typer, **context_settings: Any) -> Callable[[Callable[..., None]], None]:
    """Registers a command: its parameters that are dataclasses become options, a group each; errors are reported.

    Args:
        context_settings: settings of click's context, if it needs other ones.
    """

    def register(function: Callable[..., None]) -> None:
        app.command(cls=QuickCommand, context_settings=context_settings)(_Registered(function))

    return register


class _Registered:
    """A command as typer takes it; its options are only looked at where it is wanted, since that takes a while."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__

    def __call__(self, **options: Any) -> None:
        gc.enable()
        given = {name: _taken(kind, options) for name, kind in self._groups.items()}
        with told():
            self._function(**given, **options)

    @functools.cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self._function, include_extras=True)

    @functools.cached_property
    def _groups(self) -> dict[str, Any]:
        return {name: hint for name, hint in self._hints.items() if is_dataclass(hint)}

    @functools.cached_property
    def __signature__(self) -> inspect.Signature:
        own = [
            _parameter(name, each.default, self._hints[name])
            for name, each in inspect.signature(self._function).parameters.items()
            if name not in self._groups
        ]
        grouped = [each for kind in self._groups.values() for each in _parameters(kind)]
        return inspect.Signature([*own, *grouped])

    @property
    def __annotations__(self) -> dict[str, Any]:  # type: ignore[override]
        return {each.name: each.annotation for each in self.__signature__.parameters.values()}


@functools.cache  # most commands have the same groups
def _parameters(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [_parameter(field.name, field.default, hints[field.name]) for field in fields(kind)]


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if default in {MISSING, inspect.Parameter.empty} else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _taken(kind: Any, options: dict[str, Any]) -> Any:
    return kind(**{field.name: options.pop(field.name) for field in fields(kind)})
