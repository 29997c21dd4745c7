"""What has a call looked at and written? Its sources, the fields it did not get, the rows it changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row

from daeri.records.keys import Id
from daeri.records.ranges import named
from daeri.records.record import Hidden, Record, label_of, mark_of
from daeri.records.rules import owner_column

SOURCES_MAX = 20
"""Rows an answer names as its sources; more would bury the reader."""
WROTE_MAX = 200
"""Rows one call writes that the audit names one by one; of further ones it names ranges of ids."""


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
        marks = {name: mark_of(columns[name].info) for name in self.row.__title__ if name in columns}
        shown = [name for name, mark in marks.items() if mark.readers is None and mark.agents is None]
        return " ".join(str(value) for name in shown if name != "id" and (value := self.row.__dict__.get(name)))


@dataclass(slots=True)
class Trail:
    """What a call has looked at and written: its sources, the fields it did not get, the rows it changed.

    Attributes:
        withheld: fields of which some figures were not told, because they would be about too few people.
        personal: the personal fields that were read, looked for or reckoned with ("employee.salary").
        touched: the rows of which they were read, by type.
        people: whose they are, and whose rows were written.
        levels: the security levels of whole rows that were seen, where their record has such (company files).
        statement: what was asked in SQL, without any value.
        writes: what became of which row, with values, for an approval to be bound to; never written to the audit.
        quotes: passages of files that were told, for citing them: file, place, text.
        pages: pages of the web that were told: their addresses.
    """

    records: dict[tuple[str, Id], str] = field(default_factory=dict)
    masked: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)
    personal: set[str] = field(default_factory=set)
    touched: dict[str, dict[Id, None]] = field(default_factory=dict)
    people: set[int] = field(default_factory=set)
    levels: set[str] = field(default_factory=set)
    writes: list[Write] = field(default_factory=list)
    quotes: list[dict[str, Any]] = field(default_factory=list)
    pages: list[dict[str, str]] = field(default_factory=list)
    rows: int = 0
    statement: str = ""
    _further: dict[tuple[str, str, tuple[str, ...]], list[Id]] = field(default_factory=dict)

    def saw(self, record: type[Record], row: Record) -> None:
        """Note a row that was read."""
        self.rows += 1
        if record.__level__ is not None:
            self.levels.add(str(row.__dict__.get(record.__level__)))
        if len(self.records) < SOURCES_MAX and row.id is not None:
            self.records[(record.__tablename__, row.id)] = title_of(row)
            read_fields(row, row.__title__)

    def read(self, kind: str, key: Id | None, fields: Iterable[str], whom: int | None) -> None:
        """Note the personal fields that were read of a row, and whose they are, where that is known."""
        self.looked_for(kind, fields)
        if key is not None:
            self.touched.setdefault(kind, {})[key] = None
        if whom is not None:
            self.people.add(whom)

    def looked_for(self, kind: str, fields: Iterable[str]) -> None:
        """Note the personal fields by which rows were sought."""
        self.personal.update([f"{kind}.{name}" for name in fields])

    def changed(self, write: Write) -> None:
        """Note a row that was written."""
        if len(self.writes) < WROTE_MAX:
            self.writes.append(write)
        else:
            self.added(write.record, [write.key], write.act, write.fields)
        after = {name: new for name, (_, new) in write.fields.items()}
        for values in (write.row.__dict__, after):
            self.about(write.record, values)

    def added(self, record: type[Record], keys: Iterable[Id], act: str, fields: Iterable[str]) -> None:
        """Note rows that were written alike, too many for one by one."""
        self._further.setdefault((record.__tablename__, act, tuple(sorted(fields))), []).extend(keys)

    def about(self, record: type[Record], values: Mapping[str, Any]) -> None:
        """Note whose row was written; of an adopted table only its own system knows that."""
        owner = owner_column(record)
        whom = None if owner is None or record.__adopted__ else values.get(owner.key)
        if isinstance(whom, int):
            self.people.add(whom)

    def rows_named(self) -> list[list[Any]]:
        """Return the rows that were read, for the audit: its sources, and each of which personal fields were read."""
        kinds: dict[str, dict[Id, None]] = {}
        for kind, key in self.records:
            kinds.setdefault(kind, {})[key] = None
        for kind, keys in self.touched.items():
            kinds[kind] = kinds.get(kind, {}) | keys
        return [[kind, each] for kind, keys in kinds.items() for each in named(keys)]

    def told(self) -> dict[str, Any]:
        """Return, for the audit, which personal fields were read, whose they are, and what was written; no values."""
        wrote: list[list[Any]] = [
            [write.record.__tablename__, write.key, write.act, sorted(write.fields)] for write in self.writes
        ]
        for (kind, act, fields), keys in self._further.items():
            wrote += [[kind, each, act, list(fields)] for each in named(keys)]
        return {
            **({"personal": sorted(self.personal)} if self.personal else {}),
            **({"people": named(sorted(self.people))} if self.people else {}),
            **({"wrote": wrote} if wrote else {}),
            **({"statement": self.statement} if self.statement else {}),
        }


@dataclass(frozen=True, slots=True)
class Watch:
    """Notes the personal fields of one row when they are read.

    Attributes:
        names: those that its reader may read.
    """

    names: frozenset[str]
    trail: Trail
    kind: str
    key: Id | None
    whom: int | None

    def read(self, name: str) -> None:
        """Note that one of them is read."""
        self.trail.read(self.kind, self.key, (name,), self.whom)


def read_fields(row: Record, names: Iterable[str] | None = None) -> None:
    """Note that personal fields of a row are told; without names, that it is told as a whole."""
    watch: Watch | None = row.__dict__.get("_watch")
    fields = () if watch is None else watch.names if names is None else watch.names.intersection(names)
    if watch is not None and fields:
        watch.trail.read(watch.kind, watch.key, fields, watch.whom)


class Groups(list[Row[Any]]):
    """The rows of a grouping, and how many groups were left out because they are about too few people."""

    withheld: int = 0


def title_of(row: Record) -> str:
    """Name a row to people by its title fields ("김하은 대리"); hidden and empty ones are left out."""
    values = (row.__dict__.get(name) for name in row.__title__ if name != "id")
    title = " ".join(str(value) for value in values if value not in (None, "") and type(value) is not Hidden)
    return title or f"{label_of(type(row)).ko} #{row.id}".removesuffix(" #None")
