"""How is something said on a terminal? Data on stdout, talk on stderr, JSON where it is asked for, no colour unasked.

Commands say what; here is only how: consoles, tables, next steps, errors.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from daeri.cli.trouble import Trouble
from daeri.cli.words import CAUSE, FIX, MORE, NEXT, Lang, Words

PIPE_WIDTH: Final = 240
"""Columns where nobody looks: a table that is piped on is never cut to a window that is not there."""

_CONTROL: Final = {code: None for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def clean(text: object) -> str:
    """Drop control characters: a name in a record must not steer the terminal of whoever reads it."""
    return str(text).translate(_CONTROL)


class Terminal:
    """Where a command speaks."""

    def __init__(self, lang: Lang, *, as_json: bool = False, quiet: bool = False) -> None:
        """Take the language, whether data is wanted as JSON, and whether talk is wanted at all."""
        self.lang = lang
        self.as_json = as_json
        self.quiet = quiet
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)
        self._line_is_open = False

    @property
    def is_live(self) -> bool:
        """Whether a person watches the talk, so that it may move."""
        return self._err.is_terminal and not self.quiet

    @property
    def talk_console(self) -> Console:
        """The console of the talk, for progress bars."""
        return self._err

    def word(self, words: Words) -> str:
        """Return a sentence in the language of this terminal."""
        return words.to(self.lang)

    def data(self, value: object) -> None:
        """Write a value as JSON to stdout."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def tell(self, text: str, style: str = "") -> None:
        """Write a line of data to stdout."""
        self.close_line()
        self._out.print(Text(clean(text), style=style), soft_wrap=True)

    def stream(self, text: str) -> None:
        """Write a piece of a text to stdout at once."""
        self.close_line()
        self._out.print(Text(clean(text)), end="", soft_wrap=True)
        self._out.file.flush()

    def talk(self, words: Words | str, style: str = "") -> None:
        """Write a line of talk to stderr."""
        if not self.quiet:
            self.close_line()
            self._err.print(Text(clean(self._said(words)), style=style), soft_wrap=True)

    def warn(self, words: Words) -> None:
        """Write a warning to stderr, also to those who asked for quiet."""
        self.close_line()
        self._err.print(Text(f"! {clean(self.word(words))}", style="yellow"), soft_wrap=True)

    def mark(self, sign: str, text: str) -> None:
        """Add a mark to the line of what happens now."""
        if not self.quiet:
            style = {"✓": "green", "!": "yellow", "✗": "red"}.get(sign, "")
            piece = Text.assemble((sign, style), f" {clean(text)}")
            self._err.print(Text("  ") + piece if self._line_is_open else piece, end="", soft_wrap=True)
            self._err.file.flush()
            self._line_is_open = True

    def close_line(self) -> None:
        """End the line of marks, if one is open."""
        if self._line_is_open:
            self._line_is_open = False
            self._err.print()

    def next(self, command: str, words: Words | None = None) -> None:
        """Name the next command."""
        self.talk(f"{self.word(words or NEXT)}: {command}", style="dim")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> None:
        """Write a table to stdout; `right` are the columns of numbers."""
        self.close_line()
        table = Table(box=None, pad_edge=False, show_header=bool(columns), header_style="dim", padding=(0, 2, 0, 0))
        for at, name in enumerate(columns):
            table.add_column(Text(name), justify="right" if at in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        self._print_table(table)

    def fields(self, pairs: Sequence[tuple[str, object]]) -> None:
        """Write names and values below each other to stdout."""
        self.close_line()
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in pairs:
            table.add_row(Text(clean(name)), Text(clean(value)))
        self._print_table(table)

    def _print_table(self, table: Table) -> None:
        if self._out.is_terminal:
            self._out.print(table)
            return
        with self._out.capture() as captured:
            self._out.print(table)
        for line in captured.get().splitlines():
            self._out.print(Text(line.rstrip()), soft_wrap=True)

    def when(self, instant: str | None) -> str:
        """Word an RFC 3339 instant in Seoul time."""
        from daeri.wording import moment  # noqa: PLC0415 - Babel loads only where a date is shown

        return moment(datetime.fromisoformat(instant), self.lang) if instant else "-"

    def fail(self, trouble: Trouble) -> None:
        """Say what went wrong, why, what to do and where to read more; as a problem object with --json."""
        self.close_line()
        what, lang = clean(self.word(trouble.what)), self.lang
        why = clean(trouble.why.to(lang)) if trouble.why else ""
        fix = clean(trouble.fix.to(lang)) if trouble.fix else ""
        if self.as_json:
            said = {"title": what, "detail": why or what, "help": fix}
            sys.stderr.write(json.dumps(trouble.as_json(said), ensure_ascii=False, indent=2) + "\n")
            return
        head = Text.assemble(("error", "bold red"), f": {what} ", (f"({trouble.slug})", "dim"))
        self._err.print(head, soft_wrap=True)
        lines = [(CAUSE, line) for line in why.splitlines()[:1]]
        for label, text in lines:
            self._err.print(Text(f"  {self.word(label)}: {text}"), soft_wrap=True)
        for line in why.splitlines()[1:]:
            self._err.print(Text(f"      {line}"), soft_wrap=True)
        if fix:
            self._err.print(Text(f"  {self.word(FIX)}: {fix}"), soft_wrap=True)
        self._err.print(Text(f"  {self.word(MORE)}: daeri explain {trouble.slug}", style="dim"), soft_wrap=True)

    def _said(self, words: Words | str) -> str:
        return words if isinstance(words, str) else self.word(words)


def person(body: Mapping[str, Any] | None) -> str:
    """Call a person as colleagues do: name and title, else name and rank."""
    if not body:
        return "-"
    return f"{body['name']} {body.get('title') or body.get('rank') or ''}".strip()


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console
