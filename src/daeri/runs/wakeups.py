"""Who listens to a run? Wakes the streams of this process when a run has new events, and tells the other servers.

Who listens here is handed what was written here. A wake-up from elsewhere is a hint: whoever is woken reads the
journal, and whoever is not finds the same a little later. Text that a run speaks goes to the listeners here at once,
before it is in the journal: each piece bears its place in all that is spoken, so that nobody is told the same twice.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from daeri.runs.journal import NEWS_MAX, Written

TOGETHER_SECONDS: Final = 0.02
"""How long news is gathered before it is told to the other servers: a run has some of it every few milliseconds."""
AGAIN_SECONDS: Final = 1.0
"""How long the database or Redis is left alone when news could not be told."""

UNTOLD_MAX: Final = 10_000
"""Runs whose news waits to be told; of more it is told that there is some, of whichever run."""

Tell = Callable[[Sequence[str]], Awaitable[None]]

log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Listener:
    """One who listens to a run.

    Attributes:
        has_news: there is something in the journal that was not read, nor is it in `written`.
        written: what was written to the journal here.
        spoken: text that is not in the journal yet, or is on its way there, with its place in all that is spoken.
    """

    flag: asyncio.Event = field(default_factory=asyncio.Event)
    has_news: bool = True
    written: list[Written] = field(default_factory=list)
    spoken: list[tuple[int, str]] = field(default_factory=list)

    async def woken(self, seconds: float) -> bool:
        """Wait for news at most so many seconds; say whether there was any."""
        try:
            async with asyncio.timeout(seconds):  # `wait_for` makes a task each time, which costs more than the rest
                await self.flag.wait()
        except TimeoutError:
            return False
        self.flag.clear()
        return True

    async def until_status(self, seconds: float) -> None:
        """Wait at most so many seconds for news which may be that the run has ended, waits or goes on."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self.flag.wait()
                    self.flag.clear()
                    written, unknown, self.has_news = self.take_written(), self.has_news, False
                    if unknown or any(event.type.startswith("run.") for event in written):
                        return

    def hand(self, written: Sequence[Written]) -> None:
        """Give what was written here; whoever does not read for long reads the journal instead."""
        self.written += written
        if len(self.written) > NEWS_MAX:
            self.written, self.has_news = [], True
        self.flag.set()

    def hear(self, at: int, text: str) -> None:
        """Give text that is not written yet; whoever does not read for long finds it in the journal."""
        if len(self.spoken) >= NEWS_MAX:
            self.spoken = []
        self.spoken.append((at, text))
        self.flag.set()

    def take_written(self) -> list[Written]:
        """Hand out what was written here since the last time."""
        written, self.written = self.written, []
        return written

    def take(self) -> list[tuple[int, str]]:
        """Hand out what was spoken since the last time."""
        spoken, self.spoken = self.spoken, []
        return spoken


class Wakeups:
    """The listeners of each run."""

    def __init__(self) -> None:
        """Start with no listeners."""
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._untold: set[str] = set()
        self._some = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    def notify(self, run_id: str, written: Sequence[Written] = ()) -> None:
        """Wake everyone who listens to a run, here and at the other servers; hand out what was `written`, if known."""
        if not written:
            self.wake(run_id)
        for listener in self._listeners.get(run_id, ()):
            listener.hand(written)
        if self._telling is not None:
            self._keep({run_id})

    def wake(self, run_id: str) -> None:
        """Wake everyone who listens to a run here; all of them where no run is named."""
        if not run_id:
            for listened in list(self._listeners):
                self.wake(listened)
        for listener in self._listeners.get(run_id, ()):
            listener.has_news = True
            listener.flag.set()

    def speak(self, run_id: str, at: int, text: str) -> None:
        """Let those who listen to a run here have text at once; it is written later."""
        for listener in self._listeners.get(run_id, ()):
            listener.hear(at, text)

    def open(self, me: str, tell: Tell) -> None:
        """Begin to tell the other servers; this one is named so that it can pass over its own news."""
        self._begin_to_tell(me, tell)

    def _begin_to_tell(self, me: str, tell: Tell, rest: float = 0.0) -> None:
        self._telling = asyncio.create_task(self._tell_on(me, tell, rest))
        self._telling.add_done_callback(partial(self._untold_yet, me, tell))

    def _untold_yet(self, me: str, tell: Tell, task: asyncio.Task[None]) -> None:
        """Go on a little later, whatever it was that ended the telling: without it others hear nothing any more."""
        if not task.cancelled() and self._telling is task:
            log.warning("wakeups.untold", why=str(task.exception()))
            self._begin_to_tell(me, tell, AGAIN_SECONDS)

    async def close(self) -> None:
        """Tell nobody any more."""
        telling, self._telling = self._telling, None
        if telling is not None:
            telling.cancel()
            await asyncio.wait({telling})

    async def _tell_on(self, me: str, tell: Tell, rest: float) -> None:
        await asyncio.sleep(rest)
        while True:
            await self._some.wait()
            await asyncio.sleep(TOGETHER_SECONDS)
            self._some.clear()
            news, self._untold = self._untold, set()
            try:
                await tell([f"{me} {run_id}" for run_id in sorted(news)])
            except BaseException:  # the listeners there look again by themselves meanwhile
                self._keep(news)
                raise

    def _keep(self, news: set[str]) -> None:
        self._untold |= news
        if len(self._untold) > UNTOLD_MAX:
            self._untold = {""}
        self._some.set()

    @contextmanager
    def listening(self, run_id: str) -> Iterator[Listener]:
        """Give what is woken whenever the run has news; there may be some that came before."""
        listener = Listener()
        self._listeners[run_id].add(listener)
        try:
            yield listener
        finally:
            self._listeners[run_id].discard(listener)
            if not self._listeners[run_id]:
                del self._listeners[run_id]
