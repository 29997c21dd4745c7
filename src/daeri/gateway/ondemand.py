"""What of the gateway is loaded only when someone asks for it? Doors whose libraries take half a second to load.

A server that nobody reaches by such a door starts and stays as if the door did not exist.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

T = TypeVar("T")


class OnDemand(Generic[T]):
    """Something that is made at its first use, then stays open until `close`.

    It is opened and closed within one task of its own, for what it holds (task groups) may not change tasks.
    """

    def __init__(self, load: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        """Take what imports and builds it; that runs in a thread, so that other requests go on meanwhile."""
        self._load = load
        self._lock = asyncio.Lock()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._made: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """Return it, made at the first call; a failure to make it is told to every caller until one succeeds."""
        if self._made is None or not self._made.done() or self._made.exception() is not None:
            async with self._lock:
                if self._made is None or self._made.exception() is not None:
                    await self._make()
        assert self._made is not None  # noqa: S101 - _make has set it
        return self._made.result()

    async def close(self) -> None:
        """Close it, if it was ever made."""
        self._closing.set()
        if self._task is not None:
            await self._task
            self._task, self._made = None, None
        self._closing.clear()

    async def _make(self) -> None:
        manager = await asyncio.to_thread(self._load)
        made = self._made = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep(manager, made))
        await asyncio.wait([made, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not made.done():
            self._made = None
            await self._task  # raises what went wrong while it opened

    async def _keep(self, manager: AbstractAsyncContextManager[T], made: asyncio.Future[T]) -> None:
        async with manager as thing:
            made.set_result(thing)
            await self._closing.wait()
