"""Which attempts at a request were refused before anything was begun?

OpenAI's libraries send a request again where a limit or a database that was away held it up, and count that as they
count one whose answer was lost. Who was refused from the first attempt on has asked for nothing yet.
"""

import time
from collections.abc import Callable
from typing import Final

KEPT_SECONDS: Final = 900.0
"""How long a client may take to ask again; a limit may have it wait for some minutes."""
KEPT_MAX: Final = 10_000


class Refusals:
    """The requests that this server refused lately, by a digest of who asked and for what."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Take the clock."""
        self._now = now
        self._kept: dict[str, tuple[int, float]] = {}

    def note(self, asked: str, number: int) -> None:
        """Note that an attempt was refused; it counts where all before it were."""
        if number and number != self.before(asked):
            return
        self.forget(asked)
        if len(self._kept) >= KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[asked] = number + 1, self._now()

    def before(self, asked: str) -> int:
        """Return how many attempts were refused, from the first on."""
        count, at = self._kept.get(asked, (0, 0.0))
        return count if self._now() - at <= KEPT_SECONDS else 0

    def forget(self, asked: str) -> None:
        """Forget what was carried out in the end."""
        self._kept.pop(asked, None)
