"""What `test_termination` has a process of its own do: told to end (SIGTERM) or interrupted (SIGINT) at some moment.

``python -m tests.unit.termination_scenarios NAME SIGNAL`` prints what came of it as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

import status_tracker as st
from status_tracker.testing import Fault, MemoryStore, Record
from tests.unit.steps import PENDING, Clock, start, stored, wait_until

DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}
SIGNAL = signal.Signals[sys.argv[2]]

scenarios: dict[str, Callable[[], None]] = {}
store, clock = MemoryStore(Record(PENDING, errors={"history": []})), Clock()
course: list[str] = []


def scenario(play: Callable[[], None]) -> Callable[[], None]:
    scenarios[play.__name__] = play
    return play


def told_to_end() -> None:
    course.append("told")
    os.kill(os.getpid(), SIGNAL)
    course.append("went on")


def told_at_write(number: int) -> None:
    """Be told to end while that write is under way."""

    def hook() -> None:
        if len(store.writes) == number:
            told_to_end()

    store.before_write = hook


def tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def default_is_back() -> bool:
    return all(signal.getsignal(number) is default for number, default in DEFAULTS.items())


@scenario
def in_the_block() -> None:
    with start(store, clock):
        told_to_end()


@scenario
def in_the_block_with_a_heartbeat() -> None:
    with start(store, clock, heartbeat=0.001):
        wait_until(lambda: len(store.writes) > 2)
        told_to_end()


@scenario
def while_acquiring() -> None:
    told_at_write(1)
    with start(store, clock):
        course.append("entered")


@scenario
def while_acquiring_what_is_refused() -> None:
    store.task = None
    told_at_write(1)
    with start(store, clock):
        course.append("entered")


@scenario
def while_succeeding() -> None:
    told_at_write(2)
    with start(store, clock) as ctx:
        ctx.set_data({"version": 1})


@scenario
def while_succeeding_against_faults() -> None:
    told_at_write(3)
    with start(store, clock):
        store.befall(Fault.UNAVAILABLE, times=4)


@scenario
def while_failing() -> None:
    told_at_write(2)
    try:
        with start(store, clock):
            int("mine")
    except ValueError:
        course.append("caught")
    course.append("next task")


@scenario
def again_while_it_is_recorded() -> None:
    told_at_write(2)
    with start(store, clock):
        told_to_end()


@scenario
def twice_while_the_finish_hangs() -> None:
    def hang() -> None:
        if len(store.writes) == 2:
            told_to_end()
            told_to_end()

    store.before_write = hang
    with start(store, clock):
        course.append("entered")


@scenario
def while_an_inner_task_is_finished() -> None:
    inner = MemoryStore(Record(PENDING, errors={"history": []}))
    inner.before_write = lambda: told_to_end() if len(inner.writes) == 2 else None
    try:
        with start(store, clock), start(inner, clock):
            course.append("entered")
    finally:
        course.append(f"inner {stored(inner).status}")


@scenario
def after_the_block() -> None:
    with start(store, clock):
        course.append("default" if default_is_back() else "ours")
    course.append("default" if default_is_back() else "ours")
    tell({"course": course})
    told_to_end()


@scenario
def after_a_refusal() -> None:
    store.task = None
    try:
        start(store, clock).__enter__()
    except st.TaskIsNotInitializedError:
        course.append("default" if default_is_back() else "ours")


@scenario
def with_a_handler_of_the_application() -> None:
    signal.signal(SIGNAL, lambda *_: course.append("application"))
    mine = signal.getsignal(SIGNAL)
    with start(store, clock):
        told_to_end()
    course.append("kept" if signal.getsignal(SIGNAL) is mine else "lost")


@scenario
def ignored_by_the_application() -> None:
    signal.signal(SIGNAL, signal.SIG_IGN)
    with start(store, clock):
        told_to_end()
    course.append("kept" if signal.getsignal(SIGNAL) is signal.SIG_IGN else "lost")


@scenario
def with_a_handler_set_in_the_block() -> None:
    def handler(*_: object) -> None:
        course.append("application")

    with start(store, clock):
        signal.signal(SIGNAL, handler)
    course.append("kept" if signal.getsignal(SIGNAL) is handler else "lost")


@scenario
def in_another_thread() -> None:
    def work() -> None:
        with start(store, clock):
            course.append("default" if default_is_back() else "ours")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    course.append("default" if default_is_back() else "ours")


@scenario
def interrupted_while_the_heartbeat_stops() -> None:
    leaving = threading.Event()

    def slow_renewal() -> None:
        if threading.current_thread() is not threading.main_thread():
            under_way.set()
            leaving.wait(20)

    under_way = threading.Event()
    store.before_write = slow_renewal
    try:
        with start(store, clock, heartbeat=0.001):
            under_way.wait(20)
            sys.setprofile(note_signal)
            threading.Thread(target=interrupt_twice_once_waiting, args=(leaving,)).start()
    except KeyboardInterrupt:
        course.append("interrupted")
    course.append("default" if default_is_back() else "ours")


def in_another_thread_do(what: Callable[[], object]) -> None:
    thread = threading.Thread(target=what)
    thread.start()
    thread.join()


def held_by_a_generator() -> Iterator[None]:
    with start(store, clock):
        yield


def dropped_elsewhere() -> None:
    """A generator that holds a block is collected in another thread, which can give no handlers back."""
    generators = [held_by_a_generator()]
    next(generators[0])
    in_another_thread_do(generators.clear)
    course.append("released" if stored(store).lock is None else "locked")


@scenario
def collected_in_another_thread() -> None:
    dropped_elsewhere()
    tell({"course": course})
    told_to_end()


@scenario
def collected_in_another_thread_before_the_next() -> None:
    dropped_elsewhere()
    with start(MemoryStore(Record(PENDING, errors={"history": []})), clock):
        course.append("default" if default_is_back() else "ours")


@scenario
def never_left() -> None:
    start(store, clock).__enter__()
    gc.collect()
    with start(MemoryStore(Record(PENDING, errors={"history": []})), clock):
        course.append("default" if default_is_back() else "ours")


held_back = threading.Event()


def note_signal(frame: FrameType, event: str, _arg: object) -> None:
    if event == "return" and frame.f_code.co_name == "on_signal":
        held_back.set()


def interrupt_twice_once_waiting(leaving: threading.Event) -> None:
    main = threading.main_thread().ident
    wait_until(lambda: "stop" in {frame.f_code.co_name for frame in frames_of(main)})
    signal.pthread_kill(main or 0, signal.SIGINT)
    held_back.wait(5)
    signal.pthread_kill(main or 0, signal.SIGINT)
    wait_until(lambda: "stop" not in {frame.f_code.co_name for frame in frames_of(main)}, seconds=5)
    leaving.set()


def frames_of(thread: int | None) -> list[Any]:
    frame, frames = sys._current_frames().get(thread or 0), []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames


def main(name: str) -> NoReturn:
    code: object = None
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process ignores it
    try:
        scenarios[name]()
    except SystemExit as exit_request:
        code = exit_request.code
    except KeyboardInterrupt as interruption:
        code = repr(interruption)
    except Exception as error:  # noqa: BLE001  # whatever it is, the test is told
        course.append(repr(error))
    task = store.task
    came_of_it = {
        "exit": code,
        "course": course,
        "default": default_is_back(),
        "status": task and task.status,
        "locked": task and task.lock is not None,
        "retry": task and task.retry,
        "history": [entry["error"] for entry in task.errors["history"]] if task else [],
        "writes": len(store.writes),
        "data": task and task.data,
    }
    tell(came_of_it)
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
