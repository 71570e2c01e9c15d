"""`verify`, where there is nothing to verify. What it does is tested in tests/local_cloud/test_verify.py."""

from __future__ import annotations

from typing import Any

import pytest

PIPELINE = "tests.unit.cli.shop:PIPELINE"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--task", "tests.unit.cli.shop:Order"], "give a pipeline, such as orders.tasks:PIPELINE"),
        (
            ["--task", PIPELINE],
            "The pipeline of shop names no samples to verify it with: give Pipeline(…, "
            "verification=…), a function that returns a Verification(good=…, hopeless=…, big=…) of Samples",
        ),
        (["--task", PIPELINE, "--timeout", "soon"], "--timeout is 'soon': give a duration such as 90s, 10m or 1h"),
        (["--task", PIPELINE, "--timeout", "0s"], "--timeout is '0s'"),
        (["--task", PIPELINE, "--statuses", "1,2,3,4,5"], "leave it out"),
    ],
)
def test_it_is_told_and_nothing_is_done(run: Any, options: list[str], told: str) -> None:
    answer = run("verify", *options)
    assert answer.code == 2
    assert told in answer.err
    assert answer.out == ""
