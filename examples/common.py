"""What the examples share: AWS in this process, headings, and exceptions that are part of the story."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from moto import mock_aws

# The lines of `debug=True` go where `print` writes, so that both stand in their order wherever that is.
logging.basicConfig(format="%(message)s", stream=sys.stdout)


@contextmanager
def aws() -> Iterator[None]:
    """AWS as moto plays it, in this process; with `--aws` on the command line, AWS itself with your credentials."""
    if "--aws" in sys.argv[1:]:
        yield
    else:
        with moto():
            yield


@contextmanager
def moto() -> Iterator[None]:
    """AWS as moto plays it, in this process."""
    os.environ.pop("AWS_PROFILE", None)  # moto brings made-up credentials of its own
    os.environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"  # such as those that `make cloud` prints
    with mock_aws():
        yield


@contextmanager
def expecting(*errors: type[BaseException]) -> Iterator[None]:
    """Print the exception that the block ends with, which must be one of these, and go on."""
    try:
        yield
    except errors as error:
        print(f"-> {type(error).__name__}: {error}")
    else:
        raise AssertionError(f"None of {', '.join(each.__name__ for each in errors)} was raised.")


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n=== {text}")
