"""How does a table with merged cells become rows that can be read alone? Shared by every format that has tables.

A cell over several rows is told in each of them. Header rows that are joined by merged cells become one: the words
over a column, from the top down.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from daeri.library.blocks import Block, Place, row_text

HEADER_ROWS_MAX = 4
SPAN_MAX = 2_000
"""Rows or columns that one cell may cover; more is no table but an attack."""
COLUMNS_MAX = 500
TITLE_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its place, from 0, how many rows and columns it covers, its text."""

    row: int
    column: int
    text: str
    rows: int = 1
    columns: int = 1


@dataclass(frozen=True, slots=True)
class Flat:
    """A table without merged cells.

    Attributes:
        title: what stands in one cell over the whole table.
        header: the words over the columns; empty where the table has none.
        rows: the rows below, each with its number in the original, from 0.
    """

    title: str
    header: list[str]
    rows: list[tuple[int, list[str]]]


def flatten(cells: Sequence[Cell], cells_max: int) -> Flat:
    """Return a table without merged cells, at most `cells_max` of them."""
    if not cells:
        return Flat("", [], [])
    width = min(max(cell.column + min(cell.columns, SPAN_MAX) for cell in cells), COLUMNS_MAX)
    height = min(max(cell.row + min(cell.rows, SPAN_MAX) for cell in cells), cells_max // width + 1)
    owners: list[list[Cell | None]] = [[None] * width for _ in range(height)]
    for cell in cells:
        for row in range(cell.row, min(cell.row + min(cell.rows, SPAN_MAX), height)):
            for column in range(cell.column, min(cell.column + min(cell.columns, SPAN_MAX), width)):
                owners[row][column] = cell
    first = 0
    title = ""
    whole = owners[0][0]
    if height > 2 and whole is not None and whole.columns >= width > 1 and len(whole.text) <= TITLE_CHARACTERS_MAX:  # noqa: PLR2004
        title, first = whole.text, whole.rows
    depth = _header_rows(owners, first)
    header = [_over(owners[first : first + depth], column) for column in range(width)]
    rows = [(number, _told(owners[number])) for number in range(first + depth, height)]
    return Flat(title, header, [(number, row) for number, row in rows if any(row)])


def _header_rows(owners: Sequence[Sequence[Cell | None]], first: int) -> int:
    """Return how many rows the header has: as many as its cells reach down, one more where it only joins columns."""
    if len(owners) - first < 2:  # noqa: PLR2004 - one row alone has no header
        return 0
    top = [cell for cell in owners[first] if cell is not None]
    depth = max((cell.rows for cell in top), default=1)
    joined = any(cell.columns > 1 for cell in top)
    if joined and depth == 1 and len(owners) - first > 2:  # noqa: PLR2004
        below = [cell for cell in owners[first + 1] if cell is not None]
        depth = 2 if all(not _is_number(cell.text) for cell in below) else 1
    return min(depth, HEADER_ROWS_MAX, len(owners) - first - 1)


def _over(rows: Sequence[Sequence[Cell | None]], column: int) -> str:
    said = [cell.text.strip() for row in rows if (cell := row[column]) is not None]
    return " ".join(dict.fromkeys(filter(None, said)))


def _told(row: Sequence[Cell | None]) -> list[str]:
    """Return a row's texts; a cell over several columns is told once."""
    return [
        "" if cell is None or (at and row[at - 1] is cell) else " ".join(cell.text.split())
        for at, cell in enumerate(row)
    ]


def _is_number(text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    return digits > 0 and digits * 2 >= len(text.strip())


def blocks_of(flat: Flat, place: Place, table: int) -> Iterator[Block]:
    """Yield a flat table as blocks that all stand at one place."""
    if flat.title:
        yield Block("row", flat.title, place, table=table)
    header = row_text(flat.header)
    if header:
        yield Block("row", header, place, table=table)
    for _, row in flat.rows:
        yield Block("row", row_text(row), place, table=table, header=header)
