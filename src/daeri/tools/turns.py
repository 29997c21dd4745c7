"""Whose turn is it at something scarce? So many at once, one of each person, and patience that ends."""

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

from daeri.errors import RateLimited
from daeri.wording import Text


class Turns:
    """Turns at one thing: a worker, a reader."""

    def __init__(self, at_once: int, busy: Text) -> None:
        """Take how many have a turn at once, and what is said to whoever waits too long."""
        self._all = asyncio.Semaphore(at_once)
        self._own: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._busy = busy

    async def take(self, whose: int, patience: float) -> Callable[[], None]:
        """Wait for a person's turn at most so many seconds; return what ends it.

        Raises:
            RateLimited: others, or other work of this person's, took too long.
        """
        own = self._own.setdefault(whose, asyncio.Lock())
        try:
            async with asyncio.timeout(patience):
                await own.acquire()
                try:
                    await self._all.acquire()
                except BaseException:
                    own.release()
                    raise
        except TimeoutError:
            raise RateLimited(self._busy) from None

        def end() -> None:
            self._all.release()
            own.release()

        return end
