"""`rerun`, `ignore`, `unignore`, `unlock`, `cancel`, `delete`: on named tasks, or on all that match."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import typer

from ..core.config import TrackerConfig
from ..core.errors import TaskUnreadableError
from ..operations.actions import Action, ActionOutcome, TaskAction
from ..operations.all_steps import AllSteps, configs_of
from ..operations.bulk import SAMPLE_SIZE, BulkRun, checked_run_id
from ..operations.filters import TaskFilter
from .callers import caller
from .display import advance, console, error_console, look, print_json, progress, tasks_table
from .errors import Code, WrongUsageError
from .ids import task_id_of
from .options import Chosen, How
from .progress import Reading
from .readable import Readable
from .scope import Scope, opened_scope
from .tally import Tally
from .target import Target
from .text import SHOWN, can_ask, plain, say, tasks

if TYPE_CHECKING:
    from .steps import Step


def act(
    name: str,
    ids: list[str],
    chosen: Chosen,
    how: How,
    target: Target,
    steps: Sequence[str] | None,
    *,
    cancel: bool = False,
) -> None:
    """Do the action to the tasks of these ids, or to all that match, in every step of a pipeline or in these.

    Args:
        name: of the action.
        cancel: for deletions, cancel what a worker holds.

    Raises:
        WrongUsageError, ValueError: the options are invalid; nothing was changed.
        typer.Exit: not all was done.
    """
    target.check_one()
    action = Action(name)
    if bool(ids) == chosen.is_given:
        raise WrongUsageError(f"Give either task ids or a filter, such as --status failed, to say what to {action}.")
    if not how.reason.strip() and not how.dry_run:
        raise WrongUsageError("No reason is given: say why with --reason; it is recorded on each task.")
    if action is Action.DELETE:
        _check_deletion(ids, chosen, steps)
    with opened_scope(target, steps) as scope:
        if action is Action.DELETE and isinstance(scope.first, type) and not scope.of_pipeline:
            raise WrongUsageError(
                f"{target.task} is a task class, which knows no results: give --task the pipeline, to delete them too."
            )
        if ids:
            _act_on_ids(scope, action, ids, how, target, asks=not steps, cancel=cancel)
        else:
            _act_on_all(scope, action, chosen, how, target, cancel=cancel)


def _check_deletion(ids: list[str], chosen: Chosen, steps: Sequence[str] | None) -> None:
    if not ids and not chosen.status:
        raise WrongUsageError("Say which tasks to delete by their --status too, such as --status succeeded.")
    if ids and steps:
        raise WrongUsageError("--step goes with a filter, not with task ids that are to be deleted: leave it out.")


def _tasks_of(scope: Scope) -> Step:
    """What the actions are done to."""
    if scope.of_pipeline and scope.pipeline is not None:
        tasks: Any = AllSteps(scope.pipeline, [each.name for each in scope.steps])
        return tasks  # type: ignore[no-any-return]  # it is all that a step is to the commands that act
    return scope.first


def _tell_of_going_back(scope: Scope, step: Step, chosen: TaskFilter) -> None:
    """Say which of the chosen tasks begin again with an earlier step: what is behind them is done twice."""
    if not isinstance(step, AllSteps):
        return
    for code in chosen.statuses:
        now, first = step.step_at(code), step.step_of_rerun(code)
        if now is not first:
            say(f"Tasks that are {scope.statuses[code].status} in {now.name} restart at {first.name}.")


def _act_on_all(scope: Scope, action: Action, chosen: Chosen, how: How, target: Target, *, cancel: bool) -> None:
    step = _tasks_of(scope)
    matching = chosen.filter_in(scope, _usual(action, configs_of(step)))
    if action is Action.RERUN:
        _tell_of_going_back(scope, step, matching)
    run = BulkRun(
        step,
        action,
        matching,
        reason=how.reason or "dry run",
        by=None if how.dry_run else how.by or caller(target),
        run_id=how.run_id,
        limit=how.limit,
        rate=how.rate,
        cursor=how.cursor,
        cancel=cancel,
    )
    total = _count(run, how) if how.yes and not how.dry_run else _rehearse(scope, matching, run, how, target)
    if how.dry_run:
        return
    if how.run_id or total:
        say(f"Run {plain(run.run_id)}: should it be interrupted, --run-id {plain(run.run_id)} completes it.")
    _carry_out(action, run.run_id, run, total, target, run)


def _count(run: BulkRun[Any], how: How) -> int | None:
    """How many match; None where a run is completed, which has tasks to do that match no more."""
    matching = _counted(run)
    say(f"Matching: {tasks(matching)}.")
    return None if how.run_id else matching


def _counted(run: BulkRun[Any]) -> int:
    """How many match; Ctrl-C ends the command."""
    read = count()
    try:
        with Reading("Counting") as reading:
            return run.rehearse(lambda: reading.look(f"{next(read):,} read")).matching
    except KeyboardInterrupt:
        say("Interrupted while counting: nothing was changed.")
        raise typer.Exit(Code.INTERRUPTED) from None


def _act_on_ids(
    scope: Scope, action: Action, ids: list[str], how: How, target: Target, *, asks: bool, cancel: bool
) -> None:
    """Do the action to these tasks; `asks` whether a person is asked before a rerun begins with an earlier step."""
    step = _tasks_of(scope)
    given = {"--dry-run": how.dry_run, "--limit": how.limit, "--rate": how.rate, "--cursor": how.cursor}
    if wrong := [name for name, value in given.items() if value]:
        raise WrongUsageError(f"{wrong[0]} goes with a filter, not with task ids: leave it out.")
    run_id = checked_run_id(how.run_id)
    one = TaskAction(step, action, None, how.reason, how.by or caller(target), run_id, cancels=cancel)
    task_ids = [task_id_of(step, given) for given in ids]
    if action is Action.DELETE and not how.yes:
        _ask(f"{action} {tasks(len(task_ids))} with all that they have?", "to delete them")
    if action is Action.RERUN and asks and not how.yes and isinstance(step, AllSteps):
        _ask_to_go_back(step, task_ids)
    _carry_out(action, run_id, map(one.act, task_ids), len(ids), target)


def _ask(question: str, purpose: str) -> None:
    """Go on only if a person says yes."""
    if not can_ask():
        raise WrongUsageError(f"Nobody can be asked here: give --yes {purpose}.")
    if not typer.confirm(question, err=True):
        say("Nothing was changed.")
        raise typer.Exit(Code.NOT_ALL)


def _ask_to_go_back(steps: AllSteps, task_ids: list[str]) -> None:
    """Ask before tasks that are through begin with the first step again: what is behind them is done twice."""
    going = [(task_id, *back) for task_id in task_ids if (back := _going_back(steps, task_id))]
    if not going:
        return
    for task_id, place, beginning in going[:SHOWN]:
        say(f"{plain(task_id)} has succeeded in {place}; this restarts it at {beginning}")
    if len(going) > SHOWN:
        say(f"… and {len(going) - SHOWN} more.")
    _ask(f"{Action.RERUN} {tasks(len(task_ids))}?", f"to restart at {going[0][-1]}")


def _going_back(steps: AllSteps, task_id: str) -> tuple[str, str] | None:
    """The step of a task, and the earlier one to which a rerun takes it; None for any other, and what is unreadable."""
    try:
        task = steps.get_one_or_none(task_id, consistent_read=True)
    except TaskUnreadableError:  # the action tells of it
        return None
    if task is None:
        return None
    code = task.tracked_state().status
    now, first = steps.step_at(code).name, steps.step_of_rerun(code).name
    return None if now == first else (now, first)


def _usual(action: Action, configs: Sequence[TrackerConfig]) -> tuple[int, ...]:
    """The statuses of an action if none is given, of every step that is meant; those of a deletion are always given."""
    return tuple(dict.fromkeys(code for config in configs for code in _usual_of(action, config)))


def _usual_of(action: Action, config: TrackerConfig) -> tuple[int, ...]:
    set_aside = (config.ignored_status, config.exhausted_status)
    return {
        Action.RERUN: (config.failed_status, *set_aside),
        Action.IGNORE: (config.failed_status,),
        Action.UNIGNORE: set_aside,
        Action.UNLOCK: (config.in_progress_status,),
        Action.CANCEL: (config.pending_status, config.in_progress_status, config.failed_status),
        Action.DELETE: (),
    }[action]


def _rehearse(scope: Scope, matching: TaskFilter, run: BulkRun[Any], how: How, target: Target) -> int:
    """Show how many match, and the first ones; ask whether to continue, unless it is a dry run."""
    asks = not how.dry_run
    if asks and not can_ask():
        raise WrongUsageError("Nobody can be asked here: give --yes to act on all that match, or --dry-run.")
    found = _counted(run)
    at_most = min(SAMPLE_SIZE, how.limit or SAMPLE_SIZE)
    sample = matching.matching(scope.first, limit=at_most, cursor=how.cursor, whole=True)
    views = [scope.view(task) for task in Readable(sample)]
    if target.json and not asks:
        print_json({"matching": found, "sample": [view.summary() for view in views]})
    elif views:
        out = error_console() if asks else console()
        out.print(tasks_table(views, scope.config.now(), out.width))
    if not found and (how.run_id is None or how.dry_run):  # else a run may have tasks to dispatch
        say("No task matches.")
        raise typer.Exit(Code.NOT_ALL)
    say(f"Matching: {tasks(found)}.")
    if asks and not typer.confirm(f"{run.action} {tasks(found)}?", err=True):
        say("Nothing was changed.")
        raise typer.Exit(Code.NOT_ALL)
    return found


def _carry_out(
    action: Action,
    run_id: str,
    outcomes: Iterable[ActionOutcome],
    total: int | None,
    target: Target,
    run: BulkRun[Any] | None = None,
) -> None:
    tally = Tally(action, run_id)
    try:
        with progress(action, total) as bar:
            if run is not None:
                run.before_each = partial(look, bar)
            for outcome in outcomes:
                tally.add(outcome)
                advance(bar)
    except BaseException as error:
        for outcome in run.not_given() if run is not None else ():
            tally.add(outcome)
        if tally.counts:
            tally.tell(target, run)
        if not isinstance(error, KeyboardInterrupt):
            raise
        say(f"Interrupted. To go on, give the same command with --run-id {run_id}")
        raise typer.Exit(Code.INTERRUPTED) from None
    tally.tell(target, run)
    if run is not None and run.stopped:
        raise typer.Exit(Code.UNREACHABLE)
    if code := tally.code:
        raise typer.Exit(code)
