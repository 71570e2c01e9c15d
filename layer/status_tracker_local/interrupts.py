"""Ctrl-C and SIGTERM, also during slow imports: what was started is stopped, and nothing else is printed."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

EXIT_DONE = 0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """Somebody wants us to stop.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.exit_code = 128 + number


def until_interrupted(run: Callable[[], int], *, ctrl_c_is_the_end: bool = False) -> int:
    """Run a program whose ``with`` blocks stop what it has started.

    Args:
        run: returns the exit code.
        ctrl_c_is_the_end: whether Ctrl-C is the way to end it, and no failure.

    Returns:
        The exit code; after an interrupt 128 and the signal's number.
    """
    before = {number: signal.signal(number, _interrupt) for number in _STOP_SIGNALS}
    try:
        return run()
    except Interrupted as interruption:
        print("\nInterrupted: every process that was started has been stopped.", file=sys.stderr, flush=True)
        return EXIT_DONE if ctrl_c_is_the_end and interruption.number == signal.SIGINT else interruption.exit_code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _: FrameType | None) -> None:
    for each in _STOP_SIGNALS:
        signal.signal(each, _go_on_stopping)
    raise Interrupted(number)


def _go_on_stopping(*_: object) -> None:
    """An impatient second Ctrl-C must not keep us from stopping what we have started."""
