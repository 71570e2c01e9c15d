"""What the tests of the local cloud share: functions made of source text, waiting, and looking for processes."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from local_cloud.cloud import LocalCloud

T = TypeVar("T")

PATIENCE_SECONDS = 90.0


def wait_for(what: str, look: Callable[[], T | None], patience: float = PATIENCE_SECONDS) -> T:
    """What `look` returns as soon as that is true; fails the test when it does not come about."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:g} s in vain for {what}; last seen: {found!r}")
        time.sleep(0.05)
    return found


def zipped(**modules: str) -> bytes:
    """A zip file with a Python module for each argument; ``python__x`` is module x of a layer."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, source in modules.items():
            file.writestr(f"{name.replace('__', '/')}.py", source)
    return archive.getvalue()


class Functions:
    """Makes Lambda functions of source text, through the API, and invokes them."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self._lambda = cloud.client("lambda")
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        self._role = cloud.client("iam").create_role(
            RoleName="functions",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]["Arn"]

    def make(self, name: str, source: str, **settings: Any) -> str:
        """Create the function ``name`` with `source` as its module; returns its ARN."""
        arn: str = self._lambda.create_function(
            FunctionName=name,
            Runtime="python3.14",
            Role=self._role,
            Handler="module.handler",
            Code={"ZipFile": zipped(module=source)},
            **{"Timeout": 20, **settings},
        )["FunctionArn"]
        return arn

    def update(self, name: str, source: str) -> None:
        self._lambda.update_function_code(FunctionName=name, ZipFile=zipped(module=source))

    def invoke(self, name: str, event: object = None) -> tuple[Any, bool]:
        """The payload, and whether the function failed."""
        answer = self._lambda.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read()), "FunctionError" in answer


def processes_of(state: Path) -> list[int]:
    """The ids of all processes of the cloud with this state folder: it stands in their arguments or variables."""
    mark = str(state).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if mark in text:
            found.append(int(entry.name))
    return found
