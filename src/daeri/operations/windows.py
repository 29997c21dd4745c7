"""How is a limit counted? In a window that moves with time, in this process, and in Redis where servers share it.

In Redis every request is counted, exactly. Each server is told, by the very script that counts, whenever another
`STEPS`th of somebody's limit was used. So when Redis is lost, each knows what was used but for the last step, takes the
rest to be that small, and lets through no more than its equal part of it: together they never let through more than
the limit. What they let through meanwhile they note in Redis on its return. Where Redis has forgotten (it was started
anew, flushed or short of memory), the parts hold until the window has moved on. A server that came a moment ago, and
does not know what was used before, lets nothing through alone until that lies behind.
"""

import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from daeri.exchange import Away, Exchange, Script

STEPS: Final = 64
"""Into how many steps a limit is divided: more are told more often, fewer leave more unused while Redis is away."""
NEWCOMERS: Final = 8
"""Which part of a limit a server takes that never met Redis and knows of nobody, once it has stood for a window."""
SWEEP_AT: Final = 1_000
PREFIX: Final = "daeri:limit:"
SUBJECT: Final = "limit"

_TAKE: Final = Script(
    """
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local told = {0}
for i = 2, #KEYS do
    local window, count, at = KEYS[i], KEYS[i] .. ':count', 4 + (i - 2) * 4
    local most, micros = tonumber(ARGV[at]), tonumber(ARGV[at + 1]) * 1000000
    local step, owed = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local oldest = redis.call('LINDEX', window, -1)
    while oldest and now - oldest >= micros do
        redis.call('RPOP', window)
        oldest = redis.call('LINDEX', window, -1)
    end
    local held = redis.call('LLEN', window) + owed
    local new = owed
    if ARGV[3] == '1' then
        if held >= most then told[1] = i - 1 else new, held = new + 1, held + 1 end
    end
    for _ = 1, new do redis.call('LPUSH', window, string.format('%.0f', now)) end
    if new > 0 then
        local all = redis.call('INCRBY', count, new)
        redis.call('PEXPIRE', window, micros / 1000 + 1)
        redis.call('PEXPIRE', count, micros / 1000 + 1)
        for _ = 1, math.floor(all / step) - math.floor((all - new) / step) do
            redis.call('PUBLISH', ARGV[2], '"""
    + SUBJECT
    + """ ' .. window)
        end
    end
    told[#told + 1] = held
    told[#told + 1] = oldest and math.ceil((micros - now + oldest) / 1000) or math.ceil(micros / 1000)
    if told[1] > 0 then break end
end
return told
"""
)
"""Counts in one window after the other, until one is full; tells which (0 for none), and of each how much it holds and
in how many milliseconds its oldest leaves.
"""


@dataclass(frozen=True, slots=True)
class Bound:
    """So many in so many seconds, of one subject.

    Attributes:
        subject: who and what is counted, without a space at either end.
    """

    subject: str
    most: int
    seconds: int

    @property
    def step(self) -> int:
        """How many are told of at once."""
        return max(1, self.most // STEPS)

    @property
    def key(self) -> str:
        """The window's name, in Redis too."""
        return f"{PREFIX}{self.most}/{self.seconds} {self.subject}"

    @classmethod
    def named(cls, key: str) -> "Bound":
        """Return the bound whose window has a name."""
        most, _, rest = key.removeprefix(PREFIX).partition("/")
        seconds, _, subject = rest.partition(" ")
        return cls(subject, int(most), int(seconds))


@dataclass(frozen=True, slots=True)
class Count:
    """How a bound stands after something was counted, or not.

    Attributes:
        bound: which.
        taken: whether it was counted; if not, the bound is reached.
        left: how many more may come.
        seconds: when the next place is free, or more of them than now.
    """

    bound: Bound
    taken: bool
    left: int
    seconds: float


class Windows(Protocol):
    """Where counts are kept."""

    async def take(self, bounds: Sequence[Bound]) -> list[Count]:
        """Count once against each bound, in their order, up to the first that is reached."""


@dataclass(slots=True)
class Window:
    """What happened lately, to one subject.

    Attributes:
        taken: when this process let something through by its own count.
        told: when Redis told of another step.
        owed: how many of `taken` Redis does not know.
        held: how many Redis knew of, and when, while it was sure; None where it was never asked.
    """

    seconds: int
    taken: deque[float] = field(default_factory=deque)
    told: deque[float] = field(default_factory=deque)
    owed: int = 0
    held: tuple[int, float] | None = None

    def move(self, now: float) -> None:
        """Let go of what lies behind."""
        for times in (self.taken, self.told):
            while times and now - times[0] >= self.seconds:
                times.popleft()

    def count(self, bound: Bound, now: float, most: int) -> Count:
        """Count one more of at most so many, which may be fewer than the bound."""
        self.move(now)
        taken = len(self.taken) < most
        if taken:
            self.taken.append(now)
        oldest = self.taken[0] if self.taken else self.told[0] if self.told else now
        return Count(bound, taken, max(0, most - len(self.taken)), oldest + self.seconds - now)


class OwnWindows:
    """The windows of this process."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._windows: dict[str, Window] = {}
        self._sweep_at = SWEEP_AT

    async def take(self, bounds: Sequence[Bound]) -> list[Count]:
        """Count once against each bound, in their order, up to the first that is reached."""
        now, counts = time.monotonic(), list[Count]()
        for bound in bounds:
            counts.append(self.window(bound.key, bound.seconds).count(bound, now, bound.most))
            if not counts[-1].taken:
                break
        return counts

    def window(self, key: str, seconds: int) -> Window:
        """Return a window, a new one where there is none."""
        found = self._windows.get(key)
        if found is None:
            if len(self._windows) >= self._sweep_at:
                self._sweep()
            found = self._windows[key] = Window(seconds)
        return found

    def owing(self) -> list[str]:
        """Return the names of the windows of which Redis does not know all."""
        return [key for key, window in self._windows.items() if window.owed]

    def _sweep(self) -> None:
        now = time.monotonic()
        for key, window in list(self._windows.items()):
            window.move(now)
            if not (window.taken or window.told):
                del self._windows[key]
        self._sweep_at = max(SWEEP_AT, 2 * len(self._windows))


class SharedWindows:
    """Windows that several servers share through Redis."""

    def __init__(self, exchange: Exchange) -> None:
        """Take the connection; whoever owns it opens it."""
        self._exchange = exchange
        self._own = OwnWindows()
        exchange.hear(SUBJECT, self._hear)
        exchange.returning.append(self._pay)

    async def take(self, bounds: Sequence[Bound]) -> list[Count]:
        """Count once against each bound, in their order, up to the first that is reached."""
        doubtful = [bound for bound in bounds if not self._exchange.is_sure(bound.seconds)]
        try:
            if not doubtful:
                return self._noted(await self._take(bounds))
            if self._exchange.is_up:
                return await self._take_in_doubt(bounds, doubtful)
        except Away:
            doubtful = list(bounds)
        return self._take_alone(doubtful)

    def _noted(self, counts: list[Count]) -> list[Count]:
        """Keep what Redis is sure of, for when it is lost before this server has heard for a whole window."""
        now = time.monotonic()
        for count in counts:
            bound = count.bound
            self._own.window(bound.key, bound.seconds).held = bound.most - count.left, now
        return counts

    def _take_alone(self, bounds: Sequence[Bound]) -> list[Count]:
        """Count what this server lets through by itself; Redis is to be told later."""
        now, counts = time.monotonic(), list[Count]()
        for bound in bounds:
            window = self._own.window(bound.key, bound.seconds)
            counts.append(window.count(bound, now, self._part(bound, window, now)))
            if not counts[-1].taken:
                break
            window.owed += 1
        return counts

    async def _take_in_doubt(self, bounds: Sequence[Bound], doubtful: Sequence[Bound]) -> list[Count]:
        """Let through what both Redis and this server's own part of the rest let through.

        Raises:
            Away: Redis does not answer; nothing is counted here.
        """
        own = self._take_alone(doubtful)
        counted = [self._own.window(count.bound.key, count.bound.seconds) for count in own if count.taken]
        if not own[-1].taken:
            return own
        for window in counted:
            window.owed -= 1
        try:
            shared = await self._take(bounds)
        except Away:
            shared = []
        if shared and shared[-1].taken:
            return own + shared
        for window in counted:  # it was not let through after all
            if window.taken:
                window.taken.pop()
        if not shared:
            raise Away
        return shared

    async def _take(self, bounds: Sequence[Bound], *, new: bool = True) -> list[Count]:
        """Have Redis count, once more or only what it does not know yet.

        Raises:
            Away: it does not answer.
        """
        windows = [self._own.window(bound.key, bound.seconds) for bound in bounds]
        owed = [window.owed for window in windows]
        arguments: list[str | int] = [self._exchange.channel, int(new)]
        for bound, window, more in zip(bounds, windows, owed, strict=True):
            arguments += [bound.most, bound.seconds, bound.step, more]
            window.owed = 0
        reached = len(bounds)
        try:
            full, *told = await self._exchange.ask(_TAKE, [bound.key for bound in bounds], arguments)
            reached = full or reached
        except Away:
            reached = 0
            raise
        finally:
            for window, more in list(zip(windows, owed, strict=True))[reached:]:
                window.owed += more
        return [
            Count(bound, at != full, max(0, bound.most - told[2 * at - 2]), told[2 * at - 1] / 1000)
            for at, bound in enumerate(bounds[:reached], 1)
        ]

    def _part(self, bound: Bound, window: Window, now: float) -> int:
        """Return how many of a bound are this server's, as far as Redis told how many were used."""
        exchange = self._exchange
        is_new = exchange.is_open and now - exchange.present_since < bound.seconds
        if not exchange.was_met:
            return 0 if is_new else max(1, bound.most // NEWCOMERS)
        window.move(now)
        # What is told while this server alone is cut off was used by others; once it is back, some of it is its own.
        last = exchange.lost_at if exchange.is_up else now
        used = bound.step * sum(1 for moment in window.told if moment <= last)
        if is_new:  # what was used before it came it knows only where it asked
            if window.held is None:
                return 0
            held, asked_at = window.held
            used = max(used, held + bound.step * sum(1 for moment in window.told if asked_at < moment <= last))
        untold = bound.step - 1 if now - exchange.lost_at < bound.seconds else 0
        return max(0, bound.most - used - untold) // max(1, exchange.servers)

    async def _pay(self) -> None:
        """Note in Redis what was let through while it was away."""
        with suppress(Away):
            for key in self._own.owing():
                await self._take([Bound.named(key)], new=False)

    def _hear(self, key: str) -> None:
        """Note that another step of somebody's limit was used."""
        window, now = self._own.window(key, Bound.named(key).seconds), time.monotonic()
        window.move(now)
        window.told.append(now)
