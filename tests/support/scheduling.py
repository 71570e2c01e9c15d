"""How pytest-xdist gives the tests to its workers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

TOGETHER = {
    "infra": "the templates are synthesized once",
    "local_cloud": "one cloud, to which the application is deployed once",
    "packages": "the wheels are built and installed once",
    "docs/test_site.py": "the site is built once",
    "contract/test_every_backend_suite.py": "the tampered backends are tested once",
    "contract/test_races_every_backend.py": "the processes that race are started once",
}
"""The tests that one worker runs, by the path, and why."""


class Together(LoadScopeScheduling):
    """Gives each test to the worker that has least to do, but those of a place in `TOGETHER` to one.

    This is what `--dist loadgroup` is for, which pytest-xdist 3.8 does not do on pytest 9.2. When a worker crashes,
    xdist repeats the test it was at, and also queues what was run: whoever gets that waits for ever.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in TOGETHER if nodeid.startswith(f"tests/{place}")), nodeid)

    def remove_node(self, node: WorkerController) -> str | None:
        """Queues what a worker that crashed has not begun, and returns the test that it was at."""
        waiting = {
            scope: unrun
            for scope, tests in self.assigned_work.pop(node).items()
            if (unrun := {test: False for test, is_run in tests.items() if not is_run})
        }
        if not waiting:
            return None
        crashed = next(iter(next(iter(waiting.values()))))
        for tests in waiting.values():
            tests.pop(crashed, None)
        self.workqueue.update({scope: tests for scope, tests in waiting.items() if tests})
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed

    def _assign_work_unit(self, node: WorkerController) -> None:
        with suppress(OSError):  # it has just crashed: `remove_node` comes next
            super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """A worker runs a test when it knows of another or that there is none: one test alone is not enough."""
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) <= 2:
            super()._reschedule(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    return Together(config, log) if config.getvalue("dist") == "loadscope" else None
