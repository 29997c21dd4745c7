"""How is something long shown while it goes on? Bars where someone watches, a line for each part where not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from daeri.cli.terminal import Terminal

Advance = Callable[[str, int, int], None]
"""Told a part's name, how much of it is done, and of how much."""


@contextmanager
def bars(terminal: Terminal) -> Iterator[Advance]:
    """Show how far parts are."""
    if not terminal.is_live:

        def line(part: str, done: int, total: int) -> None:
            if done >= total:
                terminal.talk(f"  {part} {done:,}/{total:,}")

        yield line
        return
    from rich.progress import (  # noqa: PLC0415 - only where bars are shown
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal.talk_console) as shown:
        tasks: dict[str, Any] = {}

        def advance(part: str, done: int, total: int) -> None:
            if part not in tasks:
                tasks[part] = shown.add_task(part, total=total)
            shown.update(tasks[part], completed=done)

        yield advance
