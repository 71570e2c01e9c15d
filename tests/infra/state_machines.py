"""The state machines of a template as they are deployed, and what the validator of the Amazon States Language says."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.infra.synthesis import Synthesized

VALIDATOR = Path(__file__).parents[2] / "node_modules" / ".bin" / "asl-validator"
PSEUDO = {"Partition": "aws", "Region": "us-east-1", "AccountId": "123456789012"}
_VALID = re.compile(r'^✓ State machine definition "(.+)" is valid$', re.MULTILINE)
_INVALID = re.compile(r'^✕ State machine definition "(.+)" is invalid:\n((?:(?!✕).*\n?)*)', re.MULTILINE)


def definitions(stack: Synthesized) -> dict[str, dict[str, Any]]:
    """The definition of each machine by its readable id, with ARNs and names as AWS would put them in."""
    return {
        name: json.loads(_as_deployed(machine["Properties"]["DefinitionString"]))
        for name, machine in stack.of_type("AWS::StepFunctions::StateMachine").items()
    }


def _as_deployed(text: str) -> str:
    """`text` with the references that `synthesis.plain` has left in it."""
    text = re.sub(r"<AWS::(\w+)>", lambda found: PSEUDO[found[1]], text)
    account = f"{PSEUDO['Region']}:{PSEUDO['AccountId']}"
    text = re.sub(r"<(\w+Function)\.Arn>", rf"arn:aws:lambda:{account}:function:\1", text)
    return re.sub(r"<(\w+)>", lambda found: found[1].lower(), text)


def judged(machines: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, str]:
    """What the validator finds wrong with each definition, by its name; "" where that is nothing.

    Args:
        folder: an empty one, for its input.
    """
    paths = {str(folder / f"{number}.asl.json"): name for number, name in enumerate(machines)}
    for path, name in paths.items():
        Path(path).write_text(json.dumps(machines[name]))
    asked = [argument for path in paths for argument in ("--json-path", path)]
    told = subprocess.run([VALIDATOR, *asked], capture_output=True, text=True, check=False)  # noqa: S603 - our own files
    valid = dict.fromkeys(_VALID.findall(told.stdout), "")
    invalid = {path: complaint.strip() for path, complaint in _INVALID.findall(told.stderr)}
    found = {paths[path]: complaint for path, complaint in {**valid, **invalid}.items()}
    if set(found) != set(machines):
        raise AssertionError(f"asl-validator has not judged all:\n{told.stdout}\n{told.stderr}")
    return found
