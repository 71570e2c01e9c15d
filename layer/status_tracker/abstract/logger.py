"""`logger`, under the name and with the methods by which code of abstract_tracker writes to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_WIDTH = 80


class TrackerLogger(logging.LoggerAdapter[logging.Logger]):
    """The library's logger, ``status_tracker``: where it shows its lines is for the application to say."""

    def ruler(self, msg: str) -> None:
        """Log the text within a ruled line."""
        self.info(f"{f' {msg} ':-^{_WIDTH}}")

    @contextmanager
    def disabled(self, disable: bool = True) -> Iterator[None]:
        """Log nothing of this logger within the block, in this process.

        Args:
            disable: False to log all the same.
        """
        before = self.logger.disabled
        self.logger.disabled = disable or before
        try:
            yield
        finally:
            self.logger.disabled = before


logger = TrackerLogger(logging.getLogger("status_tracker"), {})
