"""How are plain texts and CSV read? By paragraph or by row, each with its line."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from daeri.library.blocks import Block, Found, Limits, Place, Problem, row_text
from daeri.library.formats.encodings import decoded
from daeri.library.headings import article_of, depth_of

SHORT: Final = 0.6
"""A line that ends so far before the longest one ends its paragraph."""
SNIFFED: Final = 64 * 1024
COLUMNS_MAX: Final = 200
_ITEM: Final = re.compile(r"\s*(?:[①-⑳•·○●□■◦▪※*-]\s*\S|\(?\d{1,2}[.)]\s|[가-하][.)]\s)")


def read(data: bytes, limits: Limits) -> Found:
    """Yield the paragraphs of a text."""
    text = decoded(data)
    paragraph: list[str] = []
    first = 1
    for number, line in enumerate(_lines(text), 1):
        bare = line.strip()
        depth = depth_of(bare)
        begins = bool(depth) or bool(_ITEM.match(bare)) or article_of(bare) is not None
        if paragraph and (not bare or begins or sum(map(len, paragraph)) > limits.characters_max // 100):
            yield Block("text", "\n".join(paragraph), Place(line=first))
            paragraph = []
        if depth:
            yield Block("heading", " ".join(bare.split()), Place(line=number), depth=depth)
        elif bare:
            first = first if paragraph else number
            paragraph.append(bare)
    if paragraph:
        yield Block("text", "\n".join(paragraph), Place(line=first))


def _lines(text: str) -> Iterator[str]:
    """Yield lines one at a time: a text of a gigabyte is not held twice."""
    yield from io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n"))


def read_rows(data: bytes, limits: Limits) -> Found:
    """Yield the rows of a CSV."""
    text = decoded(data)
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:SNIFFED], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    header = ""
    rows = csv.reader(io.StringIO(text, newline=""), dialect)
    cells = 0
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Problem("broken", Place(line=rows.line_num), str(error))
            return
        cells += len(row)
        if cells > limits.cells_max:
            yield Problem("too_large", Place(line=rows.line_num))
            return
        written = row_text(row[:COLUMNS_MAX])
        if written:
            yield Block("row", written, Place(line=rows.line_num), table=1, header=header)
            header = header or written
