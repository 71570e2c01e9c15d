"""On what the figures were taken: nothing that tells whose machine it was."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

_PINS = Path(__file__).with_name("requirements.txt")
_TOLD = (
    "aws-lambda-powertools",
    "boto3",
    "botocore",
    "psycopg",
    "pynamodb",
    "pynamodb-mate",
    "sqlalchemy",
    "sqlalchemy-mate",
)


def facts() -> str:
    """The machine, the versions and the day, as a sentence."""
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", _PINS.read_text(), re.MULTILINE))
    versions = ", ".join(f"{name} {pins[name]}" for name in _TOLD)
    machine = f"{os.cpu_count()} CPUs ({platform.machine()}, {platform.system()})"
    today = datetime.now(UTC).date().isoformat()
    return f"Python {platform.python_version()} on {machine}, {today}; DynamoDB Local; {versions}."
