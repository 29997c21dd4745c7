"""How does an answer's text leave a run? At once to who listens at this server, and in pieces to the journal."""

import asyncio
import time
from dataclasses import dataclass, field

from daeri.agent.progress import Progress
from daeri.crash import crash_at
from daeri.runs.work import STORED_SECONDS, Work, Workbench


@dataclass(slots=True)
class Voice:
    """The answer's text on its way out: to listeners here at once, stored in pieces."""

    bench: Workbench
    work: Work
    progress: Progress
    unspoken: str = ""
    _last: float = 0.0
    _later: asyncio.Task[None] | None = None
    _storing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _hushed: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, text: str) -> None:
        """Add text; it is stored in pieces, the first one soon, also when no more comes for a while."""
        self.bench.speak(self.work.lease, len(self.progress.spoken) + len(self.unspoken), text)
        self.unspoken += text
        now = time.monotonic()
        self._last = self._last or now - self.bench.pause + STORED_SECONDS
        wait = self._last + self.bench.pause - now
        if wait <= 0:
            await self.flush()
        elif self._later is None or self._later.done():
            self._later = asyncio.create_task(self._flush_after(wait))

    async def hush(self) -> None:
        """Finish what is being stored, and store nothing later; what is unspoken stays with the caller."""
        if self._later is not None:
            self._hushed.set()
            await self._later
            self._later = None
            self._hushed.clear()
        self._last = 0.0

    def leave(self) -> None:
        """Store nothing any more: the run ends otherwise, or is another worker's."""
        if self._later is not None:
            self._later.cancel()

    async def _flush_after(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hushed.wait()
        except TimeoutError:
            await self.flush()

    async def flush(self) -> None:
        """Store what has not been stored yet, the steps before it first; pieces one after another, in their order."""
        async with self._storing:
            at, text = len(self.progress.spoken), self.take()
            if text:
                self._last = time.monotonic()
                told = {"text": text, "at": at}
                await self.bench.write(self.work.lease, self.progress.take_notes(), ("message.delta", told))
                crash_at("text.stored")

    def take(self) -> str:
        """Hand out what has not been stored yet; it counts as spoken."""
        text, self.unspoken = self.unspoken, ""
        self.progress.spoken += text
        return text
