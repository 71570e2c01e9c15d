"""What pypdf says of a file that it mends while reading."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

MAX_WARNINGS = 20
MAX_CHARACTERS = 200


@contextmanager
def collect_pypdf_warnings() -> Iterator[list[str]]:
    """
    Collects pypdf's warnings while the block runs: the first 20 different ones, 200 characters of each.

    They belong to the document, so they go to its result. In the log, where a broken file makes thousands
    of them, they would only hide the rest.
    """
    logger = logging.getLogger("pypdf")
    handler = _Collector()
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield handler.messages
    finally:
        logger.propagate = propagate
        logger.removeHandler(handler)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.messages) < MAX_WARNINGS:
            message = record.getMessage()[:MAX_CHARACTERS]
            if message not in self.messages:
                self.messages.append(message)
