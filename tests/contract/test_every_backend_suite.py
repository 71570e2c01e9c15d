"""The suite itself: it notices a backend that is wrong in one thing, by the rule that this breaks."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

import pytest

from status_tracker.testing import MemoryStorage, MemoryTask
from status_tracker.testing.contract import Promise
from status_tracker.testing.contract.steps import Scenes
from tests.contract.backends import tampered
from tests.contract.table import collect

ROOT = Path(__file__).parents[2]
RIGHT = "TestAsItShouldBe"
NOTICED: dict[str, set[str]] = {
    "TestEarly": {"r9"},
    "TestAnyWorker": {"r1", "r2", "r4"},
    "TestNoRemoval": {"r7", "r9"},
    "TestShrinking": {"r4", "r12"},
    "TestNoFinishedLocks": {"r4", "r5"},
    "TestNoVanishedLocks": {"r4", "r5"},
    "TestNoUpdateCount": {"r4"},
    "TestLate": {"r4"},
    "TestNewestFinish": {"r4", "r5"},
    "TestAnyFence": {"r4"},
    "TestSameStatus": {"r4"},
    "TestNoLock": {"r1", "r2"},
    "TestNoErrors": {"r2", "r8", "r10", "r11"},
    "TestNoFence": {"r13"},
    "TestNoRun": {"r11"},
    "TestNoRetry": {"r8"},
}


@pytest.fixture(scope="module")
def failed() -> dict[str, set[str]]:
    """The rules that failed, by suite; of each suite that is wrong only those are tested that should."""
    wanted = [f"{suite} and ({' or '.join(f'test_{rule}_' for rule in rules)})" for suite, rules in NOTICED.items()]
    paths = os.pathsep.join([str(ROOT / "layer"), str(ROOT), *sys.path])
    command = [sys.executable, "-m", "pytest", tampered.__file__, "-q", "--tb=no", "-p", "no:cacheprovider", "-rfE"]
    done = subprocess.run(  # noqa: S603  # the command is made here
        [*command, "-k", " or ".join([RIGHT, *wanted])],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"\d+ failed, \d+ passed, \d+ deselected in ", done.stdout), done.stdout[-3000:] + done.stderr
    rules: defaultdict[str, set[str]] = defaultdict(set)
    for suite, rule in re.findall(r"^FAILED \S+::(\w+)::test_(r\d+)_", done.stdout, re.MULTILINE):
        rules[suite].add(rule)
    return rules


@pytest.mark.parametrize("suite", NOTICED)
def test_a_backend_that_is_wrong_in_one_thing_fails_by_the_rule_that_this_breaks(
    failed: dict[str, set[str]], suite: str
) -> None:
    assert failed[suite] == NOTICED[suite]


def test_a_backend_that_is_right_passes(failed: dict[str, set[str]]) -> None:
    assert RIGHT not in failed


def test_every_suite_that_is_wrong_is_looked_at() -> None:
    assert {name for name in vars(tampered) if name.startswith("Test")} == {RIGHT, *NOTICED}


def test_a_suite_without_a_backend_says_what_to_do() -> None:
    with pytest.raises(NotImplementedError, match="Override the fixture"):
        inspect.unwrap(Scenes.backend)(Scenes())


def test_every_promise_tells_what_happens_without_it() -> None:
    source = inspect.getsource(Promise)
    for promise in Promise:
        assert re.search(rf'{promise.name} = "[^"]+"\n    """Without ', source), promise


def test_every_backend_has_all_tests() -> None:
    counts = collect()
    by_backend: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (rule, backend), count in counts.items():
        by_backend[backend][rule] = count
    assert len(by_backend) == 15
    assert all(rules == by_backend["TestMemory"] for rules in by_backend.values())
    assert {f"R{n}" for n in range(1, 20)} - {"R15"} <= set(by_backend["TestMemory"])


def test_the_example_of_memory_task_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())
    doc = inspect.getdoc(MemoryTask)
    assert doc is not None
    example = re.search(r"::\n\n((?:    .*\n|\n)+)", doc)
    assert example is not None
    exec(compile(textwrap.dedent(example[1]), "MemoryTask", "exec"), {})  # noqa: S102  # our own documentation


def test_what_users_test_with_needs_nothing_but_the_library() -> None:
    program = (
        "import sys; import status_tracker.testing; "
        "assert not {'pytest', 'pynamodb', 'sqlalchemy', 'botocore'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "layer")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)  # noqa: S603
