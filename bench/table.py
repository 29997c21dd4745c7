"""How are figures shown? One aligned table, under the facts of the machine it was measured on."""

import hashlib
import json
import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

HEAD = ("what", "CPU ms", "p50 ms", "p99 ms", "measured")
NOT_MEASURED = "-"
YARDSTICK_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; a figure that does not apply is None."""

    what: str
    cpu: float | None = None
    p50: float | None = None
    p99: float | None = None
    measured: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the line as texts."""
        return (self.what, *(_figure(value) for value in (self.cpu, self.p50, self.p99)), self.measured)


def yardstick() -> float:
    """Return what a fixed piece of work takes here and now, in milliseconds of CPU."""
    started = time.process_time()
    for _ in range(YARDSTICK_ROUNDS):
        for value in json.loads(json.dumps([{"id": number, "name": str(number)} for number in range(1_000)])):
            hashlib.sha256(value["name"].encode()).hexdigest()
    return (time.process_time() - started) * 1000 / YARDSTICK_ROUNDS


def facts() -> str:
    """Tell the machine: what the figures hold for."""
    now = datetime.now().astimezone()
    load = os.getloadavg()[0]
    return (
        f"{now:%Y-%m-%d %H:%M}, {len(os.sched_getaffinity(0))} cores ({_processor()}), load {load:.1f} before, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def table(lines: Sequence[Line]) -> str:
    """Return the lines as one aligned text."""
    return aligned(HEAD, [line.cells() for line in lines], left=(0, len(HEAD) - 1))


def aligned(head: Sequence[str], lines: Sequence[Sequence[str]], left: Sequence[int]) -> str:
    """Return lines under a head, columns aligned: those in `left` to the left, figures to the right."""
    rows = [head, *lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    shown = [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([shown[0], "-" * max(len(row) for row in shown), *shown[1:]])


def _figure(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.2f}"


def _processor() -> str:
    for row in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if row.startswith("model name"):
            return row.partition(":")[2].strip()
    return platform.machine()
