"""How is a presentation read? Slide by slide: title, texts from the top left on, tables, charts, speaker's notes.

Read from the parts themselves, so that a broken slide loses only itself.
"""

import posixpath
from collections.abc import Iterator
from typing import Any, Final

from daeri.library.blocks import Block, Found, Limits, Place, Problem, Unreadable, row_text
from daeri.library.formats.cells import Cell, blocks_of, flatten
from daeri.library.formats.packages import opened, part
from daeri.library.formats.safe_xml import attribute, local, parsed

NOTES: Final = "발표자 메모"
HIDDEN_SLIDE: Final = "[숨긴 슬라이드]"
_TITLES: Final = frozenset({"title", "ctrTitle"})
_RUNNING: Final = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})


class _Counter:
    """Numbers the tables of a presentation."""

    tables = 0


def read(data: bytes, limits: Limits) -> Found:
    """Yield the blocks of a presentation.

    Raises:
        Unreadable: it is broken or locked.
    """
    with opened(data, limits) as package:
        slides = list(_slides(package))
        counter = _Counter()
        for number, path in enumerate(slides, 1):
            place = Place(page=number)
            if number > limits.pages_max:
                yield Problem("too_large", place, f"{len(slides)} slides")
                return
            try:
                yield from _slide(package, path, place, (counter, limits))
            except Unreadable as error:
                yield Problem(error.problem.why, place, error.problem.detail)


def _slides(package: Any) -> Iterator[str]:
    book = part(package, "ppt/presentation.xml")
    if book is None:
        raise Unreadable("broken", "no presentation in it")
    targets = _targets(package, "ppt/presentation.xml")
    for element in parsed(book).iter():
        if local(element) == "sldId":
            key = next((str(value) for name, value in element.attrib.items() if name.endswith("}id")), "")
            if key in targets:
                yield targets[key][1]


def _targets(package: Any, path: str) -> dict[str, tuple[str, str]]:
    """Return what a part refers to: by id, the kind and the part."""
    folder, name = posixpath.split(path)
    links = part(package, f"{folder}/_rels/{name}.rels")
    if links is None:
        return {}
    found = {}
    for link in parsed(links):
        target = attribute(link, "Target")
        full = target.removeprefix("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
        found[attribute(link, "Id")] = (attribute(link, "Type").rpartition("/")[2], full)
    return found


def _slide(package: Any, path: str, place: Place, known: tuple[_Counter, Limits]) -> Iterator[Block]:
    data = part(package, path)
    if data is None:
        raise Unreadable("broken", f"{path} is missing")
    root = parsed(data)
    targets = _targets(package, path)
    mark = f" {HIDDEN_SLIDE}" if root.get("show") == "0" else ""
    shapes = sorted(_shapes(root), key=_rank)
    for shape in shapes:
        if _placeholder(shape) in _TITLES:
            title = " ".join(_paragraphs(shape))
            if title:
                yield Block("heading", title + mark, place, depth=1)
                mark = ""
        elif _placeholder(shape) not in _RUNNING:
            yield from _told(package, shape, place, (known, targets))
    for kind, target in targets.values():
        if kind == "notesSlide":
            yield from _notes(part(package, target), Place(page=place.page, part=NOTES))


def _shapes(root: Any) -> Iterator[Any]:
    """Yield the shapes of a slide, groups opened."""
    stack = [iter(root)]
    while stack:
        element = next(stack[-1], None)
        if element is None:
            stack.pop()
        elif local(element) in {"sp", "graphicFrame"}:
            yield element
        elif local(element) in {"cSld", "spTree", "grpSp", "AlternateContent", "Choice"}:
            stack.append(iter(element))


def _rank(shape: Any) -> tuple[bool, int, int]:
    """Titles first, then from the top left on, half an inch being one row; what has no place of its own is above."""
    offset = next((each for each in shape.iter() if local(each) == "off"), None)
    x, y = (0, 0) if offset is None else (_whole(offset.get("x")), _whole(offset.get("y")))
    return _placeholder(shape) not in _TITLES, y // 457_200, x


def _whole(value: str | None) -> int:
    return int(value) if value and value.lstrip("-").isdigit() else 0


def _placeholder(shape: Any) -> str:
    found = next((each for each in shape.iter() if local(each) == "ph"), None)
    return "" if found is None else found.get("type", "body")


def _told(package: Any, shape: Any, place: Place, known: tuple[Any, Any]) -> Iterator[Block]:
    (counter, limits), targets = known
    table = next((each for each in shape.iter() if local(each) == "tbl"), None)
    if table is not None:
        counter.tables += 1
        yield from blocks_of(flatten(_cells(table, limits), limits.cells_max), place, counter.tables)
        return
    chart = next((each for each in shape.iter() if local(each) == "chart"), None)
    if chart is not None:
        key = next((str(value) for name, value in chart.attrib.items() if name.endswith("}id")), "")
        kind, target = targets.get(key, ("", ""))
        data = part(package, target) if kind == "chart" else None
        if data is not None:
            counter.tables += 1
            yield from _chart(parsed(data), place, counter.tables)
        return
    paragraphs = list(_paragraphs(shape))
    if paragraphs:
        yield Block("text", "\n".join(paragraphs), place)


def _paragraphs(shape: Any) -> Iterator[str]:
    for paragraph in (each for each in shape.iter() if local(each) == "p"):
        pieces = [
            (each.text or "") if local(each) == "t" else " " for each in paragraph.iter() if local(each) in {"t", "br"}
        ]
        text = " ".join("".join(pieces).split())
        if text:
            yield text


def _cells(table: Any, limits: Limits) -> list[Cell]:
    found: list[Cell] = []
    for row, line in enumerate(each for each in table if local(each) == "tr"):
        for column, cell in enumerate(each for each in line if local(each) == "tc"):
            if len(found) >= limits.cells_max:
                return found
            if "1" in (cell.get("hMerge"), cell.get("vMerge")):
                continue
            rows, columns = max(1, _whole(cell.get("rowSpan"))), max(1, _whole(cell.get("gridSpan")))
            found.append(Cell(row, column, " ".join(_paragraphs(cell)), rows, columns))
    return found


def _chart(root: Any, place: Place, table: int) -> Iterator[Block]:
    """Yield a chart as the table it was drawn from."""
    title = " ".join(text for each in root.iter() if local(each) == "title" for text in _paragraphs(each))
    if title:
        yield Block("row", title, place, table=table)
    series = [each for each in root.iter() if local(each) == "ser"]
    columns = [(_points(each, "tx"), _points(each, "cat"), _points(each, "val")) for each in series]
    if not columns:
        return
    header = row_text(["", *(" ".join(name) for name, _, _ in columns)])
    yield Block("row", header, place, table=table)
    categories = columns[0][1]
    for at, category in enumerate(categories):
        values = [values[at] if at < len(values) else "" for _, _, values in columns]
        yield Block("row", row_text([category, *values]), place, table=table, header=header)


def _points(series: Any, name: str) -> list[str]:
    holder = next((each for each in series if local(each) == name), None)
    return [] if holder is None else [(each.text or "").strip() for each in holder.iter() if local(each) == "v"]


def _notes(data: bytes | None, place: Place) -> Iterator[Block]:
    if data is None:
        return
    for shape in _shapes(parsed(data)):
        if _placeholder(shape) == "body":
            text = "\n".join(_paragraphs(shape))
            if text:
                yield Block("text", text, place)
