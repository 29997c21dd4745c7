"""How is a Word document read? Paragraphs with their automatic numbers, headings by style, tables, notes.

Read from the parts themselves, so that a broken part loses only itself. Text that was deleted under "track changes"
is left out; macros, pictures and fields' instructions are never looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from daeri.library.blocks import Block, Found, Limits, Place, Problem, Unreadable
from daeri.library.formats.cells import Cell, blocks_of, flatten
from daeri.library.formats.packages import opened, part
from daeri.library.formats.safe_xml import attribute, local, parsed
from daeri.library.headings import depth_of

DEPTH_MAX: Final = 6
NESTED_MAX: Final = 5
_TITLES: Final = ("title", "제목", "표제")
_CIRCLED: Final = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_SYLLABLES: Final = "가나다라마바사아자차카타파하"
_CHOSUNG: Final = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"


@dataclass(slots=True)
class _Level:
    """How one level of a list is numbered: "제%1조", decimal, from 1."""

    text: str
    kind: str
    start: int


@dataclass(slots=True)
class _Reading:
    """What is known of the document while it is read."""

    limits: Limits
    headings: Mapping[str, int]
    style_lists: Mapping[str, tuple[str, int]]
    levels: Mapping[str, Mapping[int, _Level]]
    counters: dict[str, dict[int, int]] = field(default_factory=dict)
    tables: int = 0
    cells: int = 0


def read(data: bytes, limits: Limits) -> Found:
    """Yield the blocks of a Word document.

    Raises:
        Unreadable: it is broken or locked.
    """
    with opened(data, limits) as package:
        body = part(package, "word/document.xml")
        if body is None:
            raise Unreadable("broken", "no document in it")
        reading = _Reading(
            limits, *_styles(part(package, "word/styles.xml")), _numbering(part(package, "word/numbering.xml"))
        )
        yield from _blocks(parsed(body), reading, Place(), 0)
        yield from _beside(package, reading)


def _beside(package: Any, reading: _Reading) -> Iterator[Block | Problem]:
    """Yield notes, heads and feet of pages, each told once."""
    told: set[str] = set()
    for name in sorted(package.namelist()):
        kind = name.removeprefix("word/").rstrip("0123456789.xml")
        where = {"footnotes": "각주", "endnotes": "미주", "header": "머리글", "footer": "바닥글"}.get(kind)
        if where is None or not name.startswith("word/"):
            continue
        try:
            found = list(_blocks(parsed(part(package, name) or b""), reading, Place(part=where), 0))
        except Unreadable as error:
            yield Problem(error.problem.why, Place(part=where), error.problem.detail)
            continue
        for block in found:
            if block.text not in told and len(block.text) > 2:  # noqa: PLR2004 - a page number
                told.add(block.text)
                yield Block("text", block.text, block.place) if block.kind == "heading" else block


def _blocks(root: Any, reading: _Reading, place: Place, nested: int) -> Iterator[Block]:
    """Yield paragraphs and tables in the order of the document, whatever they are wrapped in."""
    for element in _children(root):
        name = local(element)
        if name == "p":
            text, tables = _paragraph(element)
            yield from _told(element, text, reading, place)
            for table in tables:
                yield from _table(table, reading, place, nested)
        elif name == "tbl":
            yield from _table(element, reading, place, nested)


_WRAPPERS: Final = frozenset(
    {"document", "body", "sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo", "footnotes", "footnote"}
    | {"endnotes", "endnote", "hdr", "ftr", "txbxContent"}
)


def _children(root: Any) -> Iterator[Any]:
    """Yield the paragraphs and tables below an element, looking through wrappers."""
    stack = [iter(root)]
    while stack:
        element = next(stack[-1], None)
        if element is None:
            stack.pop()
        elif local(element) in _WRAPPERS:
            stack.append(iter(element))
        else:
            yield element


def _told(element: Any, text: str, reading: _Reading, place: Place) -> Iterator[Block]:
    properties = _first(element, "pPr")
    style = attribute(_first(properties, "pStyle"), "val") if _first(properties, "pStyle") is not None else ""
    number = _number(properties, style, reading) if text.strip() else ""
    text = f"{number} {text}".strip() if number else text.strip()
    if not text:
        return
    outline = _first(properties, "outlineLvl")
    depth = reading.headings.get(style, 0)
    if not depth and outline is not None and attribute(outline, "val").isdigit():
        level = int(attribute(outline, "val")) + 1
        depth = level if level <= DEPTH_MAX else 0
    depth = depth or depth_of(text)
    yield Block("heading" if depth else "text", " ".join(text.split()), place, depth=depth)


def _paragraph(element: Any) -> tuple[str, list[Any]]:
    """Return a paragraph's text, and the tables that stand in text boxes within it."""
    pieces: list[str] = []
    tables: list[Any] = []
    stack = [iter(element)]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
            continue
        name = local(node)
        if name == "t":
            pieces.append(node.text or "")
        elif name in {"tab", "br", "cr", "ptab"}:
            pieces.append(" ")
        elif name in {"noBreakHyphen", "softHyphen"}:
            pieces.append("-")
        elif name == "tbl":
            tables.append(node)
        elif name not in {"del", "delText", "instrText", "moveFrom", "Fallback", "pPr", "rPr"}:
            if name == "p":  # in a text box
                pieces.append(" ")
            stack.append(iter(node))
    return "".join(pieces), tables


def _table(element: Any, reading: _Reading, place: Place, nested: int) -> Iterator[Block]:
    """Yield a table by row, then the tables within its cells."""
    reading.tables += 1
    number = reading.tables
    cells: list[Cell] = []
    inner: list[Any] = []
    open_: dict[int, int] = {}
    for row, line in enumerate(each for each in _rows(element) if local(each) == "tr"):
        column = 0
        for cell in (each for each in _rows(line) if local(each) == "tc"):
            reading.cells += 1
            if reading.cells > reading.limits.cells_max:
                break
            span, merged = _spans(cell)
            if merged == "continue" and column in open_:
                above = cells[open_[column]]
                cells[open_[column]] = Cell(above.row, above.column, above.text, row - above.row + 1, above.columns)
            else:
                text, tables = _cell(cell)
                open_[column] = len(cells)
                cells.append(Cell(row, column, text, 1, span))
                inner += tables
            column += span
    yield from blocks_of(flatten(cells, reading.limits.cells_max), place, number)
    if nested < NESTED_MAX:
        for table in inner:
            yield from _table(table, reading, place, nested + 1)


def _rows(element: Any) -> Iterator[Any]:
    """Yield rows or cells, looking through content controls."""
    for each in element:
        if local(each) in {"sdt", "sdtContent", "customXml", "ins"}:
            yield from _rows(each)
        else:
            yield each


def _spans(cell: Any) -> tuple[int, str]:
    properties = _first(cell, "tcPr")
    span = _first(properties, "gridSpan")
    merge = _first(properties, "vMerge")
    width = attribute(span, "val", "1") if span is not None else "1"
    merged = "" if merge is None else attribute(merge, "val", "continue")
    return max(1, min(int(width), 500)) if width.isdigit() else 1, merged


def _cell(cell: Any) -> tuple[str, list[Any]]:
    texts: list[str] = []
    tables: list[Any] = []
    for each in _children(cell):
        if local(each) == "p":
            text, boxed = _paragraph(each)
            texts.append(text)
            tables += boxed
        elif local(each) == "tbl":
            tables.append(each)
    return " ".join(" ".join(texts).split()), tables


def _first(element: Any, name: str) -> Any:
    if element is None:
        return None
    return next((each for each in element if local(each) == name), None)


def _styles(data: bytes | None) -> tuple[dict[str, int], dict[str, tuple[str, int]]]:
    """Return which styles are headings, and which number their paragraphs by which list; by style id."""
    headings: dict[str, int] = {}
    lists: dict[str, tuple[str, int]] = {}
    for style in _safely(data):
        if local(style) != "style":
            continue
        key = attribute(style, "styleId")
        named = _first(style, "name")
        name = attribute(named, "val").lower() if named is not None else ""
        properties = _first(style, "pPr")
        outline = _first(properties, "outlineLvl")
        digits = name.replace("heading", "").replace("제목", "").replace("개요", "").strip()
        if name.startswith(("heading", "제목", "개요")) and digits.isdigit():
            headings[key] = min(int(digits), DEPTH_MAX)
        elif name in _TITLES:
            headings[key] = 1
        elif outline is not None and attribute(outline, "val").isdigit() and int(attribute(outline, "val")) < DEPTH_MAX:
            headings[key] = int(attribute(outline, "val")) + 1
        numbered = _list_of(properties)
        if numbered is not None:
            lists[key] = numbered
    return headings, lists


def _safely(data: bytes | None) -> Iterable[Any]:
    """Yield the children of a part's root; a part that is missing or broken has none."""
    if data is None:
        return ()
    try:
        return list(parsed(data))
    except Unreadable:
        return ()


def _list_of(properties: Any) -> tuple[str, int] | None:
    numbered = _first(properties, "numPr")
    key, level = _first(numbered, "numId"), _first(numbered, "ilvl")
    if key is None:
        return None
    depth = attribute(level, "val", "0") if level is not None else "0"
    return attribute(key, "val"), int(depth) if depth.isdigit() else 0


def _numbering(data: bytes | None) -> dict[str, dict[int, _Level]]:
    """Return how each list numbers its levels, by the list's id."""
    abstract: dict[str, dict[int, _Level]] = {}
    found: dict[str, dict[int, _Level]] = {}
    for element in _safely(data):
        if local(element) == "abstractNum":
            levels = {}
            for level in element:
                if local(level) == "lvl" and attribute(level, "ilvl").isdigit():
                    levels[int(attribute(level, "ilvl"))] = _level(level)
            abstract[attribute(element, "abstractNumId")] = levels
        elif local(element) == "num":
            of = _first(element, "abstractNumId")
            found[attribute(element, "numId")] = abstract.get(attribute(of, "val"), {}) if of is not None else {}
    return found


def _level(element: Any) -> _Level:
    def value(name: str, default: str) -> str:
        child = _first(element, name)
        return attribute(child, "val", default) if child is not None else default

    start = value("start", "1")
    return _Level(value("lvlText", ""), value("numFmt", "decimal"), int(start) if start.isdigit() else 1)


def _number(properties: Any, style: str, reading: _Reading) -> str:
    """Return the automatic number of a paragraph: "제3조", "가.", "" where it has none."""
    key, depth = _list_of(properties) or reading.style_lists.get(style) or ("", 0)
    levels = reading.levels.get(key)
    if not levels or depth not in levels or levels[depth].kind in {"bullet", "none"}:
        return ""
    counters = reading.counters.setdefault(key, {})
    counters[depth] = counters.get(depth, levels[depth].start - 1) + 1
    for deeper in [each for each in counters if each > depth]:
        del counters[deeper]
    text = levels[depth].text
    for at in range(depth + 1):
        if f"%{at + 1}" in text and at in levels:
            text = text.replace(f"%{at + 1}", _counted(counters.get(at, levels[at].start), levels[at].kind))
    return text


def _counted(number: int, kind: str) -> str:
    rows = {"ganada": _SYLLABLES, "chosung": _CHOSUNG, "decimalEnclosedCircle": _CIRCLED}
    if kind in rows and 0 < number <= len(rows[kind]):
        return rows[kind][number - 1]
    if kind in {"upperLetter", "lowerLetter"} and 0 < number <= 26:  # noqa: PLR2004 - letters
        letter = chr(ord("A") + number - 1)
        return letter if kind == "upperLetter" else letter.lower()
    if kind in {"upperRoman", "lowerRoman"} and 0 < number < 40:  # noqa: PLR2004 - beyond it nobody numbers so
        roman = "X" * (number // 10) + ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")[number % 10]
        return roman if kind == "upperRoman" else roman.lower()
    return str(number)
