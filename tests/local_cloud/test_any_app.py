"""``status-tracker local`` on a CDK app of somebody else, outside of any checkout."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local_cloud.support import processes_of, wait_for
from tests.local_cloud.tiny_app import start_local, write_app


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path / "an app")


def test_a_command_runs_in_the_cloud_and_its_exit_code_is_ours(app: Path) -> None:
    process = start_local("--once", "-c", "greeting=Welcome", "--app", app, sys.executable, "user.py", "Ann", cwd=app)
    output, told = process.communicate(timeout=600)
    assert (process.returncode, output) == (7, "Welcome Ann!\n"), told
    assert "Deploying Store, Work (cdk deploy)" in told
    assert "Not in the local cloud, so not deployed: nothing." in told
    assert re.search(r"only functions of Python are: Store/\S+/Handler \(nodejs\d+", told)
    assert "so nothing is made of Store/Bucket/AutoDeleteObjectsCustomResource." in told
    assert processes_of(app) == []
    assert sorted(path.name for path in app.iterdir()) == [".local", "app.py", "cdk.json", "src", "user.py"]


def test_an_app_that_cannot_be_synthesized_is_told_plainly(app: Path) -> None:
    (app / "app.py").write_text("raise SystemExit('The settings are wrong.')")
    process = start_local("--once", cwd=app)
    _, told = process.communicate(timeout=600)
    assert process.returncode == 1
    assert f"cdk synth ended with exit code 1. All it said is in {app / '.local' / 'logs' / 'synth.log'}" in told
    assert "The settings are wrong." in told
    assert "Traceback" not in told


class Up:
    """An app that is kept up, with what it has said."""

    def __init__(self, app: Path) -> None:
        self.app = app
        self.log = app.parent / "said.txt"
        with self.log.open("w") as log:
            self.process = start_local("--app", app, cwd=app.parent, stdout=log, stderr=subprocess.STDOUT)

    def says(self, text: str) -> str:
        """All that it has said, once that has the text."""
        return wait_for(text, lambda: said if text in (said := self.log.read_text()) else None)

    def greet(self, name: str) -> str:
        script = f". '{self.app}/.local/env' && exec '{sys.executable}' user.py '{name}'"
        env = {"PATH": os.environ["PATH"], "AWS_PROFILE": "a-real-account"}
        done = subprocess.run(["/bin/sh", "-c", script], cwd=self.app, env=env, capture_output=True, text=True)  # noqa: PLW1510, S603
        assert done.returncode == 7, done.stderr
        return done.stdout


@pytest.fixture
def up(app: Path) -> Iterator[Up]:
    up = Up(app)
    yield up
    up.process.kill()
    up.process.wait()


def test_what_changes_is_deployed_again_and_a_mistake_is_told(up: Up) -> None:
    said = up.says("Ctrl-C stops everything")
    assert "The stack Store was deployed, with the outputs:\n\n  BucketName  store-" in said
    assert "  BucketName: Where the worker writes.\n" in said
    assert "ExportsOutput" not in said
    page = str(re.search(r"http://localhost:\d+/_local_cloud$", said, re.MULTILINE)[0])  # type: ignore[index]
    with urllib.request.urlopen(page) as answer:  # noqa: S310 - our own page
        shown = answer.read().decode()
    assert "The stack Work" in shown
    assert "Where the worker writes." in shown
    assert up.greet("Ann") == "Hello Ann!\n"

    worker, program = up.app / "src" / "worker.py", up.app / "app.py"
    worker.write_text(worker.read_text().replace("!", "?"))
    up.says("src/worker.py has changed.")
    up.says("Deployed again.")
    assert up.greet("Bob") == "Hello Bob?\n"

    right = program.read_text()
    program.write_text("raise SystemExit('The settings are wrong.')")
    said = up.says("What was deployed before is still up.")
    assert "The settings are wrong." in said
    assert "logs/synth.log" in said
    assert up.greet("Eve") == "Hello Eve?\n"
    program.write_text(right.replace('"QueueUrl"', '"AnotherOutput"') + "\n# mended")
    wait_for("the mended app", lambda: "AnotherOutput" in (up.app / ".local" / "outputs.json").read_text())

    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(240) == 0
    assert not (up.app / ".local" / "env").exists()
    assert processes_of(up.app) == []


def test_an_interrupt_ends_the_command_too_and_only_the_chosen_stack_is_deployed(app: Path) -> None:
    script = 'cp "$STATUS_TRACKER_OUTPUTS" outputs.json; touch begun; exec sleep 600'
    process = start_local("--stack", "Store", "--once", "sh", "-c", script, cwd=app)
    wait_for("the command", (app / "begun").exists)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=240)
    assert process.returncode == 128 + signal.SIGTERM
    assert told.endswith("Interrupted: every process that was started has been stopped.\n")
    assert list(json.loads((app / "outputs.json").read_text())) == ["Store"]
    assert processes_of(app) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pytest"], "'pytest' is for --once: give that before it, or leave it out."),
        (["--context", "stage"], "--context is 'stage': give a name and a value, such as stage=local."),
    ],
)
def test_options_that_make_no_sense_are_told_at_once(tmp_path: Path, arguments: list[str], told: str) -> None:
    process = start_local(*arguments, cwd=tmp_path)
    _, said = process.communicate(timeout=240)
    assert (process.returncode, said) == (2, f"Error: {told}\n")


def test_a_folder_without_an_app_is_told(tmp_path: Path) -> None:
    process = start_local("--app", tmp_path, cwd=tmp_path)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 1
    assert said == f"{tmp_path} has no cdk.json: give the folder of a CDK app, by --app.\n"
