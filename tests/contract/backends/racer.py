"""A process that takes part in races: reads where each is, says that it is ready, and starts every task when told.

Its answer is a line of JSON: the tasks whose blocks it ran, and the errors that refused it all others.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import status_tracker as st
from status_tracker.testing.contract import Step
from tests.contract.backends.places import open_step


def main() -> None:
    for line in sys.stdin:
        race = json.loads(line)
        with open_step(**race["place"]) as step:
            say("ready")
            sys.stdin.readline()
            say(json.dumps(run(step, race["task_ids"])))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(step: Step, task_ids: list[str]) -> dict[str, Any]:
    """Start every task once."""
    entered, refused = [], []
    for task_id in task_ids:
        try:
            with step.start(task_id):
                entered.append(task_id)
        except (st.TaskLockedError, st.TaskAlreadySucceedError) as error:
            refused.append(type(error).__name__)
    return {"entered": entered, "refused": refused}


if __name__ == "__main__":
    main()
