"""``make demo`` and ``make cloud`` as their user meets them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.local_cloud.application import LAST
from tests.local_cloud.support import processes_of, wait_for

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "documents"


def started(*command: str | Path, env: Mapping[str, str] = os.environ) -> subprocess.Popen[str]:
    """What ``make`` runs."""
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("layer", "lambdas", "infra"))
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", *map(str, command)],
        cwd=ROOT,
        env={**env, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def demo(state: Path, docs: str | Path, env: Mapping[str, str] = os.environ) -> subprocess.Popen[str]:
    return started("demo", "--state", state, "--docs", docs, env=env)


def outcome(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and all that was printed."""
    output, _ = process.communicate(timeout=600)
    return process.returncode, output


def test_a_missing_folder_is_told_at_once(tmp_path: Path) -> None:
    code, output = outcome(demo(tmp_path / "state", tmp_path / "nowhere"))
    assert code == 2
    assert "nowhere does not exist" in output


def test_an_empty_folder_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "documents" / "sub").mkdir(parents=True)
    code, output = outcome(demo(tmp_path / "state", tmp_path / "documents"))
    assert code == 2
    assert "no files in it" in output


def test_an_empty_name_is_not_the_current_folder(tmp_path: Path) -> None:
    code, output = outcome(demo(tmp_path / "state", ""))
    assert code == 2
    assert "it is empty; a folder of documents is wanted" in output


def test_the_home_folder_is_found(tmp_path: Path) -> None:
    code, output = outcome(demo(tmp_path / "state", "~/nowhere", {**os.environ, "HOME": str(tmp_path)}))
    assert code == 2
    assert f"{tmp_path}/nowhere does not exist" in output


def test_missing_node_is_told(tmp_path: Path) -> None:
    code, output = outcome(demo(tmp_path, SAMPLES, env={**os.environ, "PATH": ""}))
    assert code == 1
    assert "Node.js" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["cdk.out", "logs/bootstrap.log"])
def test_an_interrupt_stops_everything_and_says_so(tmp_path: Path, number: signal.Signals, when: str) -> None:
    process = demo(tmp_path, SAMPLES)
    wait_for(when, (tmp_path / when).exists)
    process.send_signal(number)
    code, output = outcome(process)
    assert processes_of(tmp_path) == []
    assert code == 128 + number
    assert output.endswith("Interrupted: every process that was started has been stopped.\n")
    assert "Traceback" not in output


def test_a_second_interrupt_does_not_keep_it_from_stopping_everything(tmp_path: Path) -> None:
    process = demo(tmp_path, SAMPLES)
    wait_for("the server", (tmp_path / "logs" / "bootstrap.log").exists)
    for number in (signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
    code, output = outcome(process)
    assert processes_of(tmp_path) == []
    assert code in {128 + signal.SIGINT, 128 + signal.SIGTERM}
    assert output.endswith("Interrupted: every process that was started has been stopped.\n")
    assert "Traceback" not in output


def test_the_demo_accounts_for_every_document(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    (folder / "sub folder").mkdir(parents=True)
    shutil.copy(SAMPLES / "invoice-1001.pdf", folder / "sub folder" / "my invoice.pdf")
    shutil.copy(SAMPLES / "hopeless-scan.pdf", folder)
    (folder / "empty.pdf").touch()
    elsewhere = {**os.environ, "AWS_PROFILE": "a-real-account", "HTTP_PROXY": "http://localhost:1"}
    code, output = outcome(demo(tmp_path / "state", folder, env=elsewhere))
    assert code == 0, output
    assert "3 documents: 2 ignored, 1 succeeded" in output
    assert f"sub folder/my invoice.pdf  {LAST} succeeded" in output
    assert "INV-1001" in output
    assert "hopeless-scan.pdf: The PDF has no text" in output
    assert "AWS::Logs::QueryDefinition" in output
    assert re.search(r"status-tracker-local-IgnoredExtract: \w+ → ALARM\. \d of \d datapoints ", output)
    assert "make cloud" in output
    assert all(line.isprintable() for line in output.splitlines())
    assert processes_of(tmp_path) == []


def test_up_tells_how_to_reach_the_cloud(tmp_path: Path) -> None:
    env = {**os.environ, "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}"}
    arguments = ("--app", ".", "--context", "stage=local", "--state", tmp_path)
    process = started("status_tracker.cli", "local", *arguments, env=env)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C stops everything" in line:
            break
    text, exports = "".join(lines), tmp_path / "env"
    sourced = exports.read_text()
    listed = in_another_terminal(f". {exports} && status-tracker stats && env")
    told = in_another_terminal(
        f"PYTHONPATH={ROOT / 'layer'} {sys.executable} -m status_tracker_local.exports --state {tmp_path}"
    )
    process.send_signal(signal.SIGINT)
    code, _ = outcome(process)
    assert code == 0
    assert f"  . {exports}\n" in text
    assert "DocumentBucketName" in text
    assert 'add --endpoint-url "$AWS_ENDPOINT_URL"' in text
    assert re.search(r"page: http://localhost:\d+/_local_cloud\n", text)
    assert re.search(r"the dashboard status-tracker-local: http://localhost:\d+/_local_cloud/dashboard\?name=", text)
    assert re.search(r"the widget .*: http://localhost:\d+/_local_cloud/widget\?dashboard=", text)
    assert "succeeded" in listed
    assert re.search(r"^AWS_ENDPOINT_URL=http://localhost:\d+$", listed, re.MULTILINE)
    assert re.search(r"^WORKFLOW_ARN=arn:aws:states:", listed, re.MULTILINE)
    assert "AWS_PROFILE" not in listed
    assert told == sourced
    assert not exports.exists()
    assert processes_of(tmp_path) == []


def in_another_terminal(command: str) -> str:
    """What the command prints, in a shell that is set up for another account."""
    env = {"PATH": os.environ["PATH"], "AWS_PROFILE": "a-real-account"}
    done = subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout
