"""What is a document before it has a format? A title, a folder, who may see it, and text with headings and tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from daeri.library.files import Level

Kind = Literal["heading", "text", "table"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A heading, a paragraph, or a table; `depth` is a heading's."""

    kind: Kind
    text: str = ""
    depth: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Paper:
    """A document of the company.

    Attributes:
        name: with the ending that says its format.
        folder: "규정/인사".
        department: the unit it belongs to, by name; None for the whole company.
        text: headings begin with #, rows of tables with |, everything else is paragraphs; one line each.
        note: who and when, in heads of pages and mails.
    """

    name: str
    folder: str
    text: str
    level: Level = "internal"
    department: str | None = None
    note: str = ""
    in_force_from: date | None = None

    @property
    def suffix(self) -> str:
        """The ending of its name: "docx"."""
        return self.name.rpartition(".")[2]

    @property
    def title(self) -> str:
        """Its name without the ending."""
        return self.name.rpartition(".")[0].replace("_", " ")

    def pieces(self) -> Iterator[Piece]:
        """Yield what it says, in order."""
        rows: list[tuple[str, ...]] = []
        for line in self.text.strip().splitlines():
            bare = line.strip()
            if bare.startswith("|"):
                rows.append(tuple(cell.strip() for cell in bare.strip("|").split("|")))
                continue
            if rows:
                yield Piece("table", rows=tuple(rows))
                rows = []
            if bare.startswith("#"):
                mark, _, words = bare.partition(" ")
                yield Piece("heading", words, len(mark))
            elif bare:
                yield Piece("text", bare)
        if rows:
            yield Piece("table", rows=tuple(rows))


def by_name(papers: Sequence[Paper]) -> dict[str, Paper]:
    """Return papers by their names."""
    return {paper.name: paper for paper in papers}
