"""The changes that a guide shows, taken from it and applied to a checkout.

``python -m tests.support.guide docs/your-own-use-case.md`` applies them to the checkout it is run in. A block after the
line **`path`, new** is that file; one after **`path`** is a diff whose parts are put where their old lines stand.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "your-own-use-case.md"

_BLOCK = re.compile(r"^\*\*`([^`\n]+)`(, new)?\*\*\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_BESIDE = (".venv", "node_modules")


class GuideError(Exception):
    """The guide does not fit the checkout."""


@dataclass(frozen=True)
class Change:
    """One file of the guide: the text of a new one, or a diff."""

    path: str
    is_new: bool
    text: str

    @property
    def added(self) -> int:
        """How many lines it adds."""
        return sum(self.is_new or line.startswith("+") for line in self.text.splitlines())

    def apply(self, checkout: Path) -> None:
        """Make the change.

        Raises:
            GuideError: a new file exists, or what a diff replaces is not found exactly once.
        """
        file = checkout / self.path
        if self.is_new:
            if file.exists():
                raise GuideError(f"{self.path} is new in the guide, and exists.")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text, "utf-8")
            return
        content = file.read_text("utf-8")
        for part in re.split(r"^@@\n", self.text, flags=re.MULTILINE):
            old, new = ("".join(line[1:] for line in _lines(part, signs)) for signs in (" -", " +"))
            found = f"\n{content}".count(f"\n{old}")
            if found != 1:
                raise GuideError(f"In {self.path} this is found {found} times, and the guide changes it:\n{old}")
            content = f"\n{content}".replace(f"\n{old}", f"\n{new}").removeprefix("\n")
        file.write_text(content, "utf-8")


def _lines(part: str, signs: str) -> Iterator[str]:
    for line in part.splitlines(keepends=True):
        marked = line if line.strip("\n") else f" {line}"  # editors take a space from the end of an empty line
        if marked[0] not in " +-":
            raise GuideError(f"A line of a diff begins with none of ' ', '+' and '-': {line}")
        if marked[0] in signs:
            yield marked


def changes(guide: Path = GUIDE) -> list[Change]:
    """What the guide shows, in its order."""
    return [Change(path, bool(new), text) for path, new, text in _BLOCK.findall(guide.read_text("utf-8"))]


def copied_checkout(folder: Path) -> Path:
    """A copy of this checkout's files in `folder`, which shares what was set up."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout  # noqa: S603
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in _BESIDE:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return folder


def main() -> None:
    """Apply the guide of the argument to the checkout in the current folder."""
    try:
        for change in changes(Path(sys.argv[1])):
            change.apply(Path.cwd())
            sys.stdout.write(f"{change.path}\n")
    except GuideError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
