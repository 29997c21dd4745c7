"""Which vectors are kept, under which name? For those who keep vectors without making any (`vectors.py` does).

Vectors of two names are never compared: each is held only against a question's vector of its own.
"""

from typing import Final

MODEL: Final = "use3"
"""The name of the vectors that Daeri makes itself."""
DIMENSIONS: Final = 512
"""How long these are."""
FRAME: Final = ">III"
"""What stands before each answer of a reader process: the sizes of its JSON, its codes and its vectors."""


def dimensions_of(model: str) -> int:
    """Return how long the vectors of a name are; 0 for a name that is none. An outside model's name ends in it."""
    if model == MODEL:
        return DIMENSIONS
    said = model.rpartition("/")[2]
    return int(said) if said.isdecimal() else 0
