"""A lease renewed by a task of the event loop (R12)."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, wait

from ..core.heartbeat import GRACE_SECONDS, Heartbeat, tell_broken
from .threads import threads


class LoopHeartbeat:
    """Beats as `of` would, from a task of the loop. It is started and stopped by the threads that make the requests.

    Where an application cancels all tasks of the loop, the block may go on; `of` then beats in its stead.
    """

    def __init__(self, of: Heartbeat, loop: asyncio.AbstractEventLoop) -> None:
        self._of = of
        self._loop = loop
        self._stopped = False
        self._task: Future[None] | None = None
        self._under_way: Future[bool] | None = None

    def start(self) -> None:
        self._task = asyncio.run_coroutine_threadsafe(self._run(), self._loop)
        self._task.add_done_callback(self._go_on)

    def _go_on(self, task: Future[None]) -> None:
        if task.cancelled() and not self._stopped:
            self._of.start()

    def stop(self) -> None:
        self._stopped = True
        self._of.stop()
        if self._task is not None and not self._loop.is_closed():
            self._task.cancel()
        if self._under_way is not None and not self._under_way.cancel():
            wait([self._under_way], GRACE_SECONDS)

    def _beat(self) -> bool:
        return not self._stopped and self._of.beat()

    async def _run(self) -> None:
        held = True
        while held:
            await asyncio.sleep(self._of.seconds)
            self._under_way = threads.beats.submit(self._beat)
            try:
                held = await asyncio.wrap_future(self._under_way)
            except Exception as error:  # noqa: BLE001  # in a task of its own nobody else would tell of it
                tell_broken(error)
                return
