"""Runs one chaos: starts everything, kills workers at random moments, replaces them, and collects what is left."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from status_tracker.operations import pausing

from . import variants
from .backends import backend
from .backends.base import Backend
from .board import Board
from .faults import Faults
from .journal import Journal, SkewedClock
from .operator import Operator
from .plan import PAUSE_SEEN_SECONDS, Options, lot
from .producer import Producer
from .worker import Worker

_TICK = 0.005
_PROGRESS_SECONDS = 10
_FAREWELL_SECONDS = 30
_fork = multiprocessing.get_context("fork")


def run(options: Options, directory: Path) -> None:
    """Run until every task has ended, or patience has; leave logs and tables in the directory."""
    clock = SkewedClock()
    tested = backend(options, directory, clock)
    with tested.serving():
        _Crew(options, directory, tested, clock).work()


class _Crew:
    """The workers, producers and operators of a run: one process a seat, replaced when it is killed."""

    def __init__(self, options: Options, directory: Path, tested: Backend, clock: SkewedClock) -> None:
        self._options = options
        self._directory = directory
        self._backend = tested
        self._clock = clock
        self._board = Board(options)
        self._journal = Journal(directory / "supervisor.jsonl")
        self._dice = lot(options, "kills")
        crew = {"w": options.workers, "p": options.producers, "o": options.operators}
        self._seats = [f"{kind}{number}" for kind, size in crew.items() for number in range(size)]
        self._hired = dict.fromkeys(self._seats, 0)
        self._processes: dict[str, BaseProcess] = {}

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
                self._tell_of_the_dead(process)
                self._hire(seat)

    def _tell_of_the_dead(self, process: BaseProcess) -> None:
        """A process that was killed at one of its own commits, see `faults`, or one that has crashed."""
        what = "killed" if process.exitcode == -signal.SIGKILL else "crashed"
        self._journal.write(what, worker=process.name, code=process.exitcode)

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
                self._tell_of_the_dead(process)
        if commits := self._board.commits():
            Journal(self._directory / "faults.total.jsonl").write("total", requests=commits)

    def _employ(self, seat: str, name: str) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which then takes all with it
        random.seed(f"{self._options.seed}:{name}")  # of the library's jitter
        dice, most = lot(self._options, "skew", name), self._options.max_skew
        self._clock.offset = dice.choice((-most, most, dice.uniform(-most, most)))
        journal = Journal(self._directory / f"{name}.jsonl", self._clock)
        journal.write("hello", worker=name, offset=self._clock.offset)
        own_faults = Journal(self._directory / f"faults.{name}.jsonl")
        self._backend.enter_process(Faults(self._options, name, self._board, self._seats.index(seat), own_faults))
        vars(pausing)["ASKED_AGAIN_SECONDS"] = PAUSE_SEEN_SECONDS
        variants.apply(self._options)
        work: Callable[[], None]
        if seat.startswith("w"):
            work = Worker(name, self._options, self._backend, self._board, journal).run
        else:
            kind = Producer if seat.startswith("p") else Operator
            work = kind(name, int(seat[1:]), self._options, self._backend, self._board, journal).run
        work()
