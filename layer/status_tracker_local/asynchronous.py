"""Lambda's asynchronous invocation: the event is taken at once, and tried again where the function fails.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html. A function's own settings are those
of its EventInvokeConfig. An event that is given up is told in the server's log; destinations are not told of it.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from status_tracker_local.runtime_api import Outcome

MOST_RETRIES = 2
MOST_SECONDS = 6 * 60 * 60.0
WAITS_SECONDS = (60.0, 120.0)
"""From a failure to the first try after it, and to the second."""

_log = logging.getLogger(__name__)


class AsynchronousInvocations:
    """Carries out what is invoked asynchronously, each event in a thread of its own.

    Args:
        invoke: runs a function of moto's on an event, when there is an environment for it.
        wait: waits so many seconds.
        now: a clock, in seconds.
    """

    def __init__(
        self,
        invoke: Callable[[Any, bytes], Outcome],
        *,
        wait: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._invoke = invoke
        self._wait = wait
        self._now = now

    def accept(self, function: Any, event: bytes) -> threading.Thread:
        """Take an event for one of moto's functions; returns the thread that carries it out."""
        name = f"asynchronous-{function.function_name}"
        thread = threading.Thread(target=self._carry_out, args=(function, event), name=name, daemon=True)
        thread.start()
        return thread

    def _carry_out(self, function: Any, event: bytes) -> None:
        taken, tries = self._now(), 1
        while self._invoke(function, event).is_error:
            retries, seconds = _limits(function)
            if tries > retries:
                _log.warning("An event of %s is given up after %d failed tries.", function.function_name, tries)
                return
            wait = WAITS_SECONDS[tries - 1]
            if self._now() + wait - taken > seconds:
                _log.warning("An event of %s is given up: it is over %g s old.", function.function_name, seconds)
                return
            self._wait(wait)
            tries += 1


def _limits(function: Any) -> tuple[int, float]:
    """How often an event of the function is tried again, and for how many seconds."""
    config = function.event_invoke_config[-1].config if function.event_invoke_config else {}
    retries = config.get("MaximumRetryAttempts", MOST_RETRIES)
    return int(retries), float(config.get("MaximumEventAgeInSeconds", MOST_SECONDS))
