"""Which tables are drawn with rulings on a page, and what stands in their cells?

Rulings that touch make one grid; a missing piece between two cells makes them one cell. A grid inside a cell of
another is a table of its own. Pure geometry, as layout.py.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from daeri.library.formats.cells import Cell, flatten
from daeri.library.formats.layout import Segment, lines_of

NEAR = 3.0
"""Points within which two rulings touch."""
RULINGS_MAX = 1_500
"""Rulings of one page at most; a page with more is a drawing, and looking at every pair would take long."""
CELLS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Ruling:
    """A straight line: x of an upright one, y of a level one; from where to where."""

    at: float
    start: float
    end: float
    upright: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """A table that was drawn: its rows and the edges of its columns."""

    top: float
    left: float
    rows: list[list[str]]
    edges: tuple[float, ...]


def grids_of(rulings: Sequence[Ruling], segments: Sequence[Segment]) -> tuple[list[Grid], list[Segment]]:
    """Return the grids on a page from the top down, and the segments that stand in none."""
    level = _joined(ruling for ruling in rulings if not ruling.upright)
    upright = _joined(ruling for ruling in rulings if ruling.upright)
    if not level or not upright or len(level) + len(upright) > RULINGS_MAX:
        return [], list(segments)
    frames = [frame for group in _touching(level, upright) if (frame := _frame(group)) is not None]
    frames.sort(key=lambda frame: (frame.ys[0] - frame.ys[-1]) * (frame.xs[-1] - frame.xs[0]))  # inner ones first
    rest = list(segments)
    grids = []
    for frame in frames:
        inside = [segment for segment in rest if frame.holds(segment)]
        if not inside:
            continue
        grids.append(frame.filled(inside))
        taken = {id(segment) for segment in inside}
        rest = [segment for segment in rest if id(segment) not in taken]
    return sorted(grids, key=lambda grid: (-grid.top, grid.left)), rest


def _joined(rulings: Iterable[Ruling]) -> list[Ruling]:
    """Join pieces that lie on one line and touch."""
    found: list[Ruling] = []
    for ruling in sorted(rulings, key=lambda each: (round(each.at / NEAR), each.start)):
        last = found[-1] if found else None
        if last is not None and abs(last.at - ruling.at) <= NEAR and ruling.start <= last.end + NEAR:
            found[-1] = Ruling(last.at, last.start, max(last.end, ruling.end), ruling.upright)
        else:
            found.append(ruling)
    return found


def _touching(level: Sequence[Ruling], upright: Sequence[Ruling]) -> list[list[Ruling]]:
    """Group rulings that hang together."""
    everything = [*level, *upright]
    parent = list(range(len(everything)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for a, flat in enumerate(level):
        for b, tall in enumerate(upright, len(level)):
            crosses = (
                flat.start - NEAR <= tall.at <= flat.end + NEAR and tall.start - NEAR <= flat.at <= tall.end + NEAR
            )
            if crosses:
                parent[root(a)] = root(b)
    groups: dict[int, list[Ruling]] = {}
    for number, ruling in enumerate(everything):
        groups.setdefault(root(number), []).append(ruling)
    return list(groups.values())


@dataclass(frozen=True, slots=True)
class _Frame:
    """The edges of a grid: xs from the left, ys from the top, and the rulings."""

    xs: list[float]
    ys: list[float]
    rulings: Sequence[Ruling]

    def holds(self, segment: Segment) -> bool:
        x, y = (segment.left + segment.right) / 2, (segment.bottom + segment.top) / 2
        return self.xs[0] - NEAR < x < self.xs[-1] + NEAR and self.ys[-1] - NEAR < y < self.ys[0] + NEAR

    def filled(self, segments: Sequence[Segment]) -> Grid:
        """Return the grid with its texts."""
        owner = self._owners()
        texts: dict[tuple[int, int], list[Segment]] = {}
        for segment in segments:
            row, column = self._at((segment.left + segment.right) / 2, (segment.bottom + segment.top) / 2)
            texts.setdefault(owner[row][column], []).append(segment)
        spans: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for row, columns in enumerate(owner):
            for column, first in enumerate(columns):
                spans.setdefault(first, []).append((row, column))
        cells = []
        for (row, column), covered in spans.items():
            last = max(covered)
            text = " ".join(line.text for line in lines_of(texts.get((row, column), [])))
            cells.append(Cell(row, column, text, last[0] - row + 1, max(at for _, at in covered) - column + 1))
        flat = flatten(cells, CELLS_MAX)
        rows = [flat.header] if any(flat.header) else []
        titled = [[flat.title]] if flat.title else []
        return Grid(self.ys[0], self.xs[0], [*titled, *rows, *(row for _, row in flat.rows)], tuple(self.xs))

    def _at(self, x: float, y: float) -> tuple[int, int]:
        column = min(max(bisect_right(self.xs, x) - 1, 0), len(self.xs) - 2)
        row = min(max(bisect_right([-each for each in self.ys], -y) - 1, 0), len(self.ys) - 2)
        return row, column

    def _owners(self) -> list[list[tuple[int, int]]]:
        """Return for each place of the grid the first place of the cell it belongs to."""
        owner = [[(row, column) for column in range(len(self.xs) - 1)] for row in range(len(self.ys) - 1)]
        for row in range(len(owner)):
            for column in range(len(owner[row])):
                if column and not self._ruled(self.xs[column], self._middle(self.ys, row), upright=True):
                    owner[row][column] = owner[row][column - 1]
                elif row and not self._ruled(self.ys[row], self._middle(self.xs, column), upright=False):
                    owner[row][column] = owner[row - 1][column]
        return owner

    def _ruled(self, at: float, middle: float, *, upright: bool) -> bool:
        return any(
            ruling.upright == upright
            and abs(ruling.at - at) <= NEAR
            and ruling.start - NEAR <= middle <= ruling.end + NEAR
            for ruling in self.rulings
        )

    @staticmethod
    def _middle(edges: Sequence[float], at: int) -> float:
        return (edges[at] + edges[at + 1]) / 2


def _frame(rulings: Sequence[Ruling]) -> _Frame | None:
    """Return the frame of rulings that hang together; None where they enclose fewer than two cells."""
    level = [ruling for ruling in rulings if not ruling.upright]
    upright = [ruling for ruling in rulings if ruling.upright]
    if len(level) < 2 or not upright:  # noqa: PLR2004 - a row has an upper and a lower edge
        return None
    # Many tables have no rulings at their sides: the level ones tell where these are.
    ends = [min(each.start for each in level), max(each.end for each in level)]
    xs = _apart([ruling.at for ruling in upright] + ends)
    ys = _apart([ruling.at for ruling in level])[::-1]
    cells = (len(xs) - 1) * (len(ys) - 1)
    if cells < 2 or cells > CELLS_MAX:  # noqa: PLR2004 - a single box is a frame, not a table
        return None
    return _Frame(xs, ys, rulings)


def _apart(values: Iterable[float]) -> list[float]:
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > NEAR:
            found.append(value)
    return found
