"""An older version of the library, to be measured beside the present one in the same run."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Sequence

from bench.conductor import BASE, ROOT


class UnknownRevisionError(Exception):
    """There is no such revision in this checkout."""


def check_out(revision: str) -> str:
    """Put that revision's library where the contenders that end with ``_before`` find it; the revision's short name.

    Raises:
        UnknownRevisionError: git has no such revision.
    """
    try:
        short = _git("rev-parse", "--short", "--verify", f"{revision}^{{commit}}").decode().strip()
    except subprocess.CalledProcessError as error:
        raise UnknownRevisionError(f"BASE={revision}: {error.stderr.decode().strip()}") from error
    shutil.rmtree(BASE, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(_git("archive", short, "layer", "infra", "lambdas"))) as archive:
        archive.extractall(BASE, filter="data")
    return short


def with_before(contenders: Sequence[str], *, before: bool) -> tuple[str, ...]:
    """The contenders, each of ours followed by what it was before, if that is measured too."""
    return tuple(
        name
        for contender in contenders
        for name in ((contender, f"{contender}_before") if before and contender.startswith("ours") else (contender,))
    )


def _git(*arguments: str) -> bytes:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603  # made here
