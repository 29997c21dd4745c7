"""What has a call looked at and written? Its sources, the fields it did not get, the rows it changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row

from daeri.records.keys import Id
from daeri.records.record import Hidden, Record, label_of, mark_of

SOURCES_MAX = 20
"""Rows an answer names as its sources; more would bury the reader."""
WROTE_MAX = 200
"""Rows one call writes at most that the audit names."""


@dataclass(frozen=True, slots=True)
class Write:
    """One row as a call wrote it: its version and content before, and the fields written, before and after.

    Attributes:
        version: what it was when this transaction read it; 0 for a new row.
        row: the row as it was read, or as it was added.
    """

    record: type[Record]
    key: Id
    act: Literal["add", "change", "remove"]
    version: int | str
    row: Record
    fields: Mapping[str, tuple[Any, Any]]

    @property
    def title(self) -> str:
        """The row's name, of those title fields that everyone may see who sees the row."""
        columns = self.record.__table__.columns
        shown = [name for name in self.row.__title__ if name in columns and mark_of(columns[name].info).readers is None]
        return " ".join(str(value) for name in shown if name != "id" and (value := self.row.__dict__.get(name)))


@dataclass(slots=True)
class Trail:
    """What a call has looked at and written: its sources, the fields it did not get, the rows it changed.

    Attributes:
        withheld: fields of which some figures were not told, because they would be about too few people.
        wrote: what became of which row: [type, id, "add", "change" or "remove", the fields].
        writes: the same with values, for an approval to be bound to; never written to the audit.
        quotes: passages of files that were told, for citing them: file, place, text.
    """

    records: dict[tuple[str, Id], str] = field(default_factory=dict)
    masked: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)
    wrote: list[list[Any]] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    quotes: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0

    def saw(self, record: type[Record], row: Record) -> None:
        """Note a row that was read."""
        self.rows += 1
        if len(self.records) < SOURCES_MAX and row.id is not None:
            self.records[(record.__tablename__, row.id)] = title_of(row)

    def changed(self, write: Write) -> None:
        """Note a row that was written."""
        if len(self.wrote) < WROTE_MAX:
            self.wrote.append([write.record.__tablename__, write.key, write.act, sorted(write.fields)])
            self.writes.append(write)


class Groups(list[Row[Any]]):
    """The rows of a grouping, and how many groups were left out because they are about too few people."""

    withheld: int = 0


def title_of(row: Record) -> str:
    """Name a row to people by its title fields ("김하은 대리"); hidden and empty ones are left out."""
    values = (row.__dict__.get(name) for name in row.__title__ if name != "id")
    title = " ".join(str(value) for value in values if value not in (None, "") and type(value) is not Hidden)
    return title or f"{label_of(type(row)).ko} #{row.id}".removesuffix(" #None")
