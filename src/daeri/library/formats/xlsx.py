"""How is a workbook read? Each table of each sheet by row, with its header, the cells' places and values as shown.

Tables that stand apart on one sheet are read apart. Hidden rows, columns and sheets are read and marked as hidden; a
formula is told beside its value where a column's first cell of its kind has one. Macros are never looked at.
"""

import io
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from daeri.library.blocks import Block, Found, Limits, Place, Problem, Unreadable, row_text
from daeri.library.formats.cells import Cell, flatten
from daeri.library.formats.numbers import Formats, shown
from daeri.library.formats.packages import opened, part
from daeri.library.formats.safe_xml import attribute, local, parsed

HIDDEN_ROW: Final = "[숨긴 행]"
HIDDEN_COLUMN: Final = "[숨긴 열]"
HIDDEN_SHEET: Final = "[숨긴 시트]"
FORMULA_MAX: Final = 80
FORMULAS_A_ROW: Final = 4
SPLIT_MAX: Final = 6
COLUMNS_MAX: Final = 16_384
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})(\d{1,7})$")


@dataclass(frozen=True, slots=True)
class Value:
    """A cell as it is shown, and its formula, if any."""

    text: str
    formula: str = ""


Key = tuple[int, int]
"""Row and column, from 1."""


@dataclass(slots=True)
class Sheet:
    """What stands on a sheet."""

    name: str
    cells: dict[Key, Value] = field(default_factory=dict)
    merged: dict[Key, Key] = field(default_factory=dict)
    """The first cell of a merged range to its last."""
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    hidden: bool = False
    cut: bool = False


def read(data: bytes, limits: Limits) -> Found:
    """Yield the blocks of a workbook.

    Raises:
        Unreadable: it is broken or locked.
    """
    with opened(data, limits) as package:
        sheets = list(_sheets(package))
        if not sheets:
            raise Unreadable("broken", "no sheets in it")
        strings = _strings(part(package, "xl/sharedStrings.xml"))
        formats = Formats.of(part(package, "xl/styles.xml"), dated_1904=_dated_1904(package))
        left, tables = limits.cells_max, 0
        for number, (name, path, hidden) in enumerate(sheets, 1):
            place = Place(sheet=name)
            if number > limits.pages_max or left <= 0:
                yield Problem("too_large", place)
                continue
            try:
                sheet = _sheet(part(package, path) or b"", name, (strings, formats), left)
            except (Unreadable, etree.XMLSyntaxError) as error:
                yield Problem("broken", place, str(error)[:200])
                continue
            sheet.hidden = hidden
            left -= len(sheet.cells)
            for block in _told(sheet, tables):
                tables = max(tables, block.table)
                yield block
            if sheet.cut:
                yield Problem("too_large", place)


def _sheets(package: Any) -> Iterator[tuple[str, str, bool]]:
    """Yield the sheets in their order: name, part, hidden or not."""
    book = part(package, "xl/workbook.xml")
    links = part(package, "xl/_rels/workbook.xml.rels")
    if book is None or links is None:
        return
    targets = {attribute(link, "Id"): attribute(link, "Target") for link in parsed(links)}
    for element in parsed(book).iter():
        if local(element) == "sheet":
            target = targets.get(_relation(element), "")
            path = target.removeprefix("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            yield attribute(element, "name"), path, attribute(element, "state", "visible") != "visible"


def _relation(element: Any) -> str:
    return next((str(value) for key, value in element.attrib.items() if key.endswith("}id")), "")


def _dated_1904(package: Any) -> bool:
    book = part(package, "xl/workbook.xml")
    found = (each for each in parsed(book or b"<x/>").iter() if local(each) == "workbookPr")
    return any(attribute(each, "date1904") in {"1", "true"} for each in found)


def _strings(data: bytes | None) -> list[str]:
    """Return the texts that cells share; how they are to be pronounced is left out."""
    if data is None:
        return []
    found = []
    for item in _streamed(data, "si"):
        found.append(_rich(item))
        item.clear()
    return found


def _rich(element: Any) -> str:
    texts = (each for each in element.iter() if local(each) == "t")
    spoken = (each for each in texts if not any(local(above) == "rPh" for above in each.iterancestors()))
    return "".join(each.text or "" for each in spoken)


def _streamed(data: bytes, *names: str) -> Iterator[Any]:
    events = etree.iterparse(
        io.BytesIO(data), events=("end",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    for _, element in events:
        if local(element) in names:
            yield element


def _sheet(data: bytes, name: str, known: tuple[Sequence[str], Formats], cells_max: int) -> Sheet:
    strings, formats = known
    sheet = Sheet(name)
    row_number = 0
    for element in _streamed(data, "row", "mergeCell", "col"):
        kind = local(element)
        if kind == "col":
            if attribute(element, "hidden") in {"1", "true"}:
                first, last = _integer(element, "min"), _integer(element, "max")
                sheet.hidden_columns |= set(range(first, min(last, COLUMNS_MAX) + 1))
        elif kind == "mergeCell":
            first_, _, last_ = attribute(element, "ref").partition(":")
            a, b = _key(first_), _key(last_)
            if a is not None and b is not None:
                sheet.merged[a] = b
        else:
            row_number = _integer(element, "r") or row_number + 1
            if attribute(element, "hidden") in {"1", "true"}:
                sheet.hidden_rows.add(row_number)
            for column, value in _row(element, strings, formats):
                if len(sheet.cells) >= cells_max:
                    sheet.cut = True
                    return sheet
                sheet.cells[row_number, column] = value
            element.clear()
    return sheet


def _row(row: Any, strings: Sequence[str], formats: Formats) -> Iterator[tuple[int, Value]]:
    column = 0
    for cell in row:
        if local(cell) != "c":
            continue
        key = _key(attribute(cell, "r"))
        column = key[1] if key is not None else column + 1
        raw, formula = "", ""
        for child in cell:
            child_kind = local(child)
            if child_kind == "v":
                raw = child.text or ""
            elif child_kind == "f":
                formula = " ".join((child.text or "").split())
            elif child_kind == "is":
                raw = _rich(child)
        text = _text(raw, attribute(cell, "t", "n"), strings, formats, _integer(cell, "s"))
        if text.strip():
            yield column, Value(" ".join(text.split()), formula)


def _text(raw: str, kind: str, strings: Sequence[str], formats: Formats, style: int) -> str:
    if kind == "s":
        return strings[int(raw)] if raw.isdigit() and int(raw) < len(strings) else ""
    if kind == "b":
        return "TRUE" if raw == "1" else "FALSE"
    return raw if kind in {"str", "inlineStr", "e", "d"} else shown(raw, formats.of_style(style), formats.dated_1904)


def _integer(element: Any, name: str) -> int:
    value = attribute(element, name, "0")
    return int(value) if value.isdigit() and len(value) <= 9 else 0  # noqa: PLR2004 - digits


def _key(reference: str) -> Key | None:
    match = _REFERENCE.match(reference.replace("$", ""))
    if match is None:
        return None
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match[2]), column


def letters(column: int) -> str:
    """Return a column's letters: 1 is A, 27 is AA."""
    found = ""
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(ord("A") + rest) + found
    return found


def _told(sheet: Sheet, tables: int) -> Iterator[Block]:
    """Yield a sheet table by table."""
    if not sheet.cells:
        return
    mark = f" {HIDDEN_SHEET}" if sheet.hidden else ""
    yield Block("heading", f"{sheet.name}{mark}", Place(sheet=sheet.name), depth=1)
    before: tuple[list[int], str] | None = None
    for region in _apart(set(sheet.cells) | _covered(sheet), SPLIT_MAX):
        columns = sorted({column for _, column in region})
        goes_on = before is not None and before[0] == columns and _begins_with_data(sheet, region)
        tables += not goes_on
        header = before[1] if goes_on and before is not None else ""
        for block in _region(sheet, region, tables, header):
            yield block
            header = block.header or header
        before = (columns, header)


def _covered(sheet: Sheet) -> set[Key]:
    """Return the places that merged cells cover, within reason."""
    found: set[Key] = set()
    for (top, left), (bottom, right) in sheet.merged.items():
        if (top, left) in sheet.cells and (bottom - top + 1) * (right - left + 1) <= 10_000:  # noqa: PLR2004 - more is decoration
            found |= {(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)}
    return found


def _apart(keys: set[Key], depth: int) -> list[set[Key]]:
    """Split places where a whole row or column between them is empty, from the top left on."""
    if not keys or depth == 0:
        return [keys] if keys else []
    for axis in (0, 1):
        pieces = _split(keys, axis)
        if len(pieces) > 1:
            return [part for piece in pieces for part in _apart(piece, depth - 1)]
    return [keys]


def _split(keys: set[Key], axis: int) -> list[set[Key]]:
    pieces: list[set[Key]] = []
    last = None
    by_line: dict[int, list[Key]] = {}
    for key in keys:
        by_line.setdefault(key[axis], []).append(key)
    for line in sorted(by_line):
        if last is None or line > last + 1:
            pieces.append(set())
        pieces[-1].update(by_line[line])
        last = line
    return pieces


def _begins_with_data(sheet: Sheet, region: Iterable[Key]) -> bool:
    first = min(row for row, _ in region)
    texts = [sheet.cells[key].text for key in region if key[0] == first and key in sheet.cells]
    return len(texts) > 1 and sum(any(letter.isdigit() for letter in text) for text in texts) * 2 >= len(texts)


def _region(sheet: Sheet, region: set[Key], table: int, header: str) -> Iterator[Block]:
    """Yield one table: what stands over it, its header, its rows."""
    rows = sorted({row for row, _ in region})
    left, right = min(column for _, column in region), max(column for _, column in region)
    while len(rows) > 1 and right > left:
        filled = [column for column in range(left, right + 1) if (rows[0], column) in sheet.cells]
        below = [column for column in range(left, right + 1) if (rows[1], column) in sheet.cells]
        if len(filled) != 1 or (len(below) < 2 and len(rows) < 3):  # noqa: PLR2004 - a title stands over several cells
            break
        value = sheet.cells[rows[0], filled[0]]
        yield Block("row", value.text, _place(sheet, rows[0], filled[0], filled[0]), table=table)
        rows = rows[1:]
    flat = flatten(_cells(sheet, region, rows, left), len(region) + (right - left + 1) * len(rows))
    own = row_text([_marked(sheet, left + at, text) for at, text in enumerate(flat.header)])
    body = flat.rows
    if header and own:  # a table that goes on: what looks like its header is its first row
        body, own = [(0, flat.header), *body], ""
    top = rows[0]
    if own:
        yield Block("row", own, _place(sheet, top, left, right), table=table)
    formulas = _Formulas(sheet)
    for at, cells in body:
        row = top + at
        mark = f" {HIDDEN_ROW}" if row in sheet.hidden_rows else ""
        text = row_text(cells) + mark + formulas.new_in(row, left, right)
        yield Block("row", text, _place(sheet, row, left, right), table=table, header=own or header)


def _cells(sheet: Sheet, region: set[Key], rows: Sequence[int], left: int) -> list[Cell]:
    found = []
    top = rows[0]
    for row, column in sorted(region):
        if row < top or (row, column) not in sheet.cells:
            continue
        last = sheet.merged.get((row, column), (row, column))
        value = sheet.cells[row, column]
        found.append(Cell(row - top, column - left, value.text, last[0] - row + 1, last[1] - column + 1))
    return found


def _marked(sheet: Sheet, column: int, text: str) -> str:
    return f"{text} {HIDDEN_COLUMN}".strip() if column in sheet.hidden_columns else text


def _place(sheet: Sheet, row: int, left: int, right: int) -> Place:
    first, last = f"{letters(left)}{row}", f"{letters(right)}{row}"
    return Place(sheet=sheet.name, cells=first if first == last else f"{first}:{last}")


class _Formulas:
    """Tells the formulas of a table: each kind once a column, since those below only repeat it."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._told: set[tuple[int, str]] = set()

    def new_in(self, row: int, left: int, right: int) -> str:
        """Return the formulas of a row that were not told yet, in brackets."""
        found = []
        for column in range(left, right + 1):
            value = self._sheet.cells.get((row, column))
            if value is None or not value.formula:
                continue
            kind = re.sub(r"(?<=[A-Z$])\d+", lambda number: f"[{int(number[0]) - row}]", value.formula)
            if (column, kind) not in self._told:
                self._told.add((column, kind))
                found.append(f"{letters(column)}{row} ={value.formula[:FORMULA_MAX]}")
        return f" [{', '.join(found[:FORMULAS_A_ROW])}]" if found else ""
