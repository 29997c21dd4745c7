"""What is read out of a file? Blocks of text in reading order, each with its place, and what could not be read.

Every format gives these values and nothing else. They are plain data: what a jailed process sends to its parent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from daeri.wording import Text

Kind = Literal["heading", "text", "row"]
Why = Literal["broken", "empty", "encrypted", "garbled", "scanned", "too_large", "unknown"]

WORDS: Final[dict[Why, Text]] = {
    "broken": Text("파일이 깨져 있어요", "The file is broken"),
    "empty": Text("읽을 글자가 없어요", "There is no text in it"),
    "encrypted": Text("암호가 걸려 있어요", "It is locked with a password"),
    "garbled": Text("글자를 알아볼 수 없게 저장돼 있어요", "Its characters are stored in a way that cannot be read"),
    "scanned": Text("스캔한 그림이라 글자를 읽을 수 없어요", "It is a scanned picture, so its text cannot be read"),
    "too_large": Text("너무 커서 다 읽지 않았어요", "It is too large and was not read to its end"),
    "unknown": Text("읽을 줄 모르는 형식이에요", "It is of a format that cannot be read"),
}
"""Why something could not be read, for people."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file, in the terms of its format; what a format does not have is left empty.

    Attributes:
        page: page of a PDF, slide of a presentation, from 1.
        sheet: sheet of a workbook.
        cells: range on the sheet ("A5:F5").
        line: line of a text, row of a CSV, from 1.
        part: a part beside the body: an attachment, a note, a comment.
    """

    page: int | None = None
    sheet: str = ""
    cells: str = ""
    line: int | None = None
    part: str = ""

    def say(self) -> str:
        """Write it as people do, in either language: `p.3`, `매출!A5:F5`, `L12`."""
        said = [self.part] if self.part else []
        if self.page is not None:
            said.append(f"p.{self.page}")
        if self.sheet or self.cells:
            said.append("!".join(filter(None, (self.sheet, self.cells))))
        if self.line is not None:
            said.append(f"L{self.line}")
        return " · ".join(said)


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of text that stands together.

    Attributes:
        depth: of a heading, 1 for the highest.
        table: of a row, the number of its table in the file, from 1.
        header: of a row, the words over its cells, written as `text` is.
    """

    kind: Kind
    text: str
    place: Place = field(default_factory=Place)
    depth: int = 0
    table: int = 0
    header: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something of a file that was not read; the rest was."""

    why: Why
    place: Place = field(default_factory=Place)
    detail: str = ""

    def to_text(self) -> Text:
        """Word it for people."""
        where = self.place.say()
        words = WORDS[self.why]
        if not where:
            return words
        return Text(f"{where}: {words.ko}", f"{where}: {words.en}")


Found = Iterator["Block | Problem"]


class Unreadable(Exception):
    """Nothing can be read from the file; `problem` says why."""

    def __init__(self, why: Why, detail: str = "") -> None:
        """Keep the reason; `detail` is for the log."""
        self.problem = Problem(why, detail=detail)
        super().__init__(f"{why}: {detail}" if detail else why)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read at most. What lies beyond is left out, and said to be.

    Attributes:
        bytes_max: of the file.
        expanded_max: bytes of everything in a packed file; far more than any real document, far less than a bomb.
        entries_max: files in a packed file.
        pages_max: pages, slides and sheets.
        characters_max: characters of text.
        cells_max: cells of a workbook or of one table.
        attachments_max: files attached to a mail, at all depths.
    """

    bytes_max: int = 100 * 1024 * 1024
    expanded_max: int = 500 * 1024 * 1024
    entries_max: int = 10_000
    pages_max: int = 3_000
    characters_max: int = 10_000_000
    cells_max: int = 500_000
    attachments_max: int = 50


CELL_SEPARATOR: Final = " | "


def row_text(cells: list[str]) -> str:
    """Write the cells of a row in one line; empty cells keep their place, those at the end do not."""
    flat = [" ".join(cell.split()) for cell in cells]
    while flat and not flat[-1]:
        flat.pop()
    return CELL_SEPARATOR.join(flat).strip()
