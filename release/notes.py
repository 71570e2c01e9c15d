"""The text of a release: ``python -m release.notes TAG`` prints the changelog's section of the version of that tag."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from runpy import run_path

from release.distributions import ROOT

CHANGELOG = ROOT / "CHANGELOG.md"
VERSION_FILE = ROOT / "layer" / "status_tracker" / "_version.py"


class NotesError(Exception):
    """What keeps this from being a release, and what to do."""


def notes(tag: str, version: str, changelog: str) -> str:
    """The section of the version, without its heading.

    Args:
        tag: of the release; that of version 1.2.3 is ``v1.2.3``.
        version: of the distributions.
        changelog: the whole text, with a section ``## 1.2.3 - 2026-01-31`` for each version.

    Raises:
        NotesError: the tag is of another version, or the version has no section, an empty one or two.
    """
    if tag != f"v{version}":
        raise NotesError(
            f"The tag is {tag!r}, and the version in layer/status_tracker/_version.py is {version!r}: tag the commit "
            f"that has the version as v{version}, or change the version first."
        )
    heading = rf"## {re.escape(version)} - \d{{4}}-\d{{2}}-\d{{2}}"
    _, *sections = re.split(rf"^{heading}[ \t]*$", changelog, flags=re.MULTILINE)
    texts = [re.split(r"^## ", section, maxsplit=1, flags=re.MULTILINE)[0].strip() for section in sections]
    if len(texts) != 1 or not texts[0]:
        found = "an empty section" if texts == [""] else f"{len(texts)} sections"
        raise NotesError(
            f"CHANGELOG.md has {found} of version {version}: it wants one, whose heading is '## {version} - ' and the "
            "day as 2026-01-31. Move there what stands under 'Unreleased'."
        )
    return texts[0]


def main() -> int:
    """Print the notes of the tag that is given; returns the exit code."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.stderr.write("Usage: python -m release.notes TAG\n")
        return 2
    try:
        told = notes(sys.argv[1], _version(VERSION_FILE), CHANGELOG.read_text(encoding="utf-8"))
    except NotesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{told}\n")
    return 0


def _version(file: Path) -> str:
    return str(run_path(str(file))["__version__"])


if __name__ == "__main__":
    sys.exit(main())
