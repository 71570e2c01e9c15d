"""`rerun`, `ignore`, `unignore`, `unlock`, `cancel`, `delete`: on named tasks, or on all that match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import typer

from ..core.config import TrackerConfig
from ..core.errors import TaskUnreadableError
from ..operations.actions import Action, ActionOutcome, Kind, TaskAction
from ..operations.all_steps import AllSteps, configs_of
from ..operations.bulk import KEPT_TROUBLES, SAMPLE_SIZE, BulkRun, checked_run_id
from ..operations.filters import TaskFilter
from ..operations.pipeline import Pipeline
from .callers import caller
from .display import advance, console, error_console, outcome_table, print_json, progress, tasks_table
from .errors import Code, WrongUsageError, explained
from .ids import task_id_of
from .options import Chosen, How
from .readable import Readable
from .target import Step, Target
from .text import can_ask, plain, say, tasks
from .views import View

_SHOWN = 10


def act(action: Action, ids: list[str], chosen: Chosen, how: How, target: Target, *, cancel: bool = False) -> None:
    """Do the action to the tasks of these ids, or to all that match.

    To cancel and to delete, the tasks of a pipeline are those of all its steps.

    Args:
        cancel: for deletions, cancel what a worker holds.

    Raises:
        WrongUsageError, ValueError: the options are invalid; nothing was changed.
        typer.Exit: not all was done.
    """
    if bool(ids) == chosen.is_given:
        raise WrongUsageError(f"Give either task ids or a filter, such as --status failed, to say what to {action}.")
    if not how.reason.strip() and not how.dry_run:
        raise WrongUsageError("No reason is given: say why with --reason; it is recorded on each task.")
    if action is Action.DELETE and not ids and not chosen.status:
        raise WrongUsageError("Say which tasks to delete by their --status too, such as --status succeeded.")
    pipeline = target.given_pipeline()
    with target.opened() as step:
        if action is Action.DELETE and pipeline is None and isinstance(step, type):
            raise WrongUsageError(
                f"{target.task} is a task class, which knows no results: give --task the pipeline, to delete them too."
            )
        whole = pipeline is not None and action.recalls
        tasks_of: Step = AllSteps(target.pipeline()) if whole else step  # type: ignore[assignment]
        if ids:
            _act_on_ids(tasks_of, action, ids, how, target, cancel=cancel)
        else:
            _act_on_all(tasks_of, action, _in_codes(chosen, pipeline, action), how, target, cancel=cancel)


def _in_codes(chosen: Chosen, pipeline: Pipeline | None, action: Action) -> Chosen:
    """The same options, with the codes that the names of statuses have in the pipeline.

    Those of all steps to cancel and to delete, else those of the first step. What has succeeded in a step and waits for
    the next is pending.
    """
    if pipeline is None or not chosen.status:
        return chosen
    found: list[int] = []
    for status in chosen.status:
        codes = pipeline.codes_of(status)
        of_first = [code for code in codes if code in pipeline.first.statuses.values()]
        found += codes if action.recalls else of_first or codes
    return replace(chosen, status=[str(code) for code in found])


def _tell_of_going_back(pipeline: Pipeline, chosen: TaskFilter) -> None:
    """Say which of the chosen tasks have come to a later step: what is behind them is done twice."""
    later = [pipeline.meanings(code)[-1:] for code in chosen.statuses if pipeline.step_at(code) != pipeline.first]
    for meaning in chain.from_iterable(later):
        say(f"Tasks that are {meaning.status} in {meaning.step} restart at {pipeline.first.name}.")


def _act_on_all(step: Step, action: Action, chosen: Chosen, how: How, target: Target, *, cancel: bool) -> None:
    matching = chosen.filter(step.config, _usual(action, configs_of(step)))
    pipeline = target.given_pipeline()
    if action is Action.RERUN and pipeline is not None:
        _tell_of_going_back(pipeline, matching)
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
    total = _count(run, how) if how.yes and not how.dry_run else _rehearse(step, matching, run, how, target)
    if how.dry_run:
        return
    if how.run_id or total:
        say(f"Run {plain(run.run_id)}: should it be interrupted, --run-id {plain(run.run_id)} completes it.")
    _carry_out(action, run.run_id, run, total, target, run)


def _count(run: BulkRun[Any], how: How) -> int | None:
    """How many match; None where a run is completed, which has tasks to do that match no more."""
    with progress("Counting"):
        matching = run.rehearse().matching
    say(f"Matching: {tasks(matching)}.")
    return None if how.run_id else matching


def _act_on_ids(step: Step, action: Action, ids: list[str], how: How, target: Target, *, cancel: bool) -> None:
    given = {"--dry-run": how.dry_run, "--limit": how.limit, "--rate": how.rate, "--cursor": how.cursor}
    if wrong := [name for name, value in given.items() if value]:
        raise WrongUsageError(f"{wrong[0]} goes with a filter, not with task ids: leave it out.")
    run_id = checked_run_id(how.run_id)
    one = TaskAction(step, action, None, how.reason, how.by or caller(target), run_id, cancels=cancel)
    task_ids = [task_id_of(step, given) for given in ids]
    if action is Action.DELETE and not how.yes:
        _ask(f"{action} {tasks(len(task_ids))} with all that they have?", "to delete them")
    if action is Action.RERUN and not how.yes and (pipeline := target.given_pipeline()) is not None:
        _ask_to_go_back(pipeline, step, task_ids)
    _carry_out(action, run_id, map(one.act, task_ids), len(ids), target)


def _ask(question: str, purpose: str) -> None:
    """Go on only if a person says yes."""
    if not can_ask():
        raise WrongUsageError(f"Nobody can be asked here: give --yes {purpose}.")
    if not typer.confirm(question, err=True):
        say("Nothing was changed.")
        raise typer.Exit(Code.NOT_ALL)


def _ask_to_go_back(pipeline: Pipeline, step: Step, task_ids: list[str]) -> None:
    """Ask before tasks that have come to a later step begin with the first again: what is behind them is done twice."""
    places = [(task_id, place) for task_id in task_ids if (place := _later_step(pipeline, step, task_id))]
    if not places:
        return
    for task_id, place in places[:_SHOWN]:
        say(f"{plain(task_id)} {place}; this restarts it at {pipeline.first.name}")
    if len(places) > _SHOWN:
        say(f"… and {len(places) - _SHOWN} more.")
    _ask(f"{Action.RERUN} {tasks(len(task_ids))}?", f"to restart at {pipeline.first.name}")


def _later_step(pipeline: Pipeline, step: Step, task_id: str) -> str:
    """What the task does in a step after the first; empty where it is in none, or cannot be read."""
    try:
        task = step.get_one_or_none(task_id, consistent_read=True)
    except TaskUnreadableError:  # the action tells of it
        return ""
    meanings = [] if task is None else pipeline.meanings(task.tracked_state().status)
    if not meanings or meanings[-1].step == pipeline.first.name:
        return ""
    return f"{'has' if meanings[-1].status == 'succeeded' else 'is'} {meanings[-1].status} in {meanings[-1].step}"


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


def _rehearse(step: Step, matching: TaskFilter, run: BulkRun[Any], how: How, target: Target) -> int:
    """Show how many match, and the first ones; ask whether to continue, unless it is a dry run."""
    asks = not how.dry_run
    if asks and not can_ask():
        raise WrongUsageError("Nobody can be asked here: give --yes to act on all that match, or --dry-run.")
    with progress("Counting"):
        result = run.rehearse()
    sample = matching.matching(step, limit=min(SAMPLE_SIZE, how.limit or SAMPLE_SIZE), cursor=how.cursor, whole=True)
    views = [_view(task, step, target.given_pipeline()) for task in Readable(sample)]
    if target.json and not asks:
        print_json({"matching": result.matching, "sample": [view.summary() for view in views]})
    elif views:
        out = error_console() if asks else console()
        out.print(tasks_table(views, step.config.now(), out.width))
    if not result.matching and (how.run_id is None or how.dry_run):  # else a run may have tasks to dispatch
        say("No task matches.")
        raise typer.Exit(Code.NOT_ALL)
    say(f"Matching: {tasks(result.matching)}.")
    if asks and not typer.confirm(f"{run.action} {tasks(result.matching)}?", err=True):
        say("Nothing was changed.")
        raise typer.Exit(Code.NOT_ALL)
    return result.matching


def _view(task: Any, step: Step, pipeline: Pipeline | None) -> View:
    """The task by the step where it is, as `ls` shows it."""
    if pipeline is None or len(pipeline.steps) == 1:
        return View.of(task, step.config, pipeline)
    place = pipeline.step_at(task.tracked_state().status)
    return View.of(task, place.task_class.config, pipeline, step=place.name)


def _carry_out(
    action: Action,
    run_id: str,
    outcomes: Iterable[ActionOutcome],
    total: int | None,
    target: Target,
    run: BulkRun[Any] | None = None,
) -> None:
    tally = _Tally(action, run_id)
    try:
        with progress(action, total) as bar:
            for outcome in outcomes:
                tally.add(outcome)
                advance(bar)
    except BaseException:
        for outcome in run.not_given() if run is not None else ():
            tally.add(outcome)
        if tally.counts:
            tally.tell(target, run)
        raise
    tally.tell(target, run)
    if run is not None and run.stopped:
        raise typer.Exit(Code.UNREACHABLE)
    if code := tally.code:
        raise typer.Exit(code)


class _Tally:
    """The outcomes so far.

    Attributes:
        counts: how many of them had each outcome.
    """

    def __init__(self, action: Action, run_id: str) -> None:
        self._action = action
        self._run_id = run_id
        self.counts: Counter[str] = Counter()
        self._troubles: list[dict[str, str]] = []

    @property
    def code(self) -> Code:
        done = sum(self.counts[kind] for kind in (Kind.DONE, Kind.REPEATED))
        nothing_to_delete = self._action is Action.DELETE and not self.counts  # what a nightly call is to find
        if nothing_to_delete or (done and done == self.counts.total()):
            return Code.OK
        unreachable = self.counts and self.counts[Kind.FAILED] == self.counts.total()
        return Code.UNREACHABLE if unreachable else Code.NOT_ALL

    def add(self, outcome: ActionOutcome) -> None:
        self.counts[outcome.kind.value] += 1
        if outcome.kind not in {Kind.DONE, Kind.REPEATED} and len(self._troubles) < KEPT_TROUBLES:
            explanation = explained(outcome.error) if outcome.kind is Kind.FAILED and outcome.error else None
            trouble = {"task_id": outcome.task_id, "outcome": outcome.kind.value}
            self._troubles.append({**trouble, "message": explanation or outcome.message})

    def tell(self, target: Target, run: BulkRun[Any] | None) -> None:
        cursor, stopped = (None, None) if run is None else (run.cursor, run.stopped)
        if target.json:
            result = {"action": self._action.value, "run_id": self._run_id, "counts": dict(self.counts)}
            print_json({**result, "troubles": self._troubles, "cursor": cursor, "stopped": stopped})
            return
        if self.counts:
            console().print(outcome_table(self.counts))
        else:
            say("No task matches.")
        for trouble in self._troubles[:_SHOWN]:
            say(f"{plain(trouble['task_id'])}: {trouble['outcome']}: {plain(trouble['message'])}")
        if self._action is Action.DELETE and self.counts[Kind.LOCKED]:
            say(f"What --cancel has cancelled is deleted by the same call with --run-id {self._run_id} after that.")
        if len(self._troubles) > _SHOWN:
            say("… more of them with --json")
        if stopped:
            place = "" if cursor is None else f" --cursor {cursor}"
            say(f"Stopped: {plain(stopped)}. To go on: --run-id {self._run_id}{place}")
