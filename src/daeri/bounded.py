"""What is remembered for a while, so that it need not be asked again? Bounded in time and size, in this process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """One thing that is remembered.

    Attributes:
        at, until: since when and how long, by the clock of whoever remembers it.
    """

    value: T
    at: float
    until: float
    size: int


class Bounded(Generic[T]):
    """Remembers the latest things of a kind; what was not asked for longest is forgotten first."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        """Take the size of all together; `now` gives seconds that only grow."""
        self._most = most
        self._kept: OrderedDict[str, Kept[T]] = OrderedDict()
        self.now = now
        self.size = 0

    def find(self, key: str) -> Kept[T] | None:
        """Return what is remembered under a key, unless its time is over."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self.now() >= kept.until:
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def keep(self, key: str, value: T, seconds: float, size: int, age: float = 0) -> None:
        """Remember something of a size for so many seconds, counted from when it was so old as `age` says."""
        self._forget(key)
        at = self.now() - age
        self._kept[key] = Kept(value, at, at + seconds, size)
        self.size += size
        while self.size > self._most:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: str) -> None:
        gone = self._kept.pop(key, None)
        self.size -= gone.size if gone else 0
