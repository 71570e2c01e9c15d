"""Which tasks the command is about: the task class or pipeline, and where its tasks are kept."""

from __future__ import annotations

import gc
import importlib
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.history import told
from ..core.task import TrackedTask
from ..operations.pipeline import Pipeline
from .errors import WrongUsageError

if TYPE_CHECKING:
    from .steps import Step

# A command that cannot reach AWS shall say so within seconds.
_PATIENCE = {"connect_timeout_seconds": 2, "read_timeout_seconds": 5, "max_retry_attempts": 2}
_CREDENTIALS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
)
_LIFECYCLE = ("pending_status", "in_progress_status", "failed_status", "succeeded_status", "ignored_status")


@dataclass(frozen=True)
class Target:
    """The options that say which tasks; every command has them."""

    task: Annotated[
        str,
        typer.Option(
            envvar="STATUS_TRACKER_TASK",
            metavar="MODULE:CLASS",
            help="The pipeline, or the task class of one step; commands that only read take several, separated by "
            "commas. The current directory can be imported.",
        ),
    ] = ""
    table: Annotated[str | None, typer.Option(help="The DynamoDB table, instead of the class's.")] = None
    region: Annotated[str | None, typer.Option(help="The AWS region.")] = None
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None
    endpoint_url: Annotated[str | None, typer.Option(help="The address of AWS, such as a local one.")] = None
    url: Annotated[
        str | None,
        typer.Option(envvar="STATUS_TRACKER_URL", help="The database's SQLAlchemy URL, for a class with JobMixin."),
    ] = None
    statuses: Annotated[
        str | None,
        typer.Option(
            metavar="P,I,F,S,G",
            help="The codes for pending, in progress, failed, succeeded, ignored, "
            "for a class with JobMixin and no config.",
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Output for machines.")] = False

    def each(self) -> list[Target]:
        """A target for each of the pipelines and classes that ``--task`` names, separated by commas."""
        names = [name.strip() for name in self.task.split(",")]
        return [replace(self, task=name) for name in dict.fromkeys(names) if name] or [self]

    def check_one(self) -> None:
        """Raises `WrongUsageError` where ``--task`` names several, whose tasks are each changed by their own rules."""
        if len(self.each()) > 1:
            raise WrongUsageError(f"--task is {self.task!r}: only commands that read take several; give one.")

    @contextmanager
    def opened(self, task_class: Any = None) -> Iterator[Step]:
        """The step that the options name; of a pipeline the first, or that of the given class.

        Raises:
            WrongUsageError: the options name no step, or do not fit it.
        """
        use_aws(self.region, self.profile, self.endpoint_url)
        found = _import(self.task) if task_class is None else task_class
        if isinstance(found, Pipeline):
            found = found.first.task_class
        if _is_sql(found):
            with self._opened_jobs(found) as jobs:
                yield jobs
            return
        if not (isinstance(found, type) and issubclass(found, TrackedTask) and hasattr(found, "query_by_status")):
            raise WrongUsageError(f"{self.task} is {found!r}: give a class derived from BaseTask, or from JobMixin.")
        if not hasattr(found, "config"):
            raise WrongUsageError(f"{self.task} has no config: give one of the steps that derive from it.")
        self._refuse("a DynamoDB table", url=self.url, statuses=self.statuses)
        if hasattr(found, "Meta"):
            self._set_meta(found.Meta)
        else:
            self._refuse("tasks in memory", table=self.table)
        yield found  # type: ignore[misc]  # a class is what it makes

    def given_pipeline(self) -> Pipeline | None:
        """The pipeline that the options name; None where they name a task class.

        Raises:
            WrongUsageError: they name nothing that is there.
        """
        found = _import(self.task)
        return found if isinstance(found, Pipeline) else None

    def pipeline(self) -> Pipeline:
        """The pipeline that the options name.

        Raises:
            WrongUsageError: they name none, or do not fit it.
        """
        use_aws(self.region, self.profile, self.endpoint_url)
        found = _import(self.task)
        if not isinstance(found, Pipeline):
            raise WrongUsageError(f"{self.task} is {found!r}: give a pipeline, such as orders.tasks:PIPELINE.")
        self._refuse("a pipeline", url=self.url, statuses=self.statuses)
        for step in found:
            if hasattr(step.task_class, "Meta"):
                self._set_meta(step.task_class.Meta)
        return found

    def _set_meta(self, meta: Any) -> None:
        given = {"table_name": self.table, "region": self.region, "host": self.endpoint_url}
        for name, value in given.items():
            if value:
                setattr(meta, name, value)
        if not getattr(meta, "table_name", None):
            raise WrongUsageError(f"{self.task} names no table: give --table.")
        if not getattr(meta, "region", None):
            meta.region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
        for name, most in _PATIENCE.items():
            setattr(meta, name, min(most, getattr(meta, name, most)))

    def _opened_jobs(self, job_class: Any) -> AbstractContextManager[Step]:
        from .database import opened_jobs  # noqa: PLC0415  # whoever uses DynamoDB needs no SQLAlchemy

        self._refuse("a SQL database", table=self.table)
        if not self.url:
            raise WrongUsageError(f"{self.task} is kept in a SQL database: give its --url, such as sqlite:///jobs.db.")
        return opened_jobs(job_class, self.url, self._named_statuses())

    def _named_statuses(self) -> dict[str, int]:
        if self.statuses is None:
            return {}
        codes = self.statuses.split(",")
        if len(codes) != len(_LIFECYCLE) or not all(code.strip().isdecimal() for code in codes):
            raise WrongUsageError(
                f"--statuses is {self.statuses!r}: give five codes, for pending, in progress, failed, succeeded and "
                "ignored, such as 10,20,30,40,50."
            )
        return dict(zip(_LIFECYCLE, map(int, codes), strict=True))

    def _refuse(self, kept_in: str, **options: str | None) -> None:
        for name, value in options.items():
            if value and name not in _FROM_ENVIRONMENT:
                raise WrongUsageError(f"--{name} is given, but {self.task} is kept in {kept_in}: leave it out.")


def use_aws(region: str | None, profile: str | None, endpoint_url: str | None) -> None:
    """Have all clients use these options, where they are given.

    Through the environment, so that the clients that a task class makes when it dispatches follow too. Credentials in
    the environment go before AWS_PROFILE, and not before a profile that is asked for.
    """
    if profile:
        for name in _CREDENTIALS:
            os.environ.pop(name, None)
    given = {
        "AWS_PROFILE": profile,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint_url,
    }
    os.environ.update({name: value for name, value in given.items() if value})


_FROM_ENVIRONMENT = {"url"}  # may be set for another class


def steps_known_beside(step: Step) -> list[tuple[str, Any]]:
    """The further steps of the use case that are known here, by their names as ``--task`` takes them."""
    if "status_tracker.dynamodb.shards" not in sys.modules or not hasattr(step, "Meta"):
        return []
    from ..dynamodb.shards import steps_beside  # noqa: PLC0415  # whoever uses a SQL database needs no pynamodb

    chosen: Any = step  # with Meta, it is a BaseTask
    beside = steps_beside(chosen, chosen.config.use_case_id)
    return [(f"{other.__module__}:{other.__name__}", other) for other in beside if other is not chosen]


def _import(name: str) -> Any:
    if "," in name:
        raise WrongUsageError(f"--task is {name!r}: only commands that read take several; give one.")
    module_name, colon, class_name = name.partition(":")
    if not (module_name and colon and class_name):
        give = "give --task module:Class, or set STATUS_TRACKER_TASK to it"
        if name:
            raise WrongUsageError(f"--task is {name!r}: {give}.")
        raise WrongUsageError(
            f"No task class is given: {give}, which `. .local/env` does for the local cloud, and "
            '`eval "$(status-tracker env STACK)"` for a stack on AWS.'
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        gc.disable()  # as in `main`
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise WrongUsageError(f"There is no module {error.name!r} in {here} or on the PYTHONPATH.") from error
        raise WrongUsageError(f"{module_name} cannot be imported: {error}.") from error
    except Exception as error:
        raise WrongUsageError(f"{module_name} cannot be imported: {told(error)}") from error
    finally:
        gc.enable()
    found = getattr(module, class_name, None)
    if found is None:
        classes = ", ".join(_task_classes(module)) or "none"
        raise WrongUsageError(f"{module_name} has no {class_name!r}; its task classes are: {classes}.")
    return found


def _task_classes(module: ModuleType) -> list[str]:
    classes = inspect.getmembers(module, inspect.isclass)
    return [
        name
        for name, each in classes
        if (issubclass(each, TrackedTask) and hasattr(each, "config")) or (_is_sql(each) and hasattr(each, "__table__"))
    ]


def _is_sql(found: Any) -> bool:
    """Whether it is a job; asked without SQLAlchemy, which may not be there."""
    bases = inspect.getmro(found) if inspect.isclass(found) else ()
    return any(base.__module__ == "status_tracker.sql.model" and base.__name__ == "JobMixin" for base in bases)
