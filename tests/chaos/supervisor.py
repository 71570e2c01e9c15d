"""Runs one chaos: starts everything, kills workers at random moments, replaces them, and collects what is left."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.support.dynamodb_local import run_dynamodb_local

from . import variants
from .board import Board
from .database import create_tables, dump_tables
from .journal import Journal, SkewedClock
from .models import connect
from .plan import Options, lot
from .producer import Producer
from .proxy import run_proxy
from .worker import Worker

_TICK = 0.005
_PROGRESS_SECONDS = 10
_FAREWELL_SECONDS = 30
_fork = multiprocessing.get_context("fork")


def run(options: Options, directory: Path) -> None:
    """Run until every task has ended, or patience has; leave logs and tables in the directory."""
    with run_dynamodb_local() as port:
        create_tables(port)
        with _proxy(options, port, directory) as host:
            _Crew(options, directory, host).work()
        dump_tables(port, directory)


@contextmanager
def _proxy(options: Options, upstream_port: int, directory: Path) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    journal = Journal(directory / "proxy.jsonl")
    process = _fork.Process(target=run_proxy, args=(listener, upstream_port, options, journal), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        process.terminate()
        process.join()
        listener.close()


class _Crew:
    """The workers and producers of a run: one process a seat, replaced when it is killed."""

    def __init__(self, options: Options, directory: Path, host: str) -> None:
        self._options = options
        self._directory = directory
        self._clock = SkewedClock()
        self._board = Board(options)
        self._journal = Journal(directory / "supervisor.jsonl")
        self._dice = lot(options, "kills")
        self._seats = [f"w{n}" for n in range(options.workers)] + [f"p{n}" for n in range(options.producers)]
        self._hired = dict.fromkeys(self._seats, 0)
        self._processes: dict[str, BaseProcess] = {}
        connect(options, host, self._clock)

    def work(self) -> None:
        self._journal.write("began")
        for seat in self._seats:
            self._hire(seat)
        gave_up = self._watch()
        self._journal.write("all_ended" if not gave_up else "gave_up", ended=self._board.ended())
        self._dismiss()

    def _watch(self) -> bool:
        """Kill and replace until all tasks have ended; whether patience ended first."""
        ended, next_kill, progress = 0, self._gap(), time.monotonic()
        told = progress
        while ended < self._options.lifecycles:
            time.sleep(self._dice.uniform(0, 2 * _TICK))
            self._replace_the_dead()
            if (now_ended := self._board.ended()) > ended:
                ended, progress = now_ended, time.monotonic()
            while ended >= next_kill:
                self._kill(self._dice.choice(self._seats))
                next_kill += self._gap()
            if time.monotonic() - progress > self._options.patience:
                return True
            if time.monotonic() - told > _PROGRESS_SECONDS:
                told = time.monotonic()
                print(f"  {ended} of {self._options.lifecycles} ended", flush=True)  # noqa: T201
        return False

    def _gap(self) -> float:
        """How many lifecycles pass until the next kill."""
        rate = self._options.kill_rate
        return self._dice.expovariate(rate) if rate else float("inf")

    def _hire(self, seat: str) -> None:
        name = f"{seat}.{self._hired[seat]}"
        self._hired[seat] += 1
        process = _fork.Process(target=self._employ, args=(seat, name), name=name, daemon=True)
        process.start()
        self._processes[seat] = process

    def _kill(self, seat: str) -> None:
        process = self._processes[seat]
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            self._journal.write("killed", worker=process.name)
            self._hire(seat)

    def _replace_the_dead(self) -> None:
        for seat, process in self._processes.items():
            if process.exitcode:
                self._journal.write("crashed", worker=process.name, code=process.exitcode)
                self._hire(seat)

    def _dismiss(self) -> None:
        """Let everyone finish what they are at: stale workers have yet to learn that they are."""
        self._board.stop()
        deadline = time.monotonic() + _FAREWELL_SECONDS
        for process in self._processes.values():
            process.join(max(0.0, deadline - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()
                self._journal.write("hung", worker=process.name)
            elif process.exitcode:
                self._journal.write("crashed", worker=process.name, code=process.exitcode)

    def _employ(self, seat: str, name: str) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which then takes all with it
        random.seed(f"{self._options.seed}:{name}")  # of the library's jitter
        dice, most = lot(self._options, "skew", name), self._options.max_skew
        self._clock.offset = dice.choice((-most, most, dice.uniform(-most, most)))
        journal = Journal(self._directory / f"{name}.jsonl", self._clock)
        journal.write("hello", worker=name, offset=self._clock.offset)
        variants.apply(self._options.variant)
        work: Callable[[], None]
        if seat.startswith("w"):
            work = Worker(name, self._options, self._board, journal).run
        else:
            work = Producer(name, int(seat[1:]), self._options, self._board, journal).run
        work()
