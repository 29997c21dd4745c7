"""Which rows and fields does a company's rule let through for an actor? Rules, and what follows from them.

What is made of a rule is kept for a moment, for the rule and all that asks it to be made once.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import Column, ColumnElement, case, false, null, or_
from sqlalchemy.sql.elements import False_

from daeri.errors import FieldHidden, NotFound
from daeri.records.actor import Actor, is_kept_from, sight
from daeri.records.crowds import Crowds
from daeri.records.keys import Key
from daeri.records.prepared import Compiled, Ready, Shape
from daeri.records.record import Hidden, Mark, Person, Record, Relation, label_of, mark_of
from daeri.wording import Text, fit_josa

K = TypeVar("K")
Rule = Callable[[Actor], ColumnElement[bool]]

KEPT_MAX = 20_000
"""Conditions and projections kept at most, about 2 kB each; then they are made anew."""
KEPT_SECONDS = 30
"""How long one is kept at most, so that a rule that looks at the day does not go stale."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A company's rules by record: who sees which rows, who may change which; and what its roles are called."""

    rows: Mapping[type[Record], Rule] = field(default_factory=dict)
    changes: Mapping[type[Record], Rule] = field(default_factory=dict)
    roles: Mapping[str, Text] = field(default_factory=dict)
    crowds: Crowds = field(default_factory=Crowds)
    compiled: Compiled = field(default_factory=Compiled, repr=False)
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    def kept(self, what: str, record: type[Record], actor: Actor, make: Callable[[], K]) -> K:
        """Return what was made for this record and actor a moment ago, or make it.

        A rule is a function of the actor and, at most, of the day; so what follows from it holds for a while.
        """
        now = time.monotonic() // KEPT_SECONDS
        if self._kept.get("since") != now or len(self._kept) >= KEPT_MAX:
            self._kept.clear()
            self._kept["since"] = now
        key = (what, record, actor)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = make()
        return cast("K", found)

    def ready(self, actor: Actor) -> dict[Shape | None, Ready]:
        """Return the statements that were made for this actor a moment ago, by their shape."""
        return self.kept("ready", Record, actor, dict)

    def projection(self, record: type[Record], actor: Actor) -> "Projection":
        """Return what the actor may see of a record's fields."""
        return self.kept("projection", record, actor, lambda: _project(self, record, actor))

    def visible(self, record: type[Record], actor: Actor) -> ColumnElement[bool]:
        """Return the condition a row must meet for the actor to see it; no rule means no row."""
        rule = self.rows.get(record)
        return self.kept("rows", record, actor, lambda: rule(actor) if rule else false())

    def changeable(self, record: type[Record], actor: Actor) -> ColumnElement[bool]:
        """Return the condition a row must meet for the actor to add or change it; no rule means none."""
        rule = self.changes.get(record)
        return self.kept("changes", record, actor, lambda: rule(actor) if rule else false())

    def key(self, record: type[Record], actor: Actor) -> Key:
        """Return the key by which the actor may name rows: none where a part of it is hidden from them."""
        return self.kept("key", record, actor, lambda: _key(record, actor)) if record.__adopted__ else record.__key__

    def hidden_reason(self, record: type[Record], name: str, mark: Mark, actor: Actor | None = None) -> Text:
        """Say in words who may see a field, or that the actor's agent may not."""
        label = mark.label or Text(name, name)
        if actor is not None and is_kept_from(actor, mark):
            ko = fit_josa(f"{label.ko}은(는) 이 에이전트에게 보여 주지 않아요")
            return Text(ko, f"{label.en} is kept from this agent")
        if not mark.readers:
            return Text(fit_josa(f"{label.ko}은(는) 아무도 볼 수 없어요"), f"Nobody may see {label.en}")
        readers = [self.reader(record, reader) for reader in mark.readers]
        ko = " · ".join(reader.ko for reader in readers)
        return Text(
            fit_josa(f"{label.ko}은(는) {ko}만 볼 수 있어요"),
            f"Only {' and '.join(reader.en for reader in readers)} may see {label.en}",
        )

    def reader(self, record: type[Record], reader: str | Relation) -> Text:
        """Return what a reader of a record's fields is called."""
        if isinstance(reader, Relation):
            return reader.label
        if reader != "self":
            return self.roles.get(reader, Text(reader, reader))
        return Text("본인", "the person themself" if issubclass(record, Person) else "the person it is about")


def owner_column(record: type[Record]) -> Column[Any] | None:
    """Return the column that holds the person a row is about, or None."""
    columns = record.__table__.columns
    for name in (record.__owner__, "employee_id", "person_id"):
        if name is not None and name in columns:
            return columns[name]  # type: ignore[return-value]
    return None


def is_own(record: type[Record], actor: Actor, owner: Any) -> bool:
    """Say whether a row is about the actor, by the value of its owner column."""
    called = called_in(record, actor)
    return called is not None and bool(owner == called)


def whose(record: type[Record], owner_key: str | None, actor: Actor, values: Mapping[str, Any]) -> int | None:
    """Return the person whom a row is about, where that is known: of an adopted table only its own system knows it."""
    value = None if owner_key is None else values.get(owner_key)
    if is_own(record, actor, value):
        return actor.person_id
    return value if isinstance(value, int) and not record.__adopted__ else None


def called_in(record: type[Record], actor: Actor) -> int | str | None:
    """Return what a record's owner column holds where a row is about the actor; None where no row can be."""
    return actor.known_as if record.__adopted__ else actor.person_id


def seen_when(record: type[Record], actor: Actor, mark: Mark) -> ColumnElement[bool]:
    """Return the condition that a row meets on which the actor sees a field of "own" sight; false() where none can."""
    owner, called = owner_column(record), called_in(record, actor)
    own = [owner == called] if "self" in (mark.readers or ()) and owner is not None and called is not None else []
    conditions = [*own, *(relation.rule(actor) for relation in mark.relations)]
    return or_(false(), *conditions) if conditions else false()


def mine(column: Any, actor: Actor) -> ColumnElement[bool]:
    """Return the condition that a row of an adopted table is about the actor: `mine(Order.emp_no, actor)`.

    The column holds what the company's own systems call a person; a person whom they do not know owns no row.
    """
    condition: ColumnElement[bool] = false() if actor.known_as is None else column == actor.known_as
    return condition


def naming(rules: "Rules", actor: Actor, record: type[Record]) -> Key:
    """Return the key by which the actor names single rows of a record.

    Raises:
        NotFound: its rows have no key.
        FieldHidden: a part of the key is hidden from the actor, who may not try values of it either.
    """
    key = rules.key(record, actor)
    if key.columns:
        return key
    label = label_of(record)
    for column in record.__key__.columns:
        mark = mark_of(column.info)
        if sight(actor, mark) != "open":
            raise FieldHidden(rules.hidden_reason(record, column.key, mark, actor))
    raise NotFound(
        Text(
            fit_josa(f"{label.ko}에는 키가 없어서 한 건씩 열 수 없어요. 목록이나 SQL로 봐 주세요"),
            f"Rows of {label.en} have no key, so they cannot be opened one by one: use the list or SQL",
        )
    )


NOTHING = "_nothing"
"""The one column of a projection in which there is nothing to see."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The columns an actor gets of a record: hidden ones never leave the database.

    Attributes:
        own: the fields that the actor reads on some rows: those about themself, or to which they stand in a relation.
        hidden: the fields that the actor does not read on every row, with the reason.
        masked: those of them whose mask stands in their place.
        personal: the personal fields that the actor reads on every row.
        own_personal: those that the actor reads on some rows.
        called: what the owner's field holds on rows about the actor; None where no row can be.
        related: those of `own` that may be shown by a relation, with the key of the column that says so of a row.
    """

    columns: tuple[ColumnElement[Any], ...]
    keys: tuple[str, ...]
    own: tuple[str, ...]
    hidden: Mapping[str, Hidden]
    masked: frozenset[str]
    owner_key: str | None
    personal: frozenset[str] = frozenset()
    own_personal: frozenset[str] = frozenset()
    called: int | str | None = None
    related: Mapping[str, str] = field(default_factory=dict)

    def is_own(self, values: Mapping[str, Any]) -> bool:
        """Say whether a row is about the actor."""
        return self.owner_key is not None and self.called is not None and values.get(self.owner_key) == self.called

    def personal_of(self, closed: Collection[str]) -> frozenset[str]:
        """Return the personal fields that the actor reads on a row, of which these are closed to them."""
        return (self.personal | self.own_personal).difference(closed)

    def closed(self, values: dict[str, Any]) -> Iterator[tuple[str, Hidden]]:
        """Yield the fields that the actor does not read on a row, and take out of it what only told that."""
        shown = {name for name, told in self.related.items() if values[told]}
        for told in {*self.related.values()}:
            del values[told]
        owned = self.is_own(values)
        for name, hidden in self.hidden.items():
            if name not in shown and not (owned and name in self.own and name not in self.related):
                yield name, hidden


def _project(rules: Rules, record: type[Record], actor: Actor) -> Projection:
    owner = owner_column(record)
    columns: list[ColumnElement[Any]] = []
    keys: list[str] = []
    own: list[str] = []
    hidden: dict[str, Hidden] = {}
    masked: set[str] = set()
    related: dict[str, str] = {}
    telling: dict[Any, tuple[str, ColumnElement[bool]]] = {}
    for column in record.__table__.columns:
        mark = mark_of(column.info)
        seen = sight(actor, mark)
        if seen != "open":
            hidden[column.key] = Hidden(column.key, rules.hidden_reason(record, column.key, mark, actor))
        when = seen_when(record, actor, mark) if seen == "own" else false()
        instead = None if mark.mask is None else mark.mask.expression(column)
        if seen == "open":
            columns.append(column)
        elif not isinstance(when, False_):
            columns.append(case((when, column), else_=null() if instead is None else instead).label(column.key))
            own.append(column.key)
            if mark.relations:
                related[column.key], _ = telling.setdefault(mark.readers, (f"_sees_{len(telling)}", when))
        elif instead is not None:
            columns.append(instead.label(column.key))
        else:
            continue
        if seen != "open" and instead is not None:
            masked.add(column.key)
        keys.append(column.key)
    for key, when in telling.values():
        columns.append(case((when, 1), else_=0).label(key))
        keys.append(key)
    if not columns:  # a row may be seen of which no field is: it still is a row of this table
        some = next(iter(record.__table__.columns))
        columns, keys = [case((some.is_(None), null()), else_=null()).label(NOTHING)], [NOTHING]
    owner_key = None if owner is None else owner.key
    personal = {each.key for each in record.__table__.columns if mark_of(each.info).is_about_people}
    return Projection(
        columns=tuple(columns),
        keys=tuple(keys),
        own=tuple(own),
        hidden=hidden,
        masked=frozenset(masked),
        owner_key=owner_key,
        personal=frozenset(personal - hidden.keys()),
        own_personal=frozenset(personal & set(own)),
        called=called_in(record, actor),
        related=related,
    )


def _key(record: type[Record], actor: Actor) -> Key:
    key = record.__key__
    return key if all(sight(actor, mark_of(column.info)) == "open" for column in key.columns) else Key(())
