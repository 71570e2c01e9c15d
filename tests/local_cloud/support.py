"""What the tests of the local cloud share: functions made of source text, waiting, and looking for processes."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from status_tracker_local.cloud import LocalCloud

T = TypeVar("T")

# What is waited for comes about within a minute; on a machine that is slow and busy it may take several times as long.
PATIENCE_SECONDS = 240.0


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


def allow(actions: str | list[str], resources: str | list[str], **elements: Any) -> dict[str, Any]:
    """A statement of a policy."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **elements}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(service: str) -> dict[str, Any]:
    """The policy of a role that a service may take."""
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def make_role(cloud: LocalCloud, name: str, service: str, *statements: dict[str, Any]) -> str:
    """Create a role of a service with those rights; returns its ARN."""
    iam = cloud.client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust(service)))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="Rights", PolicyDocument=json.dumps(document(*statements)))
    return arn


class Functions:
    """Makes Lambda functions of source text, through the API, and invokes them; all have one role, which may do all."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self._lambda = cloud.client("lambda")
        self._role = make_role(cloud, "functions", "lambda.amazonaws.com", allow("*", "*"))

    def make(self, name: str, source: str, *, role: str = "", **settings: Any) -> str:
        """Create the function ``name`` with `source` as its module, and with `role` if given; returns its ARN."""
        arn: str = self._lambda.create_function(
            FunctionName=name,
            Runtime="python3.14",
            Role=role or self._role,
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
