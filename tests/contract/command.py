"""The command `status-tracker` as a process of its own, on a table of DynamoDB Local's or moto's."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.engines import Engine
from tests.support.steps import CREDENTIALS, REGION

ROOT = Path(__file__).parents[2]

MODULE = """
import os
import status_tracker as st
from status_tracker.operations.pipeline import Pipeline

class Order(st.BaseTask):
    class Meta:
        table_name = "{table}"
        region = "{region}"
        max_retry_attempts = 2

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make(
        use_case_id="test", pending_status=10, in_progress_status=20, failed_status=30, succeeded_status=40,
        ignored_status=50, n_pending_shard=5, n_in_progress_shard=5, n_failed_shard=5, n_succeeded_shard=10,
        n_ignored_shard=5, lock_expire_seconds=60,
    )

    @classmethod
    def dispatch(cls, task):
        if task.task_id == os.environ.get("DIES_AT"):
            os.kill(os.getpid(), 9)
        cls.note("dispatched", f"{{task.task_id}} {{task.run}}")

    @classmethod
    def recall(cls, task):
        cls.note("recalled", task.task_id)
        if f"recall {{task.task_id}}" == os.environ.get("DIES_AT"):
            os.kill(os.getpid(), 9)

    @classmethod
    def discard(cls, task):
        cls.note("discarded", task.task_id)
        if f"discard {{task.task_id}}" == os.environ.get("DIES_AT"):
            os.kill(os.getpid(), 9)

    @staticmethod
    def note(name, line):
        with open(name, "a") as log:
            log.write(f"{{line}}\\n")

PIPELINE = Pipeline({{"Order": Order}})
"""


@dataclass
class Command:
    """Runs it in a folder that has the task class."""

    folder: Path
    engine: Engine
    table: str
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "shop.py").write_text(MODULE.format(table=self.table, region=REGION))
        self.environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT / "layer"),
            "PYTHONWARNINGS": "error",
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_ENDPOINT_URL": self.engine.host,
            "STATUS_TRACKER_TASK": "shop:Order",
        }

    @property
    def dispatched(self) -> list[str]:
        """What was dispatched: id and run."""
        return self.noted("dispatched")

    def noted(self, name: str) -> list[str]:
        """What the task class has done: ``dispatched``, ``recalled`` or ``discarded``."""
        log = self.folder / name
        return log.read_text().splitlines() if log.exists() else []

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-m", "status_tracker.cli", *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)
