"""Workers and operators, over the library's own `Execution` and `act`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import status_tracker as st
from status_tracker.core.execution import Execution
from status_tracker.core.lifecycle import Lifecycle
from status_tracker.core.task import act

from .replay import Actor, Conversation, Suspended

LEASE_SECONDS = 2
_STEPS: Mapping[str, tuple[int, int, int, int, int]] = {"A": (10, 20, 30, 40, 50), "B": (40, 70, 80, 90, 100)}


class BrokenError(Exception):
    """An attempt that fails."""


class SlowError(Exception):
    """An attempt that fails, and asks for time."""

    retry_after = 1


class HopelessError(st.NonRetryableError):
    """An attempt that fails for good."""


_RAISES: Mapping[str, Callable[[], Exception]] = {
    "fail": BrokenError,
    "wait": SlowError,
    "give up": HopelessError,
    "postpone": partial(st.Postponed, "not now", retry_after=1),
}


@dataclass(frozen=True)
class Scene:
    """What the actors have in common.

    Attributes:
        rules: makes the rules; a broken variant gives others.
        max_retry: failures in a row after which the task is ignored.
    """

    rules: type[Lifecycle] = Lifecycle
    max_retry: int = 2

    def step(self, name: str, now: Callable[[], Any]) -> st.TrackerConfig:
        return st.TrackerConfig.make(
            "u",
            *_STEPS[name],
            max_retry=self.max_retry,
            lock_expire_seconds=LEASE_SECONDS,
            traceback_stack_limit=1,
            postpone_at_most=2,
            clock=now,
        )

    def lifecycle(self, step: str, conversation: Conversation, **settings: Any) -> Lifecycle:
        config = self.step(step, conversation.now)
        return self.rules(config, "u", "t", startable=config.startable_statuses(None), **settings)


def worker(
    scene: Scene, name: str, *choices: str, step: str = "A", create: bool = False, skew: int = 0, within: int = 1
) -> Actor:
    """A worker that starts the task, and in the block does one of `choices` after the other, until one is an end.

    Args:
        choices: "update", "extend", and the ends: "succeed", "fail", "wait", "give up", "postpone".
        within: how many updates and extensions there are at most.
    """

    def play(conversation: Conversation) -> str:
        rules = scene.lifecycle(step, conversation, create=create, initial_data="new")
        execution = Execution(conversation, rules, timedelta(seconds=LEASE_SECONDS))
        try:
            with execution as ctx:
                _work(ctx, conversation, name, choices, within)
        except Suspended:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever the worker is told
            return f"{type(error).__name__}{' stored' if execution.is_stored else ''}"
        return "succeeded"

    return Actor(name, play, skew)


def _work(ctx: Any, conversation: Conversation, name: str, choices: tuple[str, ...], within: int) -> None:
    done = 0
    while True:
        open_to = choices if done < within else tuple(each for each in choices if each not in {"update", "extend"})
        choice = conversation.choose(*open_to)
        if choice == "succeed":
            ctx.set_data({"by": name})
            return
        if make := _RAISES.get(choice):
            raise make()
        done += 1
        if choice == "extend":
            ctx.extend_lock()
        else:
            ctx.set_data({"by": name, "so far": done}).update()


def operator(scene: Scene, name: str, action: str, *, step: str = "A", run: int = 0, request: str = "") -> Actor:
    """Somebody who does one deliberate action: rerun, ignore, unignore, unlock, or restart of that run."""

    def play(conversation: Conversation) -> str:
        rules = scene.lifecycle(step, conversation)
        rule = getattr(rules, action)
        if action == "restart":
            rule = partial(rule, run=run)
        try:
            act(conversation, rules, rule, action, "why", name, request or f"{action}-{name}")
        except Suspended:
            raise
        except Exception as error:  # noqa: BLE001  # whatever the operator is told
            return type(error).__name__
        return "acted"

    return Actor(name, play)
