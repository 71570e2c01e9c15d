"""The process of the function: takes batches until it is killed, at a request's beginning or end if it is told so."""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from botocore.httpsession import URLLib3Session

from status_tracker.operations.pipeline import Pipeline
from status_tracker_ops.events import bus
from status_tracker_ops.events.handler import events_handler
from tests.chaos.counts.variants import VARIANTS
from tests.handlers.support import FakeContext

TWINS = 2
LONGEST_WAIT_SECONDS = 1.0  # the twin may have been killed


class Fate:
    """Kills this process when it has passed so many points, each before or after a request.

    Attributes:
        left: how many points it may still pass; None for all.
        meeting: the folder where two that are given the same batch wait for each other when they have read the place,
            so that both go on from there.
    """

    def __init__(self) -> None:
        self.left: int | None = None
        self.meeting: Path | None = None
        send = URLLib3Session.send

        def send_and_pass(session: URLLib3Session, request: Any) -> Any:
            self.pass_point()
            answer = send(session, request)
            self.pass_point()
            if self.meeting is not None and request.headers["X-Amz-Target"].endswith(b".GetItem"):
                _meet(self.meeting)
            return answer

        URLLib3Session.send = send_and_pass  # type: ignore[method-assign]

    def pass_point(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.left is not None:
            self.left -= 1

    def come(self) -> None:
        """What was to be killed is, now at the latest."""
        if self.left is not None:
            os.kill(os.getpid(), signal.SIGKILL)


def _meet(place: Path) -> None:
    place.joinpath(str(os.getpid())).touch()
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while len(list(place.iterdir())) < TWINS and time.monotonic() < deadline:
        time.sleep(0.001)


def serve(pipeline: Pipeline, connection: Connection, variant: str | None) -> None:
    """Answer events until the other side is gone; an event comes with its fate: see `Fate`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123  # until the process ends
    bus.LONGEST_PAUSE_SECONDS, bus.TRIES = 0.01, 1
    if variant is not None:
        VARIANTS[variant]()
    fate, handler = Fate(), events_handler(pipeline)
    while True:
        try:
            event, fate.left, fate.meeting = connection.recv()
        except EOFError:
            return
        try:
            answer: Any = handler(event, FakeContext())
        except Exception as error:  # noqa: BLE001  # as Lambda: the batch comes again
            answer = error
        fate.come()
        connection.send(answer if isinstance(answer, dict) else repr(answer))
