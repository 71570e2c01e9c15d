"""
Which pages a damage concerns.

PDFium tells of no stream on which page it is, and of no page whether it is empty or could not be unpacked. This is what
pypdf is still needed for: only where a file has such a damage is it loaded.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

_MAX_DEPTH = 4


@dataclass(frozen=True)
class PageFaults:
    """`pages`: numbers of those that lack something. `page_count`: how many there are by the tree of pages."""

    page_count: int
    pages: tuple[int, ...]


def find_page_faults(content: bytes, damaged: AbstractSet[int], empty: AbstractSet[int]) -> PageFaults | None:
    """
    Look at the tree of pages; None where pypdf cannot.

    Args:
        damaged: numbers of objects that do not unpack.
        empty: numbers of pages on which there is nothing; they are at fault where their content is not there.
    """
    import pypdf  # noqa: PLC0415  # only a damaged file needs it

    logger, silence = logging.getLogger("pypdf"), logging.NullHandler()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(silence)
    try:
        document = pypdf.PdfReader(BytesIO(content))
        if document.is_encrypted and not document.decrypt(""):
            return None
        pages = list(document.pages)
        faulty = [
            number
            for number, page in enumerate(pages, 1)
            if not damaged.isdisjoint(_objects(page)) or (number in empty and _lacks_content(page))
        ]
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # pypdf meets a damaged file with any of them
        return None
    finally:
        logger.propagate = propagate
        logger.removeHandler(silence)
    return PageFaults(len(pages), tuple(faulty))


def _objects(page: Any) -> set[int]:
    """Numbers of the objects that a page's text comes from: its contents, and the forms in them."""
    found = set(_references(page.get("/Contents"), page.raw_get("/Contents"))) if "/Contents" in page else set()
    _add_resources(page.get("/Resources"), found, 0)
    return found


def _references(value: Any, raw: Any) -> Iterator[int]:
    if hasattr(raw, "idnum"):
        yield raw.idnum
    if isinstance(value, list):
        for item in value:
            if hasattr(item, "idnum"):
                yield item.idnum


def _add_resources(resources: Any, found: set[int], depth: int) -> None:
    resources = _resolved(resources)
    if not isinstance(resources, dict) or depth > _MAX_DEPTH:
        return
    forms: Any = _resolved(resources.get("/XObject"))
    for name in forms if isinstance(forms, dict) else ():
        raw: Any = dict.get(forms, name)
        form = _resolved(raw)
        if (
            hasattr(raw, "idnum")
            and raw.idnum not in found
            and isinstance(form, dict)
            and form.get("/Subtype") == "/Form"
        ):
            found.add(raw.idnum)
            _add_resources(form.get("/Resources"), found, depth + 1)


def _resolved(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def _lacks_content(page: Any) -> bool:
    """Whether a page names content that is not there, or that does not unpack."""
    if "/Contents" not in page:
        return False
    try:
        content = page.get_contents()
        return content is None or (bool(page.raw_get("/Contents")) and content.get_data() is None)
    except Exception:  # noqa: BLE001
        return True
