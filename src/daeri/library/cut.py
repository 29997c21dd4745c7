"""How does a file become passages? By its own structure: a section stays together, a table's rows keep their header.

A passage is what is searched, shown and cited: long enough to answer a question, short enough to be read at once.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from daeri.library.blocks import Block, Place, Problem
from daeri.library.headings import ARTICLE_DEPTH, article_of

WISHED: Final = 450
"""Characters at which a passage is full."""
LONGEST: Final = 700
"""Characters of one passage at most, unless a single sentence or row is longer."""
ROW_LONGEST: Final = 4_000
SECTION_LONGEST: Final = 300
STEP: Final = " › "

_SPACES: Final = re.compile(r"[^\S\n]{2,}")
_SENTENCE: Final = re.compile(r"(?<=[.?!。])\s+(?=\S)|\n+|\s+(?=[①-⑳])|\s+(?=[○●□■◦▪※]\s)")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a file that can be found and cited.

    Attributes:
        section: the headings above it, from the highest down.
        place: where it begins; `cells` is the whole range of a table's rows.
    """

    text: str
    section: str
    place: Place

    @property
    def digest(self) -> str:
        """What tells one passage's content from another's, wherever it stands."""
        return hashlib.sha256(f"{self.section}\n{self.text}".encode()).hexdigest()[:32]

    def locator(self) -> str:
        """Say where it stands: page or cells, and the section."""
        return " · ".join(filter(None, (self.place.say(), self.section)))


def passages_of(found: Iterable[Block | Problem]) -> Iterator[Passage | Problem]:
    """Yield the passages of what was read, in order; problems pass through."""
    cutter = _Cutter()
    for each in found:
        if isinstance(each, Problem):
            yield each
        else:
            yield from cutter.take(each)
    yield from cutter.rest()


@dataclass(slots=True)
class _Open:
    """A passage that is being filled."""

    place: Place
    section: str
    lines: list[str] = field(default_factory=list)
    table: int = 0
    header: str = ""
    last: Place = field(default_factory=Place)

    @property
    def size(self) -> int:
        return sum(map(len, self.lines)) + len(self.lines)


class _Cutter:
    """Takes blocks in order and gives passages as they are full."""

    def __init__(self) -> None:
        self._headings: list[tuple[int, str]] = []
        self._open: _Open | None = None
        self._bare: tuple[str, Place] | None = None
        """A heading that nothing has followed yet."""

    def take(self, block: Block) -> Iterator[Passage]:
        """Take one block."""
        if block.kind == "heading":
            yield from self._heading(block)
        elif block.kind == "row":
            yield from self._row(block)
        else:
            article = article_of(block.text)
            if article is not None:
                yield from self._heading(replace(block, text=article[0], depth=ARTICLE_DEPTH))
                block = replace(block, text=article[1])
            yield from self._text(block)

    def rest(self) -> Iterator[Passage]:
        """Give what is still open."""
        yield from self._closed()
        if self._bare is not None:
            yield self._alone(*self._bare)

    def _heading(self, block: Block) -> Iterator[Passage]:
        yield from self._closed()
        above = self._headings[-1] if self._headings else None
        if self._bare is not None and above is not None and block.depth <= above[0]:
            yield self._alone(*self._bare)  # a heading without any text is all that its section says
        while self._headings and self._headings[-1][0] >= block.depth:
            self._headings.pop()
        self._headings.append((block.depth, block.text[:SECTION_LONGEST]))
        self._bare = (block.text, block.place)

    def _alone(self, text: str, place: Place) -> Passage:
        above = STEP.join(heading for _, heading in self._headings[:-1])
        return Passage(text, above[-SECTION_LONGEST:], place)

    def _section(self) -> str:
        return STEP.join(heading for _, heading in self._headings)[-SECTION_LONGEST:]

    def _text(self, block: Block) -> Iterator[Passage]:
        if self._open is not None and (self._open.table or self._open.place.part != block.place.part):
            yield from self._closed()
        for piece in _pieces(block.text):
            if self._open is not None and self._open.size + len(piece) > (
                LONGEST if self._open.size < WISHED else WISHED
            ):
                yield from self._closed()
            if self._open is None:
                self._open = _Open(block.place, self._section())
            self._open.lines.append(piece)
        self._bare = None

    def _row(self, block: Block) -> Iterator[Passage]:
        text = block.text[:ROW_LONGEST]
        opened = self._open
        full = opened is not None and opened.size + len(text) > WISHED and len(opened.lines) > 1
        if opened is None or opened.table != block.table or opened.place.sheet != block.place.sheet or full:
            yield from self._closed()
            self._open = opened = _Open(block.place, self._section(), table=block.table, header=block.header)
            if block.header:
                opened.lines.append(block.header[:ROW_LONGEST])
        opened.lines.append(text)
        opened.last = block.place
        self._bare = None

    def _closed(self) -> Iterator[Passage]:
        opened, self._open = self._open, None
        if opened is None:
            return
        text = ("\n" if opened.table else " ").join(opened.lines)
        if text.strip():
            yield Passage(text, opened.section, _whole(opened.place, opened.last))


def _pieces(text: str) -> Iterator[str]:
    """Yield the sentences of a text; one that is too long is cut between words."""
    for sentence in _SENTENCE.split(_SPACES.sub(" ", text)):
        bare = sentence.strip()
        while len(bare) > LONGEST:
            at = bare.rfind(" ", LONGEST // 2, LONGEST)
            at = at if at > 0 else LONGEST
            yield bare[:at]
            bare = bare[at:].strip()
        if bare:
            yield bare


def sentences_of(text: str) -> list[str]:
    """Return the sentences or rows of a passage."""
    return [piece for piece in _pieces(text) if piece]


def _whole(first: Place, last: Place) -> Place:
    """Return the range from one place to another on one sheet."""
    if not first.cells or not last.cells:
        return first
    start, end = first.cells.partition(":")[0], last.cells.rpartition(":")[2]
    left = min((start, last.cells.partition(":")[0]), key=_column)
    top = re.sub(r"\D", "", start)
    column = re.sub(r"\d", "", left)
    return replace(first, cells=f"{column}{top}" if f"{column}{top}" == end else f"{column}{top}:{end}")


def _column(reference: str) -> tuple[int, str]:
    letters = re.sub(r"\d", "", reference)
    return len(letters), letters


def windows_of(passage: Passage) -> Sequence[str]:
    """Return what of a passage is embedded: every two neighbouring sentences, under the nearest heading."""
    sentences = sentences_of(passage.text)
    heading = passage.section.rpartition(STEP)[2]
    pairs = [" ".join(sentences[at : at + 2]) for at in range(max(1, len(sentences) - 1))]
    return [f"{heading} {pair}".strip() for pair in pairs]
