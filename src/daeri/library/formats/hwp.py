"""How are HWP, HWPX and the old Office formats read? dochan parses them; here its document becomes blocks.

dochan never raises: what it could not read it lists, and that list becomes problems here.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any, Final

from dochan import Dochan
from dochan.model.document import Paragraph
from dochan.model.equation import Equation
from dochan.model.header_footer import Footnote, HeaderFooter
from dochan.model.table import Table

from daeri.library.blocks import Block, Found, Limits, Place, Problem, Unreadable
from daeri.library.formats.cells import Cell, blocks_of, flatten
from daeri.library.formats.packages import opened
from daeri.library.headings import depth_of

NESTED_MAX: Final = 5
PACKED: Final = b"PK\x03\x04"
_LOCKED: Final = ("암호", "encrypt", "password")


def read(data: bytes, limits: Limits) -> Found:
    """Yield the blocks of a Hangul or an old Office document.

    Raises:
        Unreadable: it is broken or locked, or there is nothing in it.
    """
    if data.startswith(PACKED):
        opened(data, limits).close()
    with _named(data) as path:
        document = Dochan(path).doc
    errors = [str(error) for error in document.errors]
    found = False
    walk = _Walk(limits)
    for section in document.sections:
        for block in walk.blocks(section.elements, Place(), 0):
            found = True
            yield block
    serious = [error for error in errors if error.startswith("ERR")]
    if not found and errors:
        locked = any(word in error.lower() for error in errors for word in _LOCKED)
        raise Unreadable("encrypted" if locked else "broken", "; ".join(errors)[:500])
    if serious:
        yield Problem("broken", detail="; ".join(serious)[:500])


@contextlib.contextmanager
def _named(data: bytes) -> Iterator[str]:
    """Give bytes a path to be opened by: in memory where the system can, else a temporary file."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("document")
        try:
            with open(number, "wb", closefd=False) as stream:
                stream.write(data)
            yield f"/proc/self/fd/{number}"
        finally:
            os.close(number)
        return
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(data)
        stream.flush()
        yield stream.name


class _Walk:
    """A walk over dochan's document."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tables = 0

    def blocks(self, elements: Any, place: Place, nested: int) -> Iterator[Block]:
        """Yield the blocks of elements in order."""
        for element in elements:
            if isinstance(element, Paragraph):
                yield from _paragraph(element, place)
            elif isinstance(element, Table):
                yield from self._table(element, place, nested)
            elif isinstance(element, Equation):
                text = str(element.latex or element.script or "").strip()
                if text:
                    yield Block("text", text, place)
            elif isinstance(element, Footnote | HeaderFooter):
                where = {"header": "머리글", "footer": "바닥글", "endnote": "미주", "comment": "메모"}
                yield from self.blocks(element.paragraphs, Place(part=where.get(element.type, "각주")), nested)

    def _table(self, table: Table, place: Place, nested: int) -> Iterator[Block]:
        self._tables += 1
        number = self._tables
        caption = " ".join(table.caption_text.split())
        if caption:
            yield Block("row", caption, place, table=number)
        cells: list[Cell] = []
        inner: list[Table] = []
        for at, row in enumerate(table.rows):
            for column, cell in enumerate(row):
                if cell.is_merged_away or len(cells) >= self._limits.cells_max:
                    continue
                text = " ".join(each.text for each in cell.paragraphs if isinstance(each, Paragraph))
                cells.append(Cell(at, column, " ".join(text.split()), max(1, cell.row_span), max(1, cell.col_span)))
                inner += [each for each in cell.paragraphs if isinstance(each, Table)]
        if len(cells) == 1:  # a frame round text, as letters have them
            yield from self.blocks(table.rows[0][0].paragraphs, place, nested + 1) if nested < NESTED_MAX else ()
            return
        yield from blocks_of(flatten(cells, self._limits.cells_max), place, number)
        if nested < NESTED_MAX:
            for each in inner:
                yield from self._table(each, place, nested + 1)


def _paragraph(paragraph: Paragraph, place: Place) -> Iterator[Block]:
    for line in paragraph.text.replace("\x0b", "\n").split("\n"):
        text = " ".join(line.split())
        if text:
            depth = depth_of(text) or min(paragraph.heading_level, 6)
            yield Block("heading" if depth else "text", text, place, depth=depth)
