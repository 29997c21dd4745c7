"""How is something drawn by chance, and yet the same each time?"""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

DAYS_A_YEAR = 365


def random_for(seed: int, part: str) -> random.Random:
    """Return the source of chance for one part: parts do not disturb each other when one of them is changed."""
    return random.Random(f"{seed}/{part}")  # noqa: S311 - invented data, not secrets


def weighted(source: random.Random, choices: Sequence[tuple[T, int]]) -> T:
    """Draw one of the choices, each as often as its weight says."""
    return source.choices([choice for choice, _ in choices], [weight for _, weight in choices])[0]
