"""Every state that can be reached, breadth first, so that what breaks a promise is told by its shortest way there."""

from __future__ import annotations

from dataclasses import dataclass

from .ledger import ViolationError
from .world import Setting, State, World


@dataclass(frozen=True)
class Explored:
    """What was seen.

    Attributes:
        states: how many different ones.
        steps: how many ways lead from one to another.
        violation: the first broken promise; None for none.
        way: what happened until then.
        complete: whether there was nothing left to explore.
    """

    states: int
    steps: int
    violation: str | None = None
    way: tuple[str, ...] = ()
    complete: bool = True


def explore(setting: Setting, most: int = 10_000_000) -> Explored:
    """Explore until a promise is broken, all is seen, or `most` states were."""
    world = World(setting)
    first = world.beginning()
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    front, steps = [first], 0
    while front:
        behind: list[State] = []
        for state in front:
            try:
                for what, there in world.following(state):
                    steps += 1
                    if there not in came_from:
                        came_from[there] = (state, what)
                        behind.append(there)
            except ViolationError as violation:
                return Explored(len(came_from), steps, str(violation), _way(came_from, state), complete=False)
            if len(came_from) >= most:
                return Explored(len(came_from), steps, complete=False)
        front = behind
    return Explored(len(came_from), steps)


def _way(came_from: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    way: list[str] = []
    place = came_from[state]
    while place is not None:
        state, what = place
        way.append(what)
        place = came_from[state]
    return tuple(reversed(way))
