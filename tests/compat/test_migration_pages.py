"""docs/migration/pynamodb-mate-5.md and -6.md: their examples run, and every name of the peer stands in a table."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import status_tracker as st
from status_tracker import compat
from tests.support.engines import Engine
from tests.support.steps import CREDENTIALS

ROOT = Path(__file__).parents[2]
NAME = r"`([A-Za-z][\w.]*)`"
MODEL = {
    *("make_one", "delete_if_exists", "delete_all", "to_dict", "get_one_or_none"),
    *("iter_scan", "iter_query", "iter_scan_index", "iter_query_index"),
    *("get_table_overview_console_url", "get_table_items_console_url", "item_detail_console_url"),
}
ENUM = {f"BaseStatusEnum.{name}" for name in ("status_name", "from_value", "value_to_name", "values")}
STATUSES = ("pending", "in_progress", "failed", "succeeded", "ignored")


def of(owner: str, *names: str) -> set[str]:
    return {f"{owner}.{name}" for name in names}


V6_ERRORS = (
    *("TaskIsNotInitializedError", "TaskIsNotReadyToStartError", "TaskLockedError"),
    *("TaskAlreadySucceedError", "TaskIgnoredError"),
)
V6 = {
    *("BaseTask", "TrackerConfig", "StatusAndUpdateTimeIndex", "ExecutionContext", "BaseStatusEnum", "StatusNameEnum"),
    *("TaskExecutionError", "TaskExecutionError.to_task", *V6_ERRORS, *(f"{each}.make" for each in V6_ERRORS)),
    *("EPOCH", "NOT_LOCKED", "get_utc_now", "ensure_status_value", "T_TASK"),
    *ENUM,
    *of("StatusNameEnum", *STATUSES),
    *of("TrackerConfig", *(f"{each}_status" for each in STATUSES), *(f"n_{each}_shard" for each in STATUSES)),
    *of("TrackerConfig", "use_case_id", "sep", "status_zero_pad", "status_shard_zero_pad", "max_retry", "make"),
    *of("TrackerConfig", "lock_expire_seconds", "traceback_stack_limit"),
    *of("TrackerConfig", "more_pending_status", "status_enum", "status_shards"),
    *of("ExecutionContext", "task", "set_data", "update", "to_update_actions", "begin_update"),
    *of("BaseTask", "config", "start", "make", "make_and_save", "query_by_status", "query_for_unfinished", *MODEL),
    *of("BaseTask", "key", "value", "status", "create_time", "update_time", "retry", "lock", "lock_time"),
    *of("BaseTask", "data", "errors", "make_key", "make_value", "use_case_id", "task_id", "shard_id", "status_name"),
    *of("BaseTask", *(f"is_{each}" for each in (*STATUSES, "locked"))),
    *of("BaseTask", "count_tasks_by_use_case_id", "delete_tasks_by_use_case_id"),
}
"""What pynamodb_mate 6.0.1 has in `patterns.status_tracker`, and what `BaseTask` has from its `Model`."""

V5 = {
    *("BaseStatusTracker", "BaseStatusEnum", "StatusAndUpdateTimeIndex", "TaskLockedError", "TaskIgnoredError"),
    *("BaseDataClass", "BaseData", "BaseErrors", "EPOCH", "utc_now", "ensure_status_value"),
    *("PAY_PER_REQUEST_BILLING_MODE", "PROVISIONED_BILLING_MODE"),
    *ENUM,
    *of("BaseDataClass", "from_dict", "to_dict"),
    *of("BaseErrors", "error", "traceback"),
    *of("BaseStatusTracker", "JOB_ID", "SEP", "STATUS_ZERO_PAD", "MAX_RETRY", "LOCK_EXPIRE_SECONDS"),
    *of("BaseStatusTracker", "DEFAULT_STATUS", "STATUS_ENUM", *MODEL),
    *of("BaseStatusTracker", "key", "value", "create_time", "update_time", "retry", "lock", "lock_time", "data"),
    *of("BaseStatusTracker", "errors", "job_id", "task_id", "status", "status_name", "is_locked", "is_item_exists"),
    *of("BaseStatusTracker", "make_key", "make_value", "make", "new", "start", "pre_start_hook", "post_start_hook"),
    *of("BaseStatusTracker", "update_context", "set_status", "set_update_time", "set_retry_as_zero", "set_data"),
    *of("BaseStatusTracker", "set_retry_plus_one", "set_locked", "set_unlock", "set_errors"),
    *of("BaseStatusTracker", "query_by_status", "count_items_by_job_id", "delete_all_by_job_id"),
}
"""What pynamodb_mate 5.5.1 has in `patterns.status_tracker`, and what its tracker has from its `Model`."""


@dataclass(frozen=True)
class Page:
    """A migration page.

    Attributes:
        names: all that the peer has.
        here: the module that code imports in place of the peer's.
    """

    file: str
    names: set[str]
    here: ModuleType

    @property
    def path(self) -> Path:
        return ROOT / "docs" / "migration" / self.file

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    def named(self, beginning: str) -> list[str]:
        """The names in the rows of the table whose second column begins so."""
        rows = re.findall(r"^\| (`[^|]*) \| ([^|]*) \|$", self.text.partition("## Every name")[2], re.MULTILINE)
        return [name for names, here in rows if here.startswith(beginning) for name in re.findall(NAME, names)]

    @property
    def new(self) -> list[str]:
        return [name for name in re.findall(NAME, self.text.partition("New here")[2]) if "." in name]


PAGES = {
    "v6": Page("pynamodb-mate-6.md", V6, st),
    "v5": Page("pynamodb-mate-5.md", V5, compat),
}
KEPT = [(page, name) for page, each in PAGES.items() for name in (*each.named("the same"), *each.new)]
LEFT_OUT = [(page, name) for page, each in PAGES.items() for name in each.named("left out")]


def is_there(page: Page, name: str) -> bool:
    place: Any = page.here
    for part in name.split("."):
        fields = getattr(place, "__annotations__", {})
        if place is st.ExecutionContext and part == "task":
            return "task" in inspect.signature(place).parameters
        if not hasattr(place, part):
            return part in fields
        place = getattr(place, part)
    return True


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_name_of_the_peer_stands_in_the_table_once(page: Page) -> None:
    assert sorted([*page.named("the same"), *page.named("left out")]) == sorted(page.names)


@pytest.mark.parametrize(("page", "name"), KEPT)
def test_each_name_that_is_kept_exists(page: str, name: str) -> None:
    assert is_there(PAGES[page], name) or name == "BaseTask.config"  # which each step declares


@pytest.mark.parametrize(("page", "name"), LEFT_OUT)
def test_what_is_left_out_is_not_there(page: str, name: str) -> None:
    assert not is_there(PAGES[page], name)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_examples_run(page: Page, dynamodb_local_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(
        "\n".join(re.findall(r"^```python\n(.*?)^```", page.text, re.DOTALL | re.MULTILINE)), "utf-8"
    )
    credentials = {name.upper(): value for name, value in CREDENTIALS.items()}
    run = subprocess.run(  # our own documentation
        [sys.executable, "-W", "error", "example.py"],
        env={
            **os.environ,
            **credentials,
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_local_engine.host,
            "PYTHONPATH": str(ROOT / "layer"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_link_leads_somewhere(page: Page) -> None:
    headings = {line.lower().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", page.text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", page.text):
        file, _, anchor = target.partition("#")
        assert (page.path.parent / file).exists() if file else anchor in headings, target
