"""What is wrong with what a tracker is given, as far as it can be known when the app is synthesized."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from aws_cdk import Annotations, Duration, Token
from constructs import Construct

from status_tracker_cdk.bulk import Backfill, BulkCancel, BulkDelete, BulkRerun
from status_tracker_cdk.code import CodeFolder
from status_tracker_cdk.deletion import Deletion
from status_tracker_cdk.events import EventsProps
from status_tracker_cdk.layer import TrackerLayer
from status_tracker_cdk.monitoring.metrics import EVENTS_STEP, INTAKE_STEP, SWEEP_STEP
from status_tracker_cdk.naming import take_name
from status_tracker_cdk.props import Props, PropsError
from status_tracker_cdk.table import TableRights
from status_tracker_cdk.tracker_parts import Parts
from status_tracker_cdk.widget import VIEWER
from status_tracker_cdk.workflow import StepProps, TrackedStep

PropsT = TypeVar("PropsT", bound=Props)

_DEFAULT, _DEAD_LETTERS = "Default", "DeadLetter"
LONGEST_NAME = 50
"""A function of the widget has this and a suffix in its name, and Lambda allows 64 characters."""
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}")
_MACHINES = [machine.__name__ for machine in (Backfill, BulkRerun, BulkCancel, BulkDelete)]
RESERVED = {
    *("Tasks", "Layer", "Workflow", "Operations", "Widget", "WidgetActions", "WidgetAdministration", "Monitoring"),
    *("Files", "Outputs", "Table", "Index", EVENTS_STEP, INTAKE_STEP, SWEEP_STEP, _DEFAULT),
    *(f"{machine}{state}" for machine in _MACHINES for state in ("", "Plan", "Work", "Report")),
}
"""Names that a step cannot have, since constructs, metrics or alarms have them."""
_STEP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_PIPELINE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_HANDLER = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\.([A-Za-z_]\w*)")
_QUEUE_VARIABLE = re.compile(r"(?=.*QUEUE_URL)[A-Z][A-Z0-9_]*")
_USE_CASE = re.compile(r"[^\s#]+")


def refuse(problems: Iterable[str]) -> None:
    """Raise `PropsError` if there are any."""
    if found := list(problems):
        raise PropsError(found)


def chosen(name: str, value: PropsT | bool | None, kind: type[PropsT]) -> PropsT | None:
    """The props of an option: its defaults for True, and None for False or None.

    Raises:
        PropsError: it is something else.
    """
    if value is True:
        return kind()
    if value is None or value is False:
        return None
    if not isinstance(value, kind):
        raise PropsError([f"{name} must be a {kind.__name__}, True or False, not {value!r}"])
    return value


def chosen_events(
    scope: Construct, value: EventsProps | bool | None, bus: object, table: TableRights | None
) -> EventsProps | None:
    """The props of the events, which are on where nothing is said and a new or given `table` has a stream for them.

    Where nothing is said and the stream has its two readers, they are off, with a warning.

    Raises:
        PropsError: they or a bus are given, and the given table has no stream for them, or that has two readers.
    """
    if value is False:
        return None
    problem = None if table is None else table.problem_of_stream
    readers = None if table is None or problem else table.problem_of_readers
    if value is None and bus is None and (problem or readers):
        if readers:
            Annotations.of(scope).add_warning_v2("status-tracker:no-events", f"This tracker has no events: {readers}.")
        return None
    refuse(filter(None, [problem, readers]))
    return EventsProps() if value is None else chosen("events", value, EventsProps)


def problems_of_events(value: object, bus: object) -> Iterator[str]:
    """What is wrong with the arguments about events."""
    if value is False and bus is not None:
        yield "event_bus is for events, which are off: leave it off, too, or events on"


def problems_of_deletion(deletion: object, *, widget: bool, bulk: bool) -> Iterator[str]:
    """What is wrong with the arguments about deletion."""
    if deletion is not None and not isinstance(deletion, Deletion):
        yield f"deletion must be a Deletion, with the rights that deleting needs, or None, not {deletion!r}"
    elif deletion is not None and not widget and not bulk:
        yield "deletion is for the widget, which is off: leave it off, too, or widget or bulk_delete on"
    elif deletion is None and bulk:
        yield "bulk_delete needs a deletion, with the rights that deleting needs: give it one, or leave bulk_delete off"


def problems_of_beside(parts: Sequence[Parts]) -> Iterator[str]:
    """What is wrong with trackers, of these parts, whose widgets are to lead to each other's."""
    names = [each.commons.name for each in parts]
    use_cases = [each.commons.use_case_id for each in parts]
    for each in parts:
        if not each.choices.widget:
            yield f"beside() is for trackers with a widget, and {each.commons.name} has none"
        for other in parts:
            use_case = other.commons.use_case_id
            known = each.beside.get(use_case)
            if other is not each and known is not None and not known.endswith(f":{other.commons.name}{VIEWER}"):
                yield f"{each.commons.name} has another tracker of the use case {use_case!r} beside it"
    if len(set(use_cases)) < len(use_cases):
        yield (
            f"beside() names trackers by their use cases, and those of {', '.join(names)} are {', '.join(use_cases)}: "
            "give each one of its own"
        )


def problems_of_props(**given: tuple[object, type[Props]]) -> Iterator[str]:
    """Which of these values, by the names of their arguments, are no such props and not None."""
    for name, (value, kind) in given.items():
        if value is not None and not isinstance(value, kind):
            yield f"{name} must be a {kind.__name__}, not {value!r}"


def problems_of_resource(name: str, value: object, attribute: str, kind: str) -> Iterator[str]:
    """Whether a resource of the CDK, None included, lacks what its interface has."""
    if value is not None and not hasattr(value, attribute):
        yield f"{name} must be {kind}, not {value!r}"


def problems_of_layer(layer: object, code: CodeFolder) -> Iterator[str]:
    """Whether a layer was made for the imports of other code."""
    if isinstance(layer, TrackerLayer) and not code.path.is_relative_to(layer.functions):
        yield (
            f"layer has what {str(layer.functions)!r} imports, and code is {str(code.path)!r}: leave layer off, or "
            "give a TrackerLayer whose functions= is a folder around both"
        )


def step_props(name: str, timeout: Duration | None, memory_mb: int | None, concurrency: int | None) -> StepProps:
    """The props of a step; None stands for a default.

    Raises:
        PropsError: one of them is out of its range; by the names of the arguments of `Tracker.step`.
    """
    seconds: float | None = None if timeout is None else timeout.to_milliseconds() / 1000
    if seconds is not None and seconds.is_integer():
        seconds = int(seconds)
    arguments: dict[str, tuple[str, Any]] = {
        "step_timeout_seconds": ("timeout in seconds", seconds),
        "step_memory_mb": ("memory_mb", memory_mb),
        "step_reserved_concurrency": ("reserved_concurrency", concurrency),
    }
    try:
        return StepProps(**{field: value for field, (_, value) in arguments.items() if value is not None})
    except PropsError as error:
        told = [problem.partition(" ") for problem in error.problems]
        raise PropsError([f"step {name!r}: {arguments[field][0]} {what}" for field, _, what in told]) from None


def take_or_refuse(construct: Construct, name: str, what: str) -> None:
    """Take a name in the account.

    Raises:
        PropsError: something else has it; says `what` cannot be named so.
    """
    if not take_name(construct, name):
        raise PropsError([f"{what} would be named {name}, as another tracker in the same account: rename one"])


def use_case_of(construct_id: str, given: str | None) -> str:
    """The use case of a tracker: its id, where nothing else is given; empty where that says nothing."""
    if given is not None:
        return given
    return "" if construct_id == _DEFAULT else construct_id


def problems_of_tracker(
    name: str, code: CodeFolder, pipeline: str, use_case: str, *, stream: bool, table: Any
) -> Iterator[str]:
    """What is wrong with the arguments of a tracker."""
    if table is not None and not isinstance(table, TableRights):
        yield from problems_of_resource("table", table, "table_arn", "a TableRights or dynamodb.ITable")
    if Token.is_unresolved(name):
        yield "a tracker cannot be in a NestedStack, whose name only AWS knows: put it into the stack around that"
    elif not _NAME.fullmatch(name):
        yield (
            f"the name {name!r}, of the stack and the construct's id, must be letters, digits, - and _, at most "
            f"{LONGEST_NAME}, and has {len(name)} characters"
        )
    if not use_case:
        yield f'use_case_id is needed, since the construct\'s id is "{_DEFAULT}"'
    elif not _USE_CASE.fullmatch(use_case):
        yield f"use_case_id {use_case!r} must be a text without spaces and #"
    if stream and table is not None:
        yield "stream is for a new table: switch it on where yours is made, or leave table off"
    if found := _PIPELINE.fullmatch(str(pipeline)):
        yield from code.problems("pipeline", found[1], found[2])
    else:
        yield f"pipeline {pipeline!r} must be module:NAME of a Pipeline, such as orders.tasks:PIPELINE"


def problems_of_step(name: str, handler: str, parts: Parts, code: CodeFolder) -> Iterator[str]:
    """What is wrong with a new step."""
    if not _STEP_NAME.fullmatch(name):
        yield f"step {name!r} must be letters, digits and _, at most 40, and begin with a letter"
    if name in parts.steps:
        yield f"step {name!r} is there already: each step has a name of its own"
    if name in RESERVED:
        yield f"step {name!r} cannot be named so: a part of the tracker is"
    if name.endswith(_DEAD_LETTERS):
        yield f"step {name!r} cannot end so: an output of its own would be named as one of another step"
    known = parts.known_steps
    if known is not None and name not in known:
        yield f"step {name!r} is not in {parts.commons.pipeline}, whose steps are {', '.join(known)}"
    if found := _HANDLER.fullmatch(handler):
        yield from code.problems(f"handler of step {name!r}", found[1], found[2])
    else:
        yield f"handler {handler!r} of step {name!r} must be module.name, such as invoice.handler"


def problems_of_use(steps: Sequence[TrackedStep], parts: Parts) -> Iterator[str]:
    """What is wrong with giving these steps to something that works on them."""
    used = {*parts.queues, *(step.name for step in parts.workflow)}
    for step in dict.fromkeys(steps):
        if not isinstance(step, TrackedStep):
            yield f"{step!r} is not a step: give what step() has returned"
        elif parts.steps.get(step.name) is not step:
            yield f"step {step.name!r} is not one of this tracker: add it with step()"
        elif step.name in used or list(steps).count(step) > 1:
            yield f"step {step.name!r} is worked on already: it is in one workflow or has one queue"


def problems_of_workflow(steps: Sequence[TrackedStep], parts: Parts) -> Iterator[str]:
    """What is wrong with a workflow of these steps."""
    if parts.workflow:
        yield (
            "workflow() was called twice, and a tracker has one: give it all steps that follow each other. Steps on "
            "the other side of a queue's need a queue_worker() each, or a tracker of their own"
        )
    if not steps:
        yield "workflow() needs at least one step"
    if problems := list(problems_of_use(steps, parts)):
        yield from problems
        return
    names, known = [step.name for step in steps], list(parts.steps)
    first = known.index(names[0]) if names else 0
    if names != known[first : first + len(names)]:
        yield (
            f"workflow() has the steps {', '.join(names)}, and those of the tracker are {', '.join(known)}: give it "
            "steps that follow each other, in this order"
        )


def problems_of_queue(step: TrackedStep, variable: str, max_concurrency: int, parts: Parts) -> Iterator[str]:
    """What is wrong with a queue for this step, whose URL is in that environment variable."""
    if problems := list(problems_of_use([step], parts)):
        yield from problems
        return
    if not _QUEUE_VARIABLE.fullmatch(str(variable)):
        yield (
            f"queue_variable {variable!r} must be capital letters, digits and _ with QUEUE_URL among them, such as "
            "MAIL_QUEUE_URL: by that `status-tracker env` finds it"
        )
    for name, taken in parts.queue_variables.items():
        if taken == variable:
            yield (
                f"queue_variable {variable!r} is that of step {name!r}: give each queue one of its own, and name it in "
                "its task class"
            )
    reserved = step.props.step_reserved_concurrency
    if reserved is not None and reserved < max_concurrency:
        yield (
            f"max_concurrency is {max_concurrency}, and step {step.name!r} reserves {reserved}: lower it, or raise "
            "reserved_concurrency. Each delivery that Lambda throttles brings a message nearer to the dead letter queue"
        )
