"""How do rows become a file that a spreadsheet opens? CSV with a byte-order mark, and XLSX; no cell is a formula."""

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

FORMATS: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for a formula's beginning."""
CELL_MAX: Final = 32_767
"""Characters a spreadsheet's cell holds."""
CHUNK: Final = 65_536
MEMORY_MAX: Final = 1_048_576
"""Bytes of a workbook kept in memory; beyond it, in a file that is gone with the request."""
EXACT_MAX: Final = 10**15
"""Whole numbers that a spreadsheet keeps exactly; it rounds longer ones, so they are written as text."""

Fields = Sequence[Mapping[str, Any]]
Batches = AsyncIterator[list[dict[str, Any]]]


async def csv_of(fields: Fields, batches: Batches) -> AsyncIterator[bytes]:
    """Yield rows as CSV, which Excel opens with Korean intact."""
    yield "\ufeff".encode() + _lines([headings(fields)])
    names = [field["name"] for field in fields]
    async for batch in batches:
        yield _lines([[_text_cell(row.get(name)) for name in names] for row in batch])


async def xlsx_of(fields: Fields, batches: Batches) -> AsyncIterator[bytes]:
    """Yield rows as a workbook: numbers as numbers, all else as text."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - takes a twentieth of the start, and few ask for a workbook

    with tempfile.SpooledTemporaryFile(max_size=MEMORY_MAX) as file:
        book = Workbook(file, {"constant_memory": True, "strings_to_formulas": False})
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        for column, heading in enumerate(headings(fields)):
            sheet.write_string(0, column, heading, bold)
        sheet.freeze_panes(1, 0)
        names, line = [field["name"] for field in fields], 1
        async for batch in batches:
            await asyncio.to_thread(_write, sheet, names, batch, line)
            line += len(batch)
        await asyncio.to_thread(book.close)
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk


def headings(fields: Fields) -> list[str]:
    """Return a heading for each field: its label, with its name where two share one."""
    labels = [str(field["label"]) for field in fields]
    told = (
        label if labels.count(label) == 1 else f"{label} ({field['name']})"
        for label, field in zip(labels, fields, strict=True)
    )
    return [_guarded(heading) for heading in told]


def _write(sheet: Any, names: Sequence[str], batch: Sequence[Mapping[str, Any]], line: int) -> None:
    for number, row in enumerate(batch, line):
        for column, name in enumerate(names):
            value = row.get(name)
            if value is None or value == "":
                continue
            if isinstance(value, bool):
                sheet.write_boolean(number, column, value)
            elif isinstance(value, int | float) and abs(value) < EXACT_MAX:
                sheet.write_number(number, column, value)
            else:
                sheet.write_string(number, column, _plain(value))


def _text_cell(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value) if isinstance(value, int | float) else _guarded(_plain(value))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= CELL_MAX else f"{text[: CELL_MAX - 1]}…"


def _guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run."""
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.lstrip("-").replace(".", "", 1).isdigit() and text.count("-") <= 1


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
