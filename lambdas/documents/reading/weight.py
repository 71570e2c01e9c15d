"""
How much PDFium may have to make of one page, told by the streams of a file before it makes anything.

PDFium takes a page apart whole, and cannot be asked to stop: a small file may have a page of millions of pieces, or
forms that draw forms that draw forms. What a page is drawn from is not followed here. The most that any stream has
bounds it from above; what is more than almost all documents have is read in a process of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_BYTES = 4_000_000
MAX_TEXTS = 50_000
_MAX_UNSEEN = 20_000
_MOST = 10**9
_CONTENTS = re.compile(rb"/Contents\s*\[([^\]]*)\]")
_IS_FORM = re.compile(rb"/Subtype\s*/Form\b")
_DRAWS = re.compile(rb"\bDo\b")
_GROWS = frozenset(b"FlateDecode Fl LZWDecode LZW RunLengthDecode RL".split())


@dataclass
class _Most:
    """What any of some streams has at most: bytes, pieces of text, and forms and images that it draws."""

    size: int = 0
    texts: int = 0
    drawn: int = 0

    def add(self, data: bytes | memoryview, texts: int, drawn: int) -> None:
        self.size, self.texts, self.drawn = max(self.size, len(data)), max(self.texts, texts), max(self.drawn, drawn)


@dataclass
class Weight:
    """
    Bounds of what any page of a file is made of.

    Attributes:
        unseen: whether nothing is known of what a part of it unpacks to.
    """

    unseen: bool = False
    _of_pages: _Most = field(default_factory=_Most)
    _of_forms: _Most = field(default_factory=_Most)
    _parts: int = 1
    _nested: int = 1

    @property
    def texts(self) -> int:
        """How many pieces of text one stream has at most."""
        return max(self._of_pages.texts, self._of_forms.texts)

    @property
    def is_heavy(self) -> bool:
        """Whether a page may be more than 4 MB of operators or 50,000 pieces of text."""
        forms = (1 + self._of_pages.drawn) * self._nested  # one lies over the page
        size = self._parts * (self._of_pages.size + forms * self._of_forms.size)
        texts = self._parts * (self._of_pages.texts + forms * self._of_forms.texts)
        return self.unseen or size > MAX_BYTES or texts > MAX_TEXTS

    def laid_over(self, count: int, size: int) -> int:
        """The most bytes of operators that annotations are drawn from which have `size` of their own."""
        return max(size, count * self._nested * self._of_forms.size if self._of_forms.drawn else 0)

    def add_objects(self, content: bytes) -> None:
        """Objects as they stand in a file: of how many parts the contents of their pages are."""
        self._parts = max([self._parts, *(match[1].count(b"R") for match in _CONTENTS.finditer(content))])

    def add(self, head: bytes, data: bytes) -> None:
        """A stream, by its dictionary and what it unpacks to."""
        texts = data.count(b"Tj") + data.count(b"TJ")
        drawn = len(_DRAWS.findall(data)) if b"Do" in data else 0
        is_form = _IS_FORM.search(head) is not None
        (self._of_forms if is_form else self._of_pages).add(data, texts, drawn)
        if is_form and drawn:
            self._nested = min(self._nested * drawn, _MOST)

    def add_packed(self, size: int, filters: list[bytes]) -> None:
        """A stream of which nobody has looked at what comes out of these filters."""
        grows = len(_GROWS.intersection(filters))
        self.unseen |= grows > 1 or (grows == 1 and size > _MAX_UNSEEN)
