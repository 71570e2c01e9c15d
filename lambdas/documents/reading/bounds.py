"""How much of a document is read: more would need more memory or time than the function has."""

import time
from collections.abc import Callable

from documents.reading.weight import MAX_TEXTS, Weight
from status_tracker import NonRetryableError

MAX_PAGES = 10_000
MAX_CHARACTERS = 5_000_000
MAX_FIELDS = 10_000
MAX_DRAWN_BYTES = 20_000_000
SECONDS = 120.0


class HeavyDocumentError(Exception):
    """A page may take more memory or time than there is: only a process of its own may read the document."""


class Bounds:
    """
    Counts what is read of one document; `NonRetryableError` with what to do where it is too much.

    Args:
        seconds: the time that reading may take.
        heavy: whether what PDFium takes for a page may be without a bound, since the process is there for it alone.
        clock: tells seconds.
    """

    def __init__(
        self, seconds: float = SECONDS, *, heavy: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._heavy, self._clock = seconds, heavy, clock
        self._end = clock() + seconds
        self._characters = 0
        self._weight = Weight()

    def pages(self, count: int) -> None:
        if count > MAX_PAGES:
            raise _too_much(f"has {count:,} pages; at most {MAX_PAGES:,} are read")

    def characters(self, more: int) -> None:
        """Also looks at the clock: it is called once a page."""
        self.time()
        self._characters += more
        if self._characters > MAX_CHARACTERS:
            raise _too_much(f"has more than {MAX_CHARACTERS:,} characters of text, which is all that is read")

    def time(self) -> None:
        if self._clock() > self._end:
            raise _too_much(f"takes longer to read than {self._seconds:.0f} s")

    def texts(self, count: int) -> None:
        """Of one page: PDFium's time for them grows with their square."""
        if count > MAX_TEXTS:
            raise _too_much(f"has a page of more than {MAX_TEXTS:,} pieces of text, which are all that are read")

    def weight(self, weight: Weight) -> None:
        """What a page may be made of, before PDFium makes anything of it."""
        self._weight = weight
        self.texts(weight.texts)
        if weight.is_heavy and not self._heavy:
            raise HeavyDocumentError

    def may_draw(self, annotations: int, size: int) -> bool:
        """Whether PDFium may make a page of so many annotations, of so many bytes of operators together."""
        return self._weight.laid_over(annotations, size) <= MAX_DRAWN_BYTES

    def fields(self, count: int) -> None:
        if count > MAX_FIELDS:
            raise _too_much(f"has more than {MAX_FIELDS:,} form fields and notes, which are all that are read")


def _too_much(what: str) -> NonRetryableError:
    return NonRetryableError(f"The PDF {what}. Split it into smaller documents and upload those.")
