"""A process that sweeps: says that it is ready, and sweeps when told.

An execution is a file of its name, which is made once: that of run 0 has ended for every task. Its answer is a line of
JSON: how many it restarted, and how many it failed to.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import status_tracker as st
from status_tracker.operations.sweeping import sweep
from tests.support.steps import STEP1_CODES, make_base, make_step


def main() -> None:
    host, table, executions = sys.argv[1:]
    step: Any = make_step(make_base(host, table), STEP1_CODES)

    class Driven(step):  # type: ignore[misc]
        @classmethod
        def dispatch(cls, task: Any) -> None:
            with suppress(FileExistsError):
                (Path(executions) / f"{task.task_id}-{task.run or 0}").touch(exist_ok=False)

        @classmethod
        def run_state(cls, task: Any) -> st.RunState:
            return st.RunState.RUNNING if task.run else st.RunState.ENDED

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    swept = sweep(Driven, pending_after=timedelta(0))
    sys.stdout.write(json.dumps({"restarted": len(swept.restarted), "failed": len(swept.failed)}))


if __name__ == "__main__":
    main()
