"""How often is a stream read? As its pieces come, but no more than so often; the more streams, the less often each.

Five tokens cost a server hardly more than one where it reads and passes them on together. So whoever listens to a fast
stream, or to one among many, gets the same bytes in fewer pieces, a moment later; the first one is never held up.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

READS_PER_SECOND: Final = 10_000
"""What all streams of a server share."""
LEAST_SECONDS: Final = 0.01
"""Few models send tokens faster than this, and no eye reads them one by one."""
MOST_SECONDS: Final = 0.2
"""Five pieces a second are ahead of whoever reads them."""
LOOK_SECONDS: Final = 0.005
"""How much longer than its time a stream may rest, so that those whose time is near wake together."""


class Stream(Protocol):
    """What is read now and then."""

    def wake(self) -> None:
        """Be read again."""


class Interval:
    """The least time between two reads of each open stream."""

    def __init__(self) -> None:
        """Begin with no stream."""
        self._open: set[Stream] = set()
        self._resting: deque[tuple[float, Stream]] = deque()

    @property
    def seconds(self) -> float:
        """How long it is now."""
        return min(max(len(self._open) / READS_PER_SECOND, LEAST_SECONDS), MOST_SECONDS)

    def enter(self, stream: Stream) -> None:
        """Count a stream."""
        self._open.add(stream)

    def leave(self, stream: Stream) -> None:
        """Count it no more."""
        self._open.discard(stream)

    def rest(self, stream: Stream, waited: float) -> bool:
        """Wake a stream after its rest; False where it needs none.

        Args:
            stream: was read just now.
            waited: seconds that it waited for what was read: a slow stream keeps its interval by itself.
        """
        seconds = self.seconds
        if waited >= seconds or stream not in self._open:
            return False
        loop = asyncio.get_running_loop()
        if not self._resting:
            loop.call_later(LOOK_SECONDS, self._look)
        self._resting.append((loop.time() + seconds, stream))
        return True

    def _look(self) -> None:
        """Wake those whose time has come."""
        loop, resting = asyncio.get_running_loop(), self._resting
        now = loop.time()
        try:
            while resting and resting[0][0] <= now:
                resting.popleft()[1].wake()
        finally:
            if resting:
                loop.call_later(LOOK_SECONDS, self._look)
