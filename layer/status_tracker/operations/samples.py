"""What a pipeline gives to be verified where it is deployed: samples of its work, and further checks of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


class DoesNotHoldError(Exception):
    """A check fails; the message says what was found, and what was expected."""


class NothingToCheckError(Exception):
    """A check has nothing to look at; the message says why."""


def _nothing(_: Any) -> str:
    return ""


@dataclass(frozen=True)
class Sample:
    """Work that a deployed pipeline is given like any other.

    Attributes:
        name: ends its key, such as ``good.pdf``.
        submit: has the pipeline take it in under a key, and returns the task id, which begins with the key. Done again
            with the same key it is the same task.
        withdraw: deletes what `submit` left outside the table; nothing where there is nothing.
        check: looks at the results of its task, once that has ended as it should; returns what it found, in some words.
            Raises `DoesNotHoldError`.
    """

    name: str
    submit: Callable[[str], str]
    withdraw: Callable[[str], None]
    check: Callable[[Any], str] = _nothing


@dataclass(frozen=True)
class Probe:
    """A further check.

    Attributes:
        name: what is checked, in a word or two.
        look: gets a function that gives the task of the good sample, and returns what it found, in some words. Raises
            `DoesNotHoldError`, as that function does where there is no such task, or `NothingToCheckError`.
    """

    name: str
    look: Callable[[Callable[[], Any]], str]


@dataclass(frozen=True)
class Verification:
    """How a deployed pipeline is verified; see `status_tracker.operations.acceptance`.

    Attributes:
        good: succeeds in every step.
        hopeless: is set aside, whatever is tried.
        big: as large as the pipeline has to bear; succeeds too.
        probes: further checks, made when the samples have ended.
    """

    good: Sample
    hopeless: Sample
    big: Sample
    probes: Sequence[Probe] = ()
