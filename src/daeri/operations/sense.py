"""What do the words of a search mean to a model outside? Asked before the database is visited, as a visit cannot wait.

An operation that searches names it as a parameter, like `Records`; where no model outside is configured it is empty.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sense:
    """The meaning of what is searched for, as one model outside has told it.

    Attributes:
        model: the name under which vectors of that model are kept; empty where none is configured.
        vector: numbers of four bytes, of length 1; empty where it was not told.
        why: why it was not told, for the log and the answer.
    """

    model: str = ""
    vector: bytes = b""
    why: str = ""


Senses = Callable[[str, frozenset[str]], Awaitable[Sense]]
"""Is given the words, and the sensitive data classes that they may hold."""
