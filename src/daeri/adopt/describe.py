"""What becomes of each table? Its record's names, fields, key, relations and personal fields, decided but not written.

Everything a person should look at is said here once, as a note; `write.py` and the command line only show it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from daeri.adopt.clashes import CHART_TABLES
from daeri.adopt.guess import Guess, by_name, by_values, by_view, is_about_people, words_of
from daeri.adopt.names import TAKEN_CLASSES, Names, class_name, english, field_name, type_name
from daeri.adopt.reflect import Column, Found, Reference, Table
from daeri.adopt.sample import Sampled
from daeri.adopt.types import LeftOut, Typed, typed
from daeri.adopt.words import STAFF
from daeri.wording import Text

LABEL_MAX = 20
"""Characters of a label; the rest of a comment stands beside the field."""
TITLES = ("name", "nm", "title", "subject", "이름", "명", "성명", "제목", "명칭")
_LABEL = re.compile(r"^\s*([^,;:(\[\n/]+)")


@dataclass(frozen=True, slots=True)
class Field:
    """A column as a record has it.

    Attributes:
        name: its name in Python and in addresses.
        guess: why it is taken for personal, or None.
        label: its name for people, where the column's own does not say it.
        refers: the (class, field, table) whose key it holds, where it alone does.
    """

    name: str
    column: Column
    typed: Typed
    is_key: bool
    guess: Guess | None = None
    label: Text | None = None
    refers: Reference | None = None


@dataclass(slots=True)
class Entry:
    """A table or view as a record.

    Attributes:
        kind: what it is called in addresses.
        name: its class.
        fields: those that are served; `left_out` has the others, with why.
        relations: foreign keys of several columns.
        title: the fields that name a row.
        owner: the field that holds the person a row is about.
        notes: what people should look at.
        rows: about how many there are; None where nobody knows.
    """

    table: Table
    kind: str
    name: str
    label: Text
    fields: list[Field] = field(default_factory=list)
    left_out: list[tuple[Column, Text]] = field(default_factory=list)
    relations: list[Reference] = field(default_factory=list)
    title: tuple[str, ...] = ()
    owner: str | None = None
    notes: list[Text] = field(default_factory=list)
    rows: int | None = None
    more: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The fields that make up the key, in the order in which the database keeps them."""
        fields = [self.field_of(column) for column in self.table.key]
        return tuple(each.name for each in fields if each is not None and each.is_key)

    @property
    def personal(self) -> list[Field]:
        """The fields that are taken for personal."""
        return [each for each in self.fields if each.guess is not None]

    def field_of(self, column: str) -> Field | None:
        """Return the field of a column, None where it is left out."""
        return next((each for each in self.fields if each.column.name == column), None)


@dataclass(slots=True)
class Described:
    """All of a database as records.

    Attributes:
        staff: the record of those who work here, whose key other tables name people by.
        clashes: names in the database that Daeri needs for its own tables.
    """

    dialect: str
    entries: list[Entry]
    staff: Entry | None = None
    clashes: list[str] = field(default_factory=list)
    unread: Mapping[str, str] = field(default_factory=dict)
    skipped: Sequence[str] = ()

    def entry_of(self, table: str, schema: str | None) -> Entry | None:
        """Return the record of a table."""
        return next((each for each in self.entries if (each.table.name, each.table.schema) == (table, schema)), None)


def describe(found: Found, samples: Mapping[str, Sampled]) -> Described:
    """Decide what becomes of everything that `reflect` found and `sampled` saw."""
    kinds, classes = Names(CHART_TABLES), Names(TAKEN_CLASSES)
    entries = [
        _entry(table, samples.get(table.name, Sampled()), found.dialect, kinds, classes) for table in found.tables
    ]
    told = Described(found.dialect, entries, unread=found.unread, skipped=found.skipped)
    _relate(told)
    _pass_on(told)
    for entry in entries:
        _note(entry, samples.get(entry.table.name, Sampled()))
    told.staff = _staff(entries)
    if told.staff is not None:
        for entry in entries:
            entry.owner = _owner(entry, told.staff)
    return told


def _entry(table: Table, sample: Sampled, dialect: str, kinds: Names, classes: Names) -> Entry:
    entry = Entry(
        table,
        kind=kinds.give(type_name(table.name)),
        name=classes.give(class_name(table.name)),
        label=Text(_labelled(table.comment) or type_name(table.name), english(table.name)),
        rows=sample.rows,
        more=sample.more,
    )
    ways = {column.name: typed(column, sample.values.get(column.name, ()), dialect) for column in table.columns}
    key = table.key if all(_can_be_key(ways.get(name)) for name in table.key) else ()
    if any(None in (sample.values.get(name) or (0,)) for name in key):
        key = ()
    names = Names()
    for column in table.columns:
        way = ways[column.name]
        if isinstance(way, LeftOut):
            entry.left_out.append((column, way.why))
            continue
        name = names.give(field_name(column.name, may_be_id=key == (column.name,)))
        entry.fields.append(
            Field(
                name,
                column,
                way,
                is_key=column.name in key,
                guess=_guess(table, column, sample.values.get(column.name, ())),
                label=_label(column, name),
            )
        )
    entry.title = _title(entry)
    return entry


def _can_be_key(way: Typed | LeftOut | None) -> bool:
    return isinstance(way, Typed) and way.hint not in ("Any", "list[Any]", "float")


def _guess(table: Table, column: Column, values: Sequence[Any]) -> Guess | None:
    return by_name(table, column.name, column.comment) or by_values(values)


def _label(column: Column, name: str) -> Text | None:
    said = _labelled(column.comment)
    if said:
        return Text(said, english(column.name) if column.name.isascii() else said)
    if name != column.name:
        return Text(column.name[:LABEL_MAX], english(column.name)[:LABEL_MAX] or name)
    return None


def _labelled(comment: str | None) -> str:
    """Return the part of a comment that can stand as a name: "사번 (2019년부터 8자리)" is "사번"."""
    match = _LABEL.match(" ".join((comment or "").split()))
    return match[1].strip()[:LABEL_MAX].strip() if match else ""


def _title(entry: Entry) -> tuple[str, ...]:
    """Choose the field that names a row: a text that is called name or title."""
    texts = [each for each in entry.fields if each.typed.hint == "str" and each.typed.writable]
    for each in texts:
        parts = words_of(each.column.name) or [""]
        if parts[-1] in TITLES or parts[-1].endswith(("이름", "명", "제목", "명칭", "name")):
            return (each.name,)
    return ()


def _relate(told: Described) -> None:
    """Put the foreign keys where they belong; one whose table is not adopted is only noted."""
    for entry in told.entries:
        for reference in entry.table.references:
            target = told.entry_of(reference.table, reference.schema)
            here = [entry.field_of(column) for column in reference.columns]
            there = [target.field_of(column) for column in reference.targets] if target is not None else [None]
            names = ", ".join(reference.columns)
            if None in here or None in there or "." in reference.table:
                entry.notes.append(
                    Text(
                        f"{names} → {reference.table}: 가리키는 테이블이나 열이 여기 없어서 관계를 뺐어요",
                        f"{names} → {reference.table}: the other side is not here, so the relation is left out",
                    )
                )
            elif len(here) == 1:
                entry.fields = [
                    replace(each, refers=reference) if each is here[0] and each.refers is None else each
                    for each in entry.fields
                ]
            else:
                entry.relations.append(reference)


def _pass_on(told: Described) -> None:
    """Let what is personal be so wherever it is repeated: in columns that refer to it, and in views made of it."""
    changed = True
    while changed:
        changed = False
        for entry, each, reference in _references(told):
            target = told.entry_of(reference.table, reference.schema)
            there = reference.targets[reference.columns.index(each.column.name)]
            other = None if target is None else target.field_of(there)
            if each.guess is None and other is not None and other.guess is not None:
                entry.fields[entry.fields.index(each)] = replace(each, guess=other.guess)
                changed = True
    known: dict[str, bool] = {}
    for entry in told.entries:
        if not entry.table.is_view:
            for each in entry.fields:
                name = each.column.name.lower()
                known[name] = known.get(name, False) or each.guess is not None
    for entry in told.entries:
        if entry.table.is_view:
            entry.fields = [_seen_through(entry, each, known) for each in entry.fields]


def _references(told: Described) -> Iterator[tuple[Entry, Field, Reference]]:
    for entry in told.entries:
        for each in list(entry.fields):
            for reference in ([each.refers] if each.refers else []) + entry.relations:
                if each.column.name in reference.columns:
                    yield entry, each, reference


def _seen_through(entry: Entry, each: Field, known: Mapping[str, bool]) -> Field:
    if each.guess is not None:
        return each
    name = each.column.name.lower()
    definition = entry.table.definition
    if definition is None:
        return each if name in known and not known[name] else replace(each, guess=_UNSEEN)
    if known.get(name):
        said = Text(f"{each.column.name} 열이 다른 테이블에서 개인정보", f"{each.column.name} is personal elsewhere")
        return replace(each, guess=Guess("personal", said))
    return replace(each, guess=by_view(definition, name, known))


_UNSEEN = Guess("personal", Text("정의를 볼 수 없는 뷰의 값", "a value of a view whose definition cannot be read"))


def _note(entry: Entry, sample: Sampled) -> None:
    if sample.failed is not None:
        entry.notes.append(
            Text(
                f"표본을 읽지 못해서 값의 모양은 보지 못했어요 ({sample.failed})",
                f"No sample could be read, so only names were looked at ({sample.failed})",
            )
        )
    if not entry.key:
        entry.notes.append(
            Text(
                "키가 없어요: 목록과 SQL로만 볼 수 있고, 한 건씩 열거나 쓸 수는 없어요",
                "No key: rows can be listed and asked about in SQL, but not opened one by one or written",
            )
        )
    elif entry.table.key_from == "unique":
        keys = ", ".join(entry.key)
        entry.notes.append(
            Text(
                f"기본 키가 없어서 고유한 열을 키로 삼았어요: {keys}",
                f"No primary key; these unique columns are the key: {keys}",
            )
        )
    hidden = [each.name for each in entry.fields if each.is_key and each.guess is not None]
    if hidden:
        keys = ", ".join(hidden)
        entry.notes.append(
            Text(
                f"키가 개인정보로 보여요 ({keys}): 이 항목을 볼 수 있는 사람만 한 건씩 열 수 있어요",
                f"The key looks personal ({keys}): only those who may read it can open single rows",
            )
        )
    for column, why in entry.left_out:
        entry.notes.append(Text(f"{column.name}: {why.ko}", f"{column.name}: {why.en}"))


def _staff(entries: Sequence[Entry]) -> Entry | None:
    """Return the record of those who work here: the one most rows of other tables refer to, with a key of one field."""
    fitting = [
        entry
        for entry in entries
        if not entry.table.is_view and len(entry.key) == 1 and is_about_people(entry.table, STAFF)
    ]
    named = [each.refers.table for entry in entries for each in entry.fields if each.refers is not None]
    return max(fitting, key=lambda entry: named.count(entry.table.name), default=None)


def _owner(entry: Entry, staff: Entry) -> str | None:
    """Return the field that holds the person a row is about: the key of the staff, or the one reference to it."""
    if entry is staff:
        return staff.key[0]
    held = [
        each
        for each in entry.fields
        if each.refers is not None
        and (each.refers.table, each.refers.schema) == (staff.table.name, staff.table.schema)
        and each.refers.targets == (staff.fields[[f.is_key for f in staff.fields].index(True)].column.name,)
    ]
    named = [each for each in held if {*words_of(each.column.name)} & STAFF]
    fitting = held if len(held) == 1 else named
    return fitting[0].name if len(fitting) == 1 else None
