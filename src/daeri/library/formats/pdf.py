"""How is a PDF read? Page by page, by where its characters stand: columns, ruled tables, running heads, watermarks.

Finding lines and columns on a page is `layout.py`'s, tables `grids.py`'s; here PDFium is asked what stands where, and
pages become one text: running heads are told once, tables go on over page ends, pages without text are named.
"""

import ctypes
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import pypdfium2 as pdfium
from pypdfium2 import raw

from daeri.library.blocks import Block, Found, Limits, Place, Problem, Unreadable
from daeri.library.formats.grids import Grid, Ruling, grids_of
from daeri.library.formats.layout import Line, Segment, Stretch, Table, stretches_of
from daeri.library.headings import article_of, depth_of
from daeri.library.ocr import DPI, Recognise

MARGIN_SHARE = 0.12
MARGIN_LINES = 2
"""Running heads and feet are at most so many lines, in this share of the page at its top and bottom."""
TILTED_DEGREES = 8
SCANNED_CHARACTERS = 16
"""A page with fewer characters than this and a picture on it is a scan."""
SCANNED_SHARE = 0.3
"""The picture must cover so much of the page."""
GARBLED_SHARE = 0.3
PATHS_MAX = 20_000
"""Drawn paths of one page that are looked at; maps and drawings have many more, tables fewer."""
LARGER = 1.25
"""A line is a heading by its size when it is so much larger than the text."""
HEADING_CHARACTERS_MAX = 80
SAME_COLUMN = 8.0
"""Points by which the columns of a table may differ from one page to the next."""


@dataclass(slots=True)
class Page:
    """What stands on a page, before running heads are known."""

    number: int
    height: float
    stretches: list[Stretch]
    size: float


def read(data: bytes, limits: Limits, recognise: Recognise | None = None) -> Found:
    """Yield the blocks of a PDF.

    Raises:
        Unreadable: it is locked or broken as a whole.
    """
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise Unreadable("encrypted" if "assword" in str(error) else "broken", str(error)) from None
    with document:
        pages: list[Page] = []
        problems: list[Problem] = []
        count = len(document)
        for index in range(min(count, limits.pages_max)):
            found = _page(document, index, recognise)
            if isinstance(found, Problem):
                problems.append(found)
            else:
                pages.append(found)
        if count > limits.pages_max:
            problems.append(Problem("too_large", Place(page=limits.pages_max + 1), f"{count} pages"))
    yield from _Text(pages).blocks()
    yield from problems


def _page(document: pdfium.PdfDocument, index: int, recognise: Recognise | None) -> Page | Problem:
    place = Place(page=index + 1)
    try:
        page = document[index]
        text = page.get_textpage()
    except pdfium.PdfiumError as error:
        return Problem("broken", place, str(error))
    width, height = page.get_size()
    characters = text.count_chars()
    rulings, pictures = _drawn(page)
    if characters < SCANNED_CHARACTERS and pictures > SCANNED_SHARE * width * height:
        return _scan(page, index, recognise)
    segments = _segments(text)
    written = "".join(segment.text for segment in segments)
    if _garbled(written):
        return Problem("garbled", place)
    size = median([segment.height for segment in segments]) if segments else 0.0
    segments = [segment for segment in segments if not _tilted(text, segment, size)]
    grids, rest = grids_of(rulings, segments)
    tables = [Table(grid.top, grid.left, grid.rows, grid.edges) for grid in grids]
    return Page(index + 1, height, stretches_of(rest, tables, width), size)


def _scan(page: pdfium.PdfPage, index: int, recognise: Recognise | None) -> Page | Problem:
    if recognise is None:
        return Problem("scanned", Place(page=index + 1))
    image = page.render(scale=DPI / 72, grayscale=True)
    array = bytes(image.buffer)
    rows = [array[row * image.stride : row * image.stride + image.width] for row in range(image.height)]
    said = recognise(b"".join(rows), image.width, image.height)
    lines = [line for line in said.splitlines() if line.strip()]
    if not lines:
        return Problem("scanned", Place(page=index + 1))
    segments = [Segment(0.0, -float(at), 1.0, 1.0 - at, line.strip()) for at, line in enumerate(lines)]
    return Page(index + 1, 0.0, [Line((segment,)) for segment in segments], 1.0)


def _segments(text: pdfium.PdfTextPage) -> list[Segment]:
    found = []
    for index in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(index)
        written = text.get_text_bounded(left, bottom, right, top)
        if written.strip():
            found.append(Segment(left, bottom, right, top, written.replace("\r\n", " ").replace("\x02", "")))
    return found


def _drawn(page: pdfium.PdfPage) -> tuple[list[Ruling], float]:
    """Return the straight lines on a page, and the area that pictures cover."""
    rulings: list[Ruling] = []
    pictures = 0.0
    wanted = (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_IMAGE)
    for seen, thing in enumerate(page.get_objects(filter=wanted, max_depth=3)):
        if seen > PATHS_MAX:
            break
        left, bottom, right, top = thing.get_bounds()
        if thing.type == raw.FPDF_PAGEOBJ_IMAGE:
            pictures += abs((right - left) * (top - bottom))
        else:
            rulings += _rulings(thing.raw, (left, bottom, right, top))
    return rulings, pictures


def _rulings(path: ctypes.c_void_p, bounds: tuple[float, float, float, float]) -> Iterator[Ruling]:
    """Read a path as rulings: a thin box is one; the sides of a box and the parts of a frame are some each."""
    left, bottom, right, top = bounds
    thin = 3.0
    if right - left <= thin and top - bottom <= thin:
        return
    if right - left <= thin:
        yield Ruling((left + right) / 2, bottom, top, upright=True)
        return
    if top - bottom <= thin:
        yield Ruling((bottom + top) / 2, left, right, upright=False)
        return
    for start, end in _edges(path):
        if abs(start[0] - end[0]) < 1:
            yield Ruling(start[0], min(start[1], end[1]), max(start[1], end[1]), upright=True)
        elif abs(start[1] - end[1]) < 1:
            yield Ruling(start[1], min(start[0], end[0]), max(start[0], end[0]), upright=False)


def _edges(path: ctypes.c_void_p) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Yield the straight edges of a path in page coordinates."""
    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(path, matrix)
    count = raw.FPDFPath_CountSegments(path)
    before: tuple[float, float] | None = None
    first: tuple[float, float] | None = None
    for index in range(min(count, PATHS_MAX)):
        segment = raw.FPDFPath_GetPathSegment(path, index)
        x, y = ctypes.c_float(), ctypes.c_float()
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        at = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            first = at
        elif kind == raw.FPDF_SEGMENT_LINETO and before is not None:
            yield before, at
        if raw.FPDFPathSegment_GetClose(segment) and first is not None:
            yield at, first
        before = at


def _tilted(text: pdfium.PdfTextPage, segment: Segment, size: float) -> bool:
    """Say whether a segment is written askew, as watermarks are; only those that look too high are asked."""
    if segment.height <= 1.8 * size:
        return False
    middle = ((segment.left + segment.right) / 2, (segment.bottom + segment.top) / 2)
    index = raw.FPDFText_GetCharIndexAtPos(text.raw, *middle, segment.height / 2, segment.height / 2)
    if index < 0:
        return False
    degrees = math.degrees(raw.FPDFText_GetCharAngle(text.raw, index)) % 90
    return min(degrees, 90 - degrees) > TILTED_DEGREES


def _garbled(text: str) -> bool:
    strange = sum(1 for letter in text if letter == "\ufffd" or "\ue000" <= letter <= "\uf8ff" or letter < " ")
    return bool(text) and strange > GARBLED_SHARE * len(text)


class _Text:
    """The pages as one text."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages
        sizes = [line.height for page in pages for line in page.stretches if isinstance(line, Line)]
        self._size = median(sizes) if sizes else 0.0
        self._running = self._repeated()
        self._told: set[str] = set()
        self._tables = 0
        self._open: tuple[Grid, str, int] | None = None

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks of all pages, in reading order."""
        for page in self._pages:
            paragraph: list[Line] = []
            for stretch in self._without_running(page):
                if isinstance(stretch, Table):
                    yield from self._paragraph(paragraph, page)
                    paragraph = []
                    yield from self._table(stretch, page)
                    continue
                self._open = None
                if paragraph and not self._goes_on(paragraph[-1], stretch):
                    yield from self._paragraph(paragraph, page)
                    paragraph = []
                paragraph.append(stretch)
            yield from self._paragraph(paragraph, page)

    def _repeated(self) -> set[str]:
        """Return the lines, numbers aside, that stand at the top or bottom of at least half of the pages."""
        counted: Counter[str] = Counter()
        for page in self._pages:
            counted.update({_shape(line.text) for line in self._edge(page)})
        least = max(2, math.ceil(len(self._pages) / 2))
        return {shape for shape, count in counted.items() if count >= least}

    @staticmethod
    def _edge(page: Page) -> list[Line]:
        """Return the outermost lines at the top and bottom of a page."""
        low, high = page.height * MARGIN_SHARE, page.height * (1 - MARGIN_SHARE)
        lines = sorted((line for line in page.stretches if isinstance(line, Line)), key=lambda line: -line.top)
        head = [line for line in lines[:MARGIN_LINES] if line.top > high]
        return head + [line for line in lines[-MARGIN_LINES:] if line.bottom < low and line not in head]

    def _without_running(self, page: Page) -> Iterator[Stretch]:
        """Yield what stands on a page; running lines only where they are met first, page numbers never."""
        edge = {id(line) for line in self._edge(page)}
        for stretch in page.stretches:
            if isinstance(stretch, Line) and id(stretch) in edge:
                shape = _shape(stretch.text)
                if not re.search(r"[^\W\d_]{2}", shape) and len(shape) < 16:  # noqa: PLR2004 - "- 12 / 30 -"
                    continue
                if shape in self._running:
                    if shape in self._told:
                        continue
                    self._told.add(shape)
            yield stretch

    def _goes_on(self, before: Line, line: Line) -> bool:
        """Say whether a line goes on with the paragraph of the line before it."""
        if depth_of(before.text) or depth_of(line.text) or _begins(line.text):
            return False
        near = before.bottom - line.top < 1.2 * max(before.height, line.height) and line.top < before.top
        alike = 0.75 < line.height / max(before.height, 0.1) < 1.3  # noqa: PLR2004 - glyphs differ so much
        return near and alike and abs(line.left - before.left) < 4 * line.height

    def _paragraph(self, lines: Sequence[Line], page: Page) -> Iterator[Block]:
        if not lines:
            return
        right = max(line.right for line in lines)
        text = lines[0].text
        for before, line in itertools.pairwise(lines):
            full = right - before.right < 1.5 * before.height
            cut = full and _hangul(text[-1:]) and _hangul(line.text[:1]) and not before.ends_open
            text += ("" if cut else " ") + line.text
        depth = depth_of(text)
        if not depth and len(lines) <= 2 and len(text) <= HEADING_CHARACTERS_MAX:  # noqa: PLR2004 - a title of two lines
            depth = 2 if max(line.height for line in lines) >= LARGER * self._size and re.search(r"\w\w", text) else 0
        yield Block("heading" if depth else "text", text, Place(page=page.number), depth=depth)

    def _table(self, table: Table, page: Page) -> Iterator[Block]:
        """Tell a table by row; one that goes on from the page before keeps its number and header."""
        rows = [row for row in table.rows if any(row)]
        if not rows:
            return
        if self._open is not None and self._continues(self._open[0], table):
            _, header, number = self._open
            rows = rows[1:] if " | ".join(rows[0]) == header else rows
        else:
            self._tables += 1
            number, header = self._tables, ""
        for row in rows:
            text = " | ".join(row).strip(" |")
            yield Block("row", text, Place(page=page.number), table=number, header=header)
            header = header or " | ".join(row)
        self._open = (Grid(table.top, table.left, table.rows, table.edges), header, number)

    @staticmethod
    def _continues(grid: Grid, table: Table) -> bool:
        if len(grid.edges) != len(table.edges):
            return False
        return all(abs(a - b) <= SAME_COLUMN for a, b in zip(grid.edges, table.edges, strict=True))


def _shape(text: str) -> str:
    return re.sub(r"\d+", "0", "".join(text.split()))


def _hangul(letter: str) -> bool:
    return "가" <= letter <= "힣"


def _begins(text: str) -> bool:
    """Say whether a line begins an article or an item of a list: 제3조(…), ①, 1., 가., -, ○."""
    item = r"\s*(?:[①-⑳•·○●□■◦▪※*-]\s*\S|\(?\d{1,2}[.)]\s|[가-하][.)]\s)"
    return article_of(text) is not None or bool(re.match(item, text))
