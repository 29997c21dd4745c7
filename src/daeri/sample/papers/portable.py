"""How is a PDF with Korean text written? By hand: a font that every reader has, named and not embedded.

Text is written with the encoding of the Korean character collection (UniKS-UTF16-H), so readers know what it says
without further tables. Pages have a running head, page numbers, ruled tables and, where wanted, two columns and a mark.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from daeri.sample.papers.paper import Paper, Piece

WIDTH, HEIGHT = 595, 842
LEFT, TOP, BOTTOM = 60, 770, 70
SIZE: Final = 10
LEADING: Final = 16
COLUMN_GAP: Final = 24
_FONT: Final = (
    (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /HYSMyeongJo-Medium-UniKS-UTF16-H /Encoding /UniKS-UTF16-H"
        b" /DescendantFonts [2 0 R] >>"
    ),
    (
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HYSMyeongJo-Medium"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Korea1) /Supplement 1 >>"
        b" /FontDescriptor 3 0 R /DW 1000 /W [1 95 500] >>"
    ),
    (
        b"<< /Type /FontDescriptor /FontName /HYSMyeongJo-Medium /Flags 6 /FontBBox [0 -148 1001 880] /ItalicAngle 0"
        b" /Ascent 859 /Descent -140 /CapHeight 737 /StemV 80 >>"
    ),
)


@dataclass(slots=True)
class Sheet:
    """A page that is being written: its drawing commands."""

    commands: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, size: float = SIZE, matrix: str = "1 0 0 1") -> None:
        """Write words at a place."""
        coded = words.encode("utf-16-be").hex()
        self.commands.append(f"BT /F1 {size} Tf {matrix} {x:.1f} {y:.1f} Tm <{coded}> Tj ET")

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Draw a ruling."""
        self.commands.append(f"0.5 w {x1:.1f} {y1:.1f} m {x2:.1f} {y2:.1f} l S")


def width_of(words: str, size: float = SIZE) -> float:
    """Return how wide words are: Korean letters are as wide as they are high, others half."""
    return sum(size if ord(letter) > 0x2E7F else size / 2 for letter in words)  # noqa: PLR2004 - where wide letters begin


def wrapped(words: str, width: float, size: float = SIZE) -> Iterator[str]:
    """Yield words in lines that fit a width, broken between words."""
    line = ""
    for word in words.split(" "):
        longer = f"{line} {word}".strip()
        if line and width_of(longer, size) > width:
            yield f"{line} "
            line = word
        else:
            line = longer
    yield line


class Writer:
    """Sets a paper on pages, in one column or two."""

    def __init__(self, paper: Paper, columns: int = 1, mark: str = "") -> None:
        """Take what to set, in how many columns, and a mark across each page ("대외비")."""
        self._paper = paper
        self._columns = columns
        self._mark = mark
        self._wide = (WIDTH - 2 * LEFT - COLUMN_GAP * (columns - 1)) / columns
        self._sheets: list[Sheet] = []
        self._column = 0
        self._y = 0.0
        self._page()

    def written(self) -> bytes:
        """Return the PDF."""
        self._sheets[-1].text(LEFT, self._y, self._paper.title, 18)
        self._y -= 34
        for piece in self._paper.pieces():
            self._set(piece)
        for number, sheet in enumerate(self._sheets, 1):
            sheet.text(WIDTH / 2 - 20, 36, f"- {number} / {len(self._sheets)} -", 9)
        return _file(sheet.commands for sheet in self._sheets)

    @property
    def _x(self) -> float:
        return LEFT + self._column * (self._wide + COLUMN_GAP)

    def _page(self) -> None:
        sheet = Sheet()
        sheet.text(LEFT, 805, f"한빛상사  {self._paper.title}  {self._paper.note}".strip(), 8)
        if self._mark:
            sheet.commands.append("0.85 g")
            sheet.text(180, 300, self._mark, 90, "0.7 0.7 -0.7 0.7")
            sheet.commands.append("0 g")
        self._sheets.append(sheet)
        self._column, self._y = 0, TOP

    def _room(self, height: float) -> None:
        if self._y - height >= BOTTOM:
            return
        if self._column + 1 < self._columns:
            self._column, self._y = self._column + 1, TOP
        else:
            self._page()

    def _set(self, piece: Piece) -> None:
        if piece.kind == "table":
            self._table(piece.rows)
            return
        size = {1: 15, 2: 12}.get(piece.depth, SIZE) if piece.kind == "heading" else SIZE
        if piece.kind == "heading":
            self._room(3 * LEADING)
            self._y -= 8
        for line in wrapped(piece.text, self._wide, size):
            self._room(LEADING)
            self._sheets[-1].text(self._x, self._y, line, size)
            self._y -= LEADING + (size - SIZE)
        self._y -= 4

    def _table(self, rows: Sequence[Sequence[str]]) -> None:
        """Draw a table; where it goes on on another page its header is drawn again."""
        count = max(len(row) for row in rows)
        cell = self._wide / count
        height = LEADING + 4

        def draw(row: Sequence[str]) -> None:
            sheet, x, top = self._sheets[-1], self._x, self._y + 12
            for at in range(count):
                sheet.text(x + at * cell + 4, self._y, row[at] if at < len(row) else "", 9)
                sheet.line(x + at * cell, top, x + at * cell, top - height)
            sheet.line(x + self._wide, top, x + self._wide, top - height)
            sheet.line(x, top, x + self._wide, top)
            sheet.line(x, top - height, x + self._wide, top - height)
            self._y -= height

        for number, row in enumerate(rows):
            pages = (len(self._sheets), self._column)
            self._room(height)
            if number and pages != (len(self._sheets), self._column):
                draw(rows[0])
            draw(row)
        self._y -= 10


def _file(pages: Iterator[list[str]]) -> bytes:
    contents = [zlib.compress("\n".join(commands).encode()) for commands in pages]
    objects = list(_FONT)
    parent = len(objects) + 2 * len(contents) + 1
    kids = []
    for content in contents:
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(content), content))
        objects.append(
            b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F1 1 0 R >> >>"
            b" /Contents %d 0 R >>" % (parent, WIDTH, HEIGHT, len(objects))
        )
        kids.append(b"%d 0 R" % len(objects))
    objects.append(b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(kids), b" ".join(kids)))
    objects.append(b"<< /Type /Catalog /Pages %d 0 R >>" % parent)
    out, places = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(objects), table)
    return bytes(out)
