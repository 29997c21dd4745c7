"""What may leave the sandbox? Plain JSON values of a bounded size, whatever the code made.

Values arrive with everything they share still shared: a list that holds itself twice thirty times over is small until
somebody walks it. So the walk counts, and stops.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

NODES_MAX: Final = 20_000
"""Values, each within another one."""
CHARACTERS_MAX: Final = 200_000
BITS_MAX: Final = 256
"""Of a whole number."""
DEPTH_MAX: Final = 32


class Unplain(ValueError):
    """A value is too large, too deep or of a kind that JSON has not."""


def plain(value: Any) -> Any:
    """Return a value as JSON values.

    Raises:
        Unplain: it cannot be.
    """
    return _Walk().walked(value, 0)


class _Walk:
    """Counts what it has walked."""

    def __init__(self) -> None:
        self.nodes = self.characters = 0

    def walked(self, value: Any, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > NODES_MAX:
            raise Unplain(f"more than {NODES_MAX:,} values")
        if depth > DEPTH_MAX:
            raise Unplain(f"more than {DEPTH_MAX} levels, or a value within itself")
        if isinstance(value, Mapping):
            return {self._text(_key(key)): self.walked(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.walked(item, depth + 1) for item in value]
        return self._leaf(value)

    def _leaf(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            if value.bit_length() > BITS_MAX:
                raise Unplain("a number with too many digits")
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes):
            return self._text(value[:CHARACTERS_MAX].hex())
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        if isinstance(value, Decimal | timedelta):
            return str(value)
        raise Unplain("it is no number, text, list or dict")

    def _text(self, text: str) -> str:
        self.characters += len(text)
        if self.characters > CHARACTERS_MAX:
            raise Unplain(f"more than {CHARACTERS_MAX:,} characters")
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int) and key.bit_length() > BITS_MAX:
        raise Unplain("a number with too many digits")
    if key is None or isinstance(key, int | float | Decimal | date):
        return str(key)
    raise Unplain("a key that is no text or number")
