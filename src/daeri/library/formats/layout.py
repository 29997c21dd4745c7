"""In which order is a page read? Lines from segments, columns from gaps, tables without rulings from alignment.

Pure geometry over what stands where; it knows no PDF. y grows upwards, as on paper in a PDF.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

GAP_MIN = 6.0
"""Points between two columns at least."""
COLUMN_LINES_MIN = 3
COLUMN_CHARACTERS_MIN = 9
COLUMN_FILLED_MIN = 0.55
"""Side by side is text in columns, not a table, where most lines of every column are so long."""
APART = 2.2
"""Lines further apart than so many heights do not belong to one table."""
NESTED_MAX = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a line that stands together: its box and its text."""

    left: float
    bottom: float
    right: float
    top: float
    text: str

    @property
    def height(self) -> float:
        """The height of its box."""
        return self.top - self.bottom

    @property
    def width(self) -> float:
        """The width of its box."""
        return self.right - self.left


@dataclass(frozen=True, slots=True)
class Line:
    """Segments on one line, from left to right."""

    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """What is written."""
        return " ".join(" ".join(segment.text for segment in self.segments).split())

    @property
    def left(self) -> float:
        """Where it begins."""
        return self.segments[0].left

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.segments[-1].right

    @property
    def top(self) -> float:
        """Its upper edge."""
        return max(segment.top for segment in self.segments)

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return min(segment.bottom for segment in self.segments)

    @property
    def height(self) -> float:
        """The height of its tallest segment."""
        return max(segment.height for segment in self.segments)

    @property
    def ends_open(self) -> bool:
        """Whether a space is written at its end, so that the next line begins a new word."""
        return self.segments[-1].text.endswith(" ")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: where it stands, its rows, and the edges of its columns."""

    top: float
    left: float
    rows: list[list[str]]
    edges: tuple[float, ...]


Stretch = Line | Table
Gap = tuple[float, float]


def stretches_of(segments: Sequence[Segment], tables: Sequence[Table], width: float) -> list[Stretch]:
    """Return the lines and tables of a page in reading order."""
    del width
    found = list(_read(lines_of(segments), 0))
    for table in tables:
        at = next(
            (number for number, stretch in enumerate(found) if stretch.top < table.top and _shares(stretch, table)),
            len(found),
        )
        found.insert(at, table)
    return found


def _shares(stretch: Stretch, table: Table) -> bool:
    """Say whether something stands in the table's column of the page."""
    left, right = table.left, table.edges[-1]
    own = (stretch.left, stretch.right) if isinstance(stretch, Line) else (stretch.left, stretch.edges[-1])
    return own[0] < right and left < own[1]


def lines_of(segments: Sequence[Segment]) -> list[Line]:
    """Put segments together that stand at one height, from the top down."""
    rows: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda each: -(each.top + each.bottom)):
        row = rows[-1] if rows else []
        if row:
            low, high = min(each.bottom for each in row), max(each.top for each in row)
            shared = min(high, segment.top) - max(low, segment.bottom)
            if shared > 0.5 * min(segment.height, high - low):
                row.append(segment)
                continue
        rows.append([segment])
    return [Line(tuple(sorted(row, key=lambda each: each.left))) for row in rows]


def _read(lines: Sequence[Line], depth: int) -> Iterator[Stretch]:
    """Yield lines in reading order: bands of columns column by column, aligned bands as tables."""
    at = 0
    while at < len(lines):
        count, gaps = _band(lines, at)
        band = lines[at : at + count]
        if depth < NESTED_MAX and count >= COLUMN_LINES_MIN and _are_columns(band, gaps):
            for column in range(len(gaps) + 1):
                yield from _read(_part(band, gaps, column), depth + 1)
        elif count > 1 and sum(len(line.segments) > 1 for line in band) > 1:
            yield _table(band, gaps)
        else:
            count = 1
            yield lines[at]
        at += count


def _band(lines: Sequence[Line], at: int) -> tuple[int, list[Gap]]:
    """Return how many lines from `at` on leave the same gaps free, and these gaps."""
    gaps = _gaps(lines[at])
    if not gaps:
        return 1, []
    last, kept = at, gaps
    for number in range(at + 1, len(lines)):
        line, before = lines[number], lines[number - 1]
        if before.bottom - line.top > APART * max(before.height, line.height):
            break
        gaps = _narrowed(gaps, line)
        if not gaps:
            break
        if _gaps(line):
            last, kept = number, gaps
    return last - at + 1, kept


def _gaps(line: Line) -> list[Gap]:
    pairs = zip(line.segments, line.segments[1:], strict=False)
    return [(a.right, b.left) for a, b in pairs if b.left - a.right >= GAP_MIN]


def _narrowed(gaps: Sequence[Gap], line: Line) -> list[Gap]:
    """Return what of the gaps a line leaves free."""
    for segment in line.segments:
        gaps = [piece for gap in gaps for piece in _without(gap, segment)]
    return list(gaps)


def _without(gap: Gap, segment: Segment) -> Iterator[Gap]:
    left, right = gap
    if segment.right <= left or segment.left >= right:
        yield gap
        return
    if segment.left - left >= GAP_MIN:
        yield left, segment.left
    elif right - segment.right >= GAP_MIN:
        yield segment.right, right


def _part(lines: Sequence[Line], gaps: Sequence[Gap], column: int) -> list[Line]:
    found = []
    for line in lines:
        own = tuple(segment for segment in line.segments if _column(segment, gaps) == column)
        if own:
            found.append(Line(own))
    return found


def _column(segment: Segment, gaps: Sequence[Gap]) -> int:
    middle = (segment.left + segment.right) / 2
    return sum(middle > (gap[0] + gap[1]) / 2 for gap in gaps)


def _are_columns(band: Sequence[Line], gaps: Sequence[Gap]) -> bool:
    """Say whether side by side stands running text."""
    for column in range(len(gaps) + 1):
        lines = _part(band, gaps, column)
        if len(lines) < COLUMN_LINES_MIN:
            return False
        wide = max(line.right for line in lines) - min(line.left for line in lines)
        filled = median([(line.right - line.left) / max(wide, 1.0) for line in lines])
        if median([len(line.text) for line in lines]) < COLUMN_CHARACTERS_MIN or filled < COLUMN_FILLED_MIN:
            return False
    return True


def _table(band: Sequence[Line], gaps: Sequence[Gap]) -> Table:
    """Make a table of aligned lines; a line without a first cell goes on with the row above it."""
    rows: list[list[str]] = []
    for line in band:
        cells = [""] * (len(gaps) + 1)
        for segment in line.segments:
            column = _column(segment, gaps)
            cells[column] = f"{cells[column]} {segment.text}".strip()
        if rows and not cells[0] and sum(map(bool, cells)) < len(cells):
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)]
        else:
            rows.append([" ".join(cell.split()) for cell in cells])
    left = min(line.left for line in band)
    edges = (left, *((gap[0] + gap[1]) / 2 for gap in gaps), max(line.right for line in band))
    return Table(band[0].top, left, rows, edges)
