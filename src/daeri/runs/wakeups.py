"""Who listens to a run? Wakes the streams of this process when a run has new events.

A wake-up is a hint: whoever is woken reads the journal, and whoever is not finds the same a little later.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Wakeups:
    """One flag for each listener of a run."""

    def __init__(self) -> None:
        """Start with no listeners."""
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def notify(self, run_id: str) -> None:
        """Wake everyone who listens to a run."""
        for flag in self._listeners.get(run_id, ()):
            flag.set()

    @contextmanager
    def listening(self, run_id: str) -> Iterator[asyncio.Event]:
        """Give a flag that is set whenever the run has news; the listener clears it before it reads."""
        flag = asyncio.Event()
        self._listeners[run_id].add(flag)
        try:
            yield flag
        finally:
            self._listeners[run_id].discard(flag)
            if not self._listeners[run_id]:
                del self._listeners[run_id]


async def woken(flag: asyncio.Event, seconds: float) -> bool:
    """Wait for news at most so many seconds; say whether there was any."""
    try:
        await asyncio.wait_for(flag.wait(), seconds)
    except TimeoutError:
        return False
    return True
