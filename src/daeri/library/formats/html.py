"""How is an HTML page read? What a reader would see of it: headings, paragraphs, lists, tables; no scripts, no styles.

What a page hides from its readers is left out: hidden text is how pages whisper to machines.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from lxml import etree
from lxml import html as lxml_html

from daeri.library.blocks import Block, Found, Limits, Place, Unreadable
from daeri.library.formats.cells import Cell, blocks_of, flatten
from daeri.library.formats.encodings import decoded
from daeri.library.headings import depth_of

_SKIPPED: Final = frozenset(
    {"script", "style", "noscript", "template", "head", "svg", "math", "iframe", "object", "embed", "select", "option"}
)
_BLOCKS: Final = frozenset(
    {"address", "article", "aside", "blockquote", "body", "dd", "div", "dl", "dt", "figcaption", "figure", "footer"}
    | {"form", "header", "html", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "ul", "details", "hr"}
)
_HIDING: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE)
_CHARSET: Final = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]{2,40})", re.IGNORECASE)


def read(data: bytes, limits: Limits) -> Found:
    """Yield the blocks of a page.

    Raises:
        Unreadable: nothing of it can be parsed.
    """
    named = _CHARSET.search(data[:4096])
    text = decoded(data, named[1].decode("ascii", "replace") if named else None)
    try:
        root = lxml_html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("empty" if not text.strip() else "broken", str(error)) from None
    title = root.find(".//title")
    if title is not None and (title.text or "").strip():
        yield Block("heading", " ".join(title.text.split())[:200], depth=1)
    yield from _Walk(limits).blocks(root)


class _Walk:
    """A walk over the elements without recursion; text gathers until a block ends."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tables = 0
        self._pieces: list[str] = []

    def blocks(self, root: Any) -> Iterator[Block]:
        """Yield the blocks below an element."""
        # Each entry is an element to begin with, or the tail and the end of one.
        stack: list[tuple[Any, bool]] = [(root, True)]
        while stack:
            element, begins = stack.pop()
            name = element.tag if isinstance(element.tag, str) else ""
            if not begins:
                yield from self._ended(name)
                self._pieces.append(element.tail or "")
                continue
            if not name or name in _SKIPPED or _is_hidden(element):
                self._pieces.append(element.tail or "")
                continue
            if name == "table":
                yield from self._flush()
                yield from self._table(element)
                self._pieces.append(element.tail or "")
                continue
            if name in _BLOCKS or _heading(name):
                yield from self._flush()
            if name == "br":
                self._pieces.append(" ")
            self._pieces.append(element.text or "")
            stack.append((element, False))
            stack.extend((child, True) for child in reversed(element))
        yield from self._flush()

    def _ended(self, name: str) -> Iterator[Block]:
        depth = _heading(name)
        if depth or name in _BLOCKS:
            yield from self._flush(depth)

    def _flush(self, depth: int = 0) -> Iterator[Block]:
        text = " ".join("".join(self._pieces).split())
        self._pieces.clear()
        if text:
            depth = depth or depth_of(text)
            yield Block("heading" if depth else "text", text, Place(), depth=depth)

    def _table(self, element: Any) -> Iterator[Block]:
        self._tables += 1
        cells: list[Cell] = []
        inner: list[Any] = []
        taken: set[tuple[int, int]] = set()
        for row, line in enumerate(_lines(element)):
            column = 0
            for cell in (each for each in line if each.tag in {"td", "th"} and not _is_hidden(each)):
                while (row, column) in taken:
                    column += 1
                rows, columns = _span(cell, "rowspan"), _span(cell, "colspan")
                if len(cells) >= self._limits.cells_max or len(taken) >= self._limits.cells_max:
                    break
                taken |= {(row + down, column + right) for down in range(rows) for right in range(columns)}
                cells.append(Cell(row, column, _text(cell), rows, columns))
                inner += cell.iterfind(".//table")
                column += columns
        yield from blocks_of(flatten(cells, self._limits.cells_max), Place(), self._tables)
        for table in inner[:20]:
            if next(table.iterancestors("table"), None) is element:
                yield from self._table(table)


def _lines(table: Any) -> Iterator[Any]:
    """Yield the rows of a table itself, not of tables within it."""
    for each in table:
        if each.tag == "tr":
            yield each
        elif each.tag in {"thead", "tbody", "tfoot"}:
            yield from (line for line in each if line.tag == "tr")


def _text(cell: Any) -> str:
    pieces: list[str] = []
    stack: list[tuple[Any, bool]] = [(cell, True)]
    while stack:
        element, begins = stack.pop()
        if not begins:
            pieces.append(f" {element.tail or ''}")
            continue
        name = element.tag if isinstance(element.tag, str) else ""
        if name and name not in _SKIPPED and not (name == "table" and element is not cell) and not _is_hidden(element):
            pieces.append(element.text or "")
            if element is not cell:
                stack.append((element, False))
            stack.extend((child, True) for child in reversed(element))
        elif element is not cell:
            pieces.append(element.tail or "")
    return " ".join("".join(pieces).split())


def _span(cell: Any, name: str) -> int:
    value = cell.get(name, "1").strip()
    return max(1, min(int(value), 200)) if value.isdigit() and len(value) < 6 else 1  # noqa: PLR2004 - digits


def _heading(name: str) -> int:
    return int(name[1]) if len(name) == 2 and name[0] == "h" and name[1] in "123456" else 0  # noqa: PLR2004 - h1 to h6


def _is_hidden(element: Any) -> bool:
    if not isinstance(element.tag, str):
        return False
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or bool(_HIDING.search(element.get("style", "")))
    )
