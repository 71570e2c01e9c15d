"""Lambda functions run as on Lambda: warm and cold, timed out, ended, failing."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from status_tracker_local.functions import ENVIRONMENTS_PER_FUNCTION
from tests.local_cloud.support import Functions, wait_for

COUNTER = """
import os
count = 0
def handler(event, context):
    global count
    count += 1
    return {"count": count, "pid": os.getpid(), "event": event, "left": context.get_remaining_time_in_millis()}
"""

LATER = """
import pathlib, time
def handler(event, context):
    while not pathlib.Path(event["go"]).exists():
        time.sleep(0.02)
    pathlib.Path(event["done"]).touch()
"""


def test_a_function_is_given_its_event_and_keeps_its_environment_warm(functions: Functions) -> None:
    functions.make("warm", COUNTER, Timeout=20)
    first, failed = functions.invoke("warm", {"text": "ünïcode", "long": "x" * 300_000})
    assert not failed
    assert first["event"] == {"text": "ünïcode", "long": "x" * 300_000}
    assert 0 < first["left"] <= 20_000
    second, _ = functions.invoke("warm")
    assert (second["count"], second["pid"]) == (first["count"] + 1, first["pid"])


def test_a_function_sees_its_own_variables_and_nothing_of_this_machine(functions: Functions) -> None:
    functions.make(
        "variables",
        "import os\ndef handler(event, context): return dict(os.environ)",
        Environment={"Variables": {"OWN": "1"}},
    )
    seen, _ = functions.invoke("variables")
    assert seen["OWN"] == "1"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "variables"
    assert seen["AWS_ENDPOINT_URL"] == functions.cloud.environment["AWS_ENDPOINT_URL"]
    assert "HOME" not in seen
    assert "AWS_PROFILE" not in seen


def test_only_what_lambda_has_can_be_imported(functions: Functions) -> None:
    functions.make("boto", "import boto3\ndef handler(event, context): return boto3.__version__")
    assert not functions.invoke("boto")[1]
    functions.make("missing", "import pynamodb\ndef handler(event, context): return 1")
    error, failed = functions.invoke("missing")
    assert failed
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert "pynamodb" in error["errorMessage"]


def test_an_exception_is_answered_with_its_class_name(functions: Functions) -> None:
    functions.make(
        "raises", "class TaskLockedError(Exception): pass\ndef handler(e, c): raise TaskLockedError('until noon')"
    )
    error, failed = functions.invoke("raises")
    assert failed
    assert (error["errorType"], error["errorMessage"]) == ("TaskLockedError", "until noon")


def test_a_function_that_times_out_is_killed_and_the_next_invocation_starts_cold(functions: Functions) -> None:
    functions.make(
        "slow",
        "import os, time\ndef handler(event, context):\n    if event: time.sleep(600)\n    return os.getpid()",
        Timeout=1,
    )
    pid, _ = functions.invoke("slow")
    error, failed = functions.invoke("slow", {"sleep": True})
    assert failed
    assert error["errorType"] == "Sandbox.Timedout"
    assert "1.00 seconds" in error["errorMessage"]
    assert functions.invoke("slow")[0] != pid


def test_a_process_that_ends_is_answered_with_runtime_exit_error(functions: Functions) -> None:
    functions.make("exits", "import os\ndef handler(event, context): os._exit(3)")
    error, failed = functions.invoke("exits")
    assert failed
    assert error["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in error["errorMessage"]


def test_a_process_killed_while_it_works_is_answered_with_runtime_exit_error(functions: Functions) -> None:
    functions.make("killed", "import time\ndef handler(event, context): time.sleep(600)", Timeout=600)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(functions.invoke, "killed")
        (pid,) = wait_for("its process", lambda: functions.cloud.processes().get("killed"))
        os.kill(pid, signal.SIGKILL)
        error, failed = answer.result(timeout=60)
    assert failed
    assert error["errorType"] == "Runtime.ExitError"
    assert "signal 9" in error["errorMessage"]


def test_an_idle_environment_that_was_killed_is_replaced(functions: Functions) -> None:
    functions.make("idle", COUNTER)
    first, _ = functions.invoke("idle")
    os.kill(first["pid"], signal.SIGKILL)
    wait_for("its end", lambda: first["pid"] not in functions.cloud.processes()["idle"])
    again, failed = functions.invoke("idle")
    assert not failed
    assert again["count"] == 1


def test_changed_code_is_what_runs_next(functions: Functions) -> None:
    functions.make("changes", "def handler(event, context): return 'old'")
    assert functions.invoke("changes")[0] == "old"
    functions.update("changes", "def handler(event, context): return 'new'")
    assert functions.invoke("changes")[0] == "new"
    assert len(functions.cloud.processes()["changes"]) == 1


def test_environments_are_capped_and_invocations_wait_for_one(functions: Functions) -> None:
    functions.make("busy", "import os, time\ndef handler(event, context): time.sleep(0.05); return os.getpid()")
    count = 4 * ENVIRONMENTS_PER_FUNCTION
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: functions.invoke("busy"), range(count)))
    assert not any(failed for _, failed in answers)
    assert len({pid for pid, _ in answers}) <= ENVIRONMENTS_PER_FUNCTION


def test_each_function_has_a_log(functions: Functions) -> None:
    functions.make("talks", "def handler(event, context): print('hello from the handler')")
    functions.invoke("talks")
    log = (functions.cloud.logs / "talks.log").read_text()
    assert "START RequestId" in log
    assert "hello from the handler" in log


def test_an_event_that_is_invoked_asynchronously_is_taken_at_once_and_carried_out(
    functions: Functions, tmp_path: Path
) -> None:
    go, done = tmp_path / "go", tmp_path / "done"
    functions.make("later", LATER, Timeout=20)
    payload = json.dumps({"go": str(go), "done": str(done)}).encode()
    client = functions.cloud.client("lambda")
    assert client.invoke(FunctionName="later", InvocationType="Event", Payload=payload)["StatusCode"] == 202
    assert not done.exists()
    go.touch()
    wait_for("the event", done.exists)
