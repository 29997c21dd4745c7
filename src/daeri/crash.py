"""Where may a test kill this process? At points between two steps that have names; nowhere unless one is asked for.

Whoever is killed in such a gap must end as if nothing had happened: `tests/crash/test_gaps.py` tries them all.
"""

import os
import signal
from pathlib import Path
from typing import Final

VARIABLE: Final = "DAERI_CRASH_AT"
"""Names a file that holds the point at which to die, once; for tests."""


def crash_at(point: str) -> None:
    """Die at once where a test asks for this point: nothing is flushed, nothing is closed."""
    file = os.environ.get(VARIABLE)
    if file and Path(file).exists() and Path(file).read_text(encoding="utf-8") == point:
        Path(file).unlink()
        os.kill(os.getpid(), signal.SIGKILL)
