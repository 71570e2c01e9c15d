"""What MkDocs asks while it builds the site: pages that stand beside `docs/`, the decisions, and links out of `docs/`.

The pages are written to be read on GitHub too, where a link may lead to any file of the checkout. The site has only
pages: what a link to another file says stays, and the link goes.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

CHECKOUT = Path(__file__).parents[2]
BESIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "bench/cost.svg": "cost.svg",
    "bench/results.md": "benchmarks.md",
    "bench/scale.md": "benchmarks-of-counts.md",
    "examples/README.md": "examples.md",
    "examples/own_app/README.md": "own-app.md",
}
"""Pages, and their images, from elsewhere in the checkout, with their names in the site."""

_ORIGINS = {page: source for source, page in BESIDE.items()}

_FRONT = {"README.md": "README.md", "docs/decisions": "decisions/README.md"}
"""Whose part another page plays in the site."""

_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the decisions into the navigation, before *Project*."""
    names = sorted(path.name for path in (CHECKOUT / "docs" / "decisions").glob("[0-9]*.md"))
    nav: list[Any] = config.nav or []
    nav.insert(-1, {"Decisions": [f"decisions/{name}" for name in ("README.md", *names)]})
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from beside `docs/`."""
    for source, page in BESIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(CHECKOUT / source)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Have the links lead to pages of the site."""
    here = page.file.src_uri
    origin = _ORIGINS.get(here, f"docs/{here}")
    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _relinked(part, origin, here) for part in parts)


def _relinked(text: str, origin: str, here: str) -> str:
    """`text` of the file `origin` of the checkout, for the page `here` of the site."""

    def relinked(link: re.Match[str]) -> str:
        shown, target = link.groups()
        path, hash_sign, anchor = target.partition("#")
        if not path or ":" in path:
            return link.group()
        found = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
        if not (CHECKOUT / found).exists():
            return link.group()  # MkDocs tells of it
        name = _FRONT.get(found) or BESIDE.get(found) or found.removeprefix("docs/")
        if name == found or not Path(name).suffix:
            return shown
        return f"[{shown}]({posixpath.relpath(name, posixpath.dirname(here) or '.')}{hash_sign}{anchor})"

    return _LINK.sub(relinked, text)
