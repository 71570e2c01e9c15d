"""Who runs the command, for the record."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .target import Target


def caller(target: Target) -> str:
    """The ARN of the AWS identity if the tasks are on AWS and it answers in time; otherwise user and machine."""
    if target.url is None and target.endpoint_url is None:
        arn = _arn(target.region)
        if arn:
            return arn
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _arn(region: str | None) -> str | None:
    try:
        from botocore.config import Config  # noqa: PLC0415  # users of SQL need no botocore
        from botocore.session import Session  # noqa: PLC0415

        config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
        client: Any = Session().create_client("sts", region_name=region, config=config)
        return str(client.get_caller_identity()["Arn"])
    except Exception:  # noqa: BLE001  # only a name is missing then; the table itself reports what cannot be reached
        return None
