"""How long do requests take? Counted as they pass, by door, method and status: a few labels, however many addresses."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
_DOORS: Final = (
    ("/v1/chat/", "openai"),
    ("/v1/responses", "openai"),
    ("/v1/embeddings", "openai"),
    ("/v1/models", "openai"),
    ("/v1/", "rest"),
    ("/rpc", "rpc"),
    ("/mcp", "mcp"),
    ("/a2a", "a2a"),
    ("/.well-known/", "public"),
    ("/auth/", "public"),
    ("/healthz", "public"),
    ("/readyz", "public"),
    ("/metrics", "public"),
    ("/openapi.json", "public"),
    ("/docs", "public"),
    ("/llms.txt", "public"),
    ("/problems/", "public"),
    ("/static/", "static"),
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class Taken:
    """The times of one kind of request."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0


class Timing:
    """The times of all."""

    def __init__(self) -> None:
        """Start with none."""
        self.taken: dict[tuple[str, str, str], Taken] = {}

    def note(self, path: str, method: str, status: int, seconds: float) -> None:
        """Note one request."""
        key = (door_of(path), method if method in _METHODS else "other", str(status))
        taken = self.taken.get(key)
        if taken is None:
            taken = self.taken[key] = Taken()
        taken.counts[bisect_left(BUCKETS, seconds)] += 1
        taken.seconds += seconds


def door_of(path: str) -> str:
    """Return which door an address belongs to; what is none of the protocols' is a page."""
    return next((door for start, door in _DOORS if path.startswith(start)), "web")
