"""Which embedding is kept? Its name and size, for those who keep vectors without making any (`vectors.py` does)."""

from typing import Final

MODEL: Final = "use3"
"""The name under which vectors are kept; those of another model are made anew."""
DIMENSIONS: Final = 512
FRAME: Final = ">III"
"""What stands before each answer of a reader process: the sizes of its JSON, its codes and its vectors."""
