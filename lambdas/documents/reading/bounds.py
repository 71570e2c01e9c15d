"""How much of a document is read: more would need more memory or time than the function has."""

import time
from collections.abc import Callable

from status_tracker import NonRetryableError

MAX_PAGES = 10_000
MAX_CHARACTERS = 5_000_000
MAX_FIELDS = 10_000
MAX_TEXTS = 50_000
SECONDS = 120.0


class Bounds:
    """
    Counts what is read of one document; `NonRetryableError` with what to do where it is too much.

    Args:
        seconds: the time that reading may take.
        clock: tells seconds.
    """

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._end = clock() + seconds
        self._characters = 0

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

    def fields(self, count: int) -> None:
        if count > MAX_FIELDS:
            raise _too_much(f"has more than {MAX_FIELDS:,} form fields and notes, which are all that are read")


def _too_much(what: str) -> NonRetryableError:
    return NonRetryableError(f"The PDF {what}. Split it into smaller documents and upload those.")
