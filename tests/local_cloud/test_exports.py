"""The file to source, and what is told of a cloud that is up."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from status_tracker_local.account import client_environment
from status_tracker_local.cloud import LocalCloud
from status_tracker_local.errors import LocalCloudError
from status_tracker_local.exports import as_exports, exports_file, read_exports
from status_tracker_local.up import as_table

ROOT = Path(__file__).parents[2]


def test_a_shell_gets_every_value_as_it_is(tmp_path: Path) -> None:
    with exports_file(tmp_path, as_exports({"A_B": 'it\'s $HOME; "x"', "C": ""})) as file:
        script = f'. "{file}"; printf "%s|%s|%s" "$A_B" "$C" "$AWS_PROFILE"'
        env = {"AWS_PROFILE": "another"}
        done = subprocess.run(["/bin/sh", "-c", script], env=env, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == 'it\'s $HOME; "x"||'
    assert not file.exists()


LEADING = """#!{python}
from status_tracker_local.exports import leading_to_this_command
print(*leading_to_this_command(), sep="\\n")
"""


@pytest.mark.parametrize("call", [["./status-tracker"], ["./python", "-m", "leading"]])
def test_a_shell_finds_the_command_of_a_virtual_environment_that_is_not_activated(
    tmp_path: Path, call: list[str]
) -> None:
    here, elsewhere = tmp_path / "a venv" / "bin", tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", here.parent], check=True)  # noqa: S603
    elsewhere.mkdir()
    for command in (here / "status-tracker", elsewhere / "status-tracker"):
        command.write_text(LEADING.format(python=sys.executable))
        command.chmod(0o755)
    (here / "leading.py").write_text(LEADING)
    env = {"PATH": str(elsewhere), "PYTHONPATH": os.pathsep.join([str(ROOT / "layer"), *filter(None, sys.path)])}
    lines = subprocess.check_output(call, cwd=here, env=env, text=True)  # noqa: S603 - our own command
    script = f"{lines}\ncommand -v status-tracker"
    found = subprocess.check_output(["/bin/sh", "-c", script], env=env, cwd=tmp_path, text=True)  # noqa: S603
    assert found == f"{here}/status-tracker\n"


CLIENT = """
import boto3
from botocore.utils import get_environ_proxies
endpoint = boto3.client("dynamodb").meta.endpoint_url
print(endpoint, get_environ_proxies(endpoint))
"""


@pytest.mark.parametrize(
    "before",
    [
        {"AWS_ENDPOINT_URL_DYNAMODB": "https://elsewhere.example", "AWS_ENDPOINT_URL_S3": "https://elsewhere.example"},
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_PROFILE": "another", "AWS_DEFAULT_PROFILE": "another"},
        {"AWS_DEFAULT_PROFILE": "another"},
        {"http_proxy": "http://proxy.example:3128"},
    ],
)
def test_a_shell_that_was_set_up_for_another_account_is_led_here(tmp_path: Path, before: dict[str, str]) -> None:
    endpoint = "http://localhost:4999"
    with exports_file(tmp_path, as_exports(client_environment(endpoint))) as file:
        script = f'. "{file}"; "{sys.executable}" -c \'{CLIENT}\''
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **before}
        done = subprocess.run(["/bin/sh", "-c", script], env=env, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.stdout, done.stderr) == (f"{endpoint} {{}}\n", "")


def test_what_a_killed_cloud_has_left_is_not_taken_for_one_that_is_up(tmp_path: Path) -> None:
    with pytest.raises(
        LocalCloudError,
        match=f"No local cloud is up in {tmp_path}: start one with `status-tracker local`, or `make cloud`",
    ):
        read_exports(tmp_path)
    with exports_file(tmp_path, ["export A=1"]), (tmp_path / "lock").open("w") as lock:
        with pytest.raises(LocalCloudError, match="No local cloud is up"):
            read_exports(tmp_path)
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert read_exports(tmp_path) == "export A=1\n"


def test_what_a_killed_cloud_has_left_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("export A=1\n")
    with pytest.raises(LocalCloudError, match="No local cloud is up"):
        read_exports(tmp_path)
    with LocalCloud(state=tmp_path), pytest.raises(LocalCloudError, match="No local cloud is up"):
        read_exports(tmp_path)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_an_environment_that_still_leads_to_a_cloud_is_kept(listening: socket.socket, tmp_path: Path) -> None:
    """Where it leads to a cloud on this machine that has ended, that of the folder is told."""
    endpoint = f"http://localhost:{listening.getsockname()[1]}"
    elsewhere = "https://cloud.example:4566"
    with (tmp_path / "lock").open("w") as lock, exports_file(tmp_path, ["export A=1"]):
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert [env_unless_led(tmp_path, each) for each in (endpoint, elsewhere, "")] == ["", "", "export A=1\n"]
        listening.close()
        assert env_unless_led(tmp_path, endpoint) == "export A=1\n"
        assert env_unless_led(tmp_path, "http://localhost:port") == "export A=1\n"


def env_unless_led(state: Path, endpoint: str) -> str:
    """What `make` asks for."""
    command = [sys.executable, "-m", "status_tracker_local.exports", "--state", str(state), "--unless-led"]
    env = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "PYTHONPATH": str(ROOT / "layer")}
    return subprocess.check_output(command, env=env, text=True)  # noqa: S603 - our own command


def test_long_names_of_outputs_have_their_values_below_those_of_short_ones() -> None:
    outputs = {"Short": "a", "AnOutputWithAVeryLongNameForATable": "b"}
    assert list(as_table(outputs)) == [
        "Short                               a",
        "AnOutputWithAVeryLongNameForATable  b",
    ]
    assert list(as_table({})) == []
