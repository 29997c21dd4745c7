"""What would change for whom if a company's rules were edited? Two sets of rules over the same rows, compared.

Only rows that the asker may see are counted, and only people whom the asker may see are named. The edited company may
share the records of the present one, or declare its own for the same tables (import it within `apart`).

An edited rule may ask about any column, so whoever writes one learns what its counts tell: this is for people who have
the machine (the command line), never for a protocol.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, MetaData, Select, false, func, select, tuple_

from daeri.operations.company import Company
from daeri.operations.sources import Sources
from daeri.records.actor import Actor, sight
from daeri.records.people import Someone, person_body
from daeri.records.record import NAMING, Record, label_of, mark_of
from daeri.wording import Lang, Text

NAMES_MAX: Final = 50
"""People named for one change; the count tells of all."""
_SIGHT: Final[Mapping[str, int]] = {"hidden": 0, "own": 2, "open": 4}
"""How much is seen of a field; a mask for those who do not read it adds one."""

Sights = Mapping[str, int]


@contextmanager
def apart() -> Iterator[None]:
    """Let a company module be imported that declares tables which are declared already."""
    present = Record.metadata
    Record.metadata = MetaData(naming_convention=NAMING)
    try:
        yield
    finally:
        Record.metadata = present


@dataclass(slots=True)
class Shift:
    """How one person's sight of one record type would change."""

    person: Someone
    gained: int = 0
    lost: int = 0
    fields_gained: list[str] = field(default_factory=list)
    fields_lost: list[str] = field(default_factory=list)


def impact(connection: Connection, before: Company, after: Company, asker: Actor, lang: Lang) -> dict[str, Any]:
    """Return what would change, by record type and operation; what stays as it is is left out."""
    people = _people(connection, before, asker)
    actors = {
        one.id: Actor(one.id, one.name, one.team_id, one.roles, one.login, known_as=one.known_as) for one in people
    }
    sources = Sources()
    kinds = [kind for kind in sorted(before.records) if asker.may_call(f"{kind}.list", "read")]
    records = []
    for kind in kinds:
        old, new = before.records[kind], after.records.get(kind)
        shifts = [_shift(connection, (before, old), (after, new), asker, (one, actors[one.id])) for one in people]
        touched = [each for each in shifts if each.gained or each.lost or each.fields_gained or each.fields_lost]
        if touched:
            told = _told(before, old, shifts, asker, lang)
            records.append({**told, "rules": _rules((before, old), (after, new), sources)})
    operations = [_operation(before, after, name, people, actors, lang) for name in sorted(before.operations)]
    return {"people": len(people), "records": records, "operations": [each for each in operations if each]}


def _people(connection: Connection, company: Company, asker: Actor) -> list[Someone]:
    """Return the people who work here, as far as the asker may see them."""
    table = company.people.person.__table__
    shown = company.rules.visible(company.people.person, asker)
    ids = connection.execute(select(table.c.id).where(shown, table.c.left_on.is_(None))).scalars()
    found = company.people.many(connection, ids)
    return [found[key] for key in sorted(found)]


def _shift(
    connection: Connection,
    before: tuple[Company, type[Record]],
    after: tuple[Company, type[Record] | None],
    asker: Actor,
    whose: tuple[Someone, Actor],
) -> Shift:
    person, actor = whose
    shift = Shift(person)
    old_sights, new_sights = _sights(before[1], actor), {} if after[1] is None else _sights(after[1], actor)
    for name, old in old_sights.items():
        new = new_sights.get(name, 0)
        if new != old:
            (shift.fields_gained if new > old else shift.fields_lost).append(name)
    if before[1] is after[1] and before[0].rules.rows[before[1]] is after[0].rules.rows[before[1]]:
        return shift
    old_rule = before[0].rules.visible(before[1], actor)
    new_rule = false() if after[1] is None else after[0].rules.visible(after[1], actor)
    if _written(old_rule) != _written(new_rule):
        old_ids, new_ids = _ids(before[1], old_rule), _ids(after[1] or before[1], new_rule)
        shown = before[0].rules.visible(before[1], asker)
        shift.gained = _counted(connection, before[1], shown, new_ids, old_ids)
        shift.lost = _counted(connection, before[1], shown, old_ids, new_ids)
    return shift


def _sights(record: type[Record], actor: Actor) -> Sights:
    marks = {column.key: mark_of(column.info) for column in record.__table__.columns}
    seen = {name: sight(actor, mark) for name, mark in marks.items()}
    return {name: _SIGHT[seen[name]] + (seen[name] != "open" and marks[name].mask is not None) for name in marks}


def _written(rule: ColumnElement[bool]) -> tuple[str, str]:
    """Return a condition as SQL with its values, to tell whether two are the same."""
    compiled = rule.compile()
    return str(compiled), repr(sorted(compiled.params.items()))


def _ids(record: type[Record], rule: ColumnElement[bool]) -> Select[Any]:
    return select(*_telling(record)).where(rule).correlate(None)


def _telling(record: type[Record]) -> Sequence[ColumnElement[Any]]:
    """Return the columns that tell rows apart; where there is no key, whatever they hold."""
    return record.__key__.columns or [*record.__table__.columns]


def _counted(
    connection: Connection, record: type[Record], shown: ColumnElement[bool], within: Select[Any], without: Select[Any]
) -> int:
    columns = _telling(record)
    key = columns[0] if len(columns) == 1 else tuple_(*columns)
    counted = select(func.count()).select_from(record.__table__)
    return int(connection.execute(counted.where(shown, key.in_(within), key.not_in(without))).scalar_one())


def _told(company: Company, record: type[Record], shifts: Sequence[Shift], asker: Actor, lang: Lang) -> dict[str, Any]:
    label, total = label_of(record), len(shifts)
    gain, lose = [each.person for each in shifts if each.gained], [each.person for each in shifts if each.lost]
    sentences = []
    if gain:
        ko, en = f"{total}명 중 {len(gain)}명이 새로 보게 돼요", f"{len(gain)} of {total} people would newly see rows"
        sentences.append(Text(f"{label.ko}: {ko}", f"{label.en}: {en}").to(lang))
    if lose:
        ko, en = f"{total}명 중 {len(lose)}명이 못 보게 되는 행이 있어요", f"{len(lose)} of {total} would lose rows"
        sentences.append(Text(f"{label.ko}: {ko}", f"{label.en}: {en}").to(lang))
    fields = _fields(record, shifts, lang)
    sentences += [f"{label.to(lang)}: {each['says']}" for each in fields]
    return {
        "type": record.__tablename__,
        "label": label.to(lang),
        "says": sentences,
        "gain": _named(gain),
        "lose": _named(lose),
        "fields": fields,
        "roles": _by_role(company, shifts, asker, lang),
    }


def _named(people: Sequence[Someone]) -> dict[str, Any]:
    return {"count": len(people), "people": [person_body(one) for one in people[:NAMES_MAX]]}


def _fields(record: type[Record], shifts: Sequence[Shift], lang: Lang) -> list[dict[str, Any]]:
    told = []
    for column in record.__table__.columns:
        gain = [each.person for each in shifts if column.key in each.fields_gained]
        lose = [each.person for each in shifts if column.key in each.fields_lost]
        if not gain and not lose:
            continue
        label = (mark_of(column.info).label or Text(column.key, column.key)).to(lang)
        parts = [
            Text(f"{len(shifts)}명 중 {len(some)}명이 {ko}", f"{len(some)} of {len(shifts)} would {en}").to(lang)
            for some, ko, en in ((gain, "더 보게 돼요", "see more"), (lose, "덜 보게 돼요", "see less"))
            if some
        ]
        says = f"{label} ({column.key}) {' · '.join(parts)}"
        told.append({"name": column.key, "label": label, "says": says, "gain": _named(gain), "lose": _named(lose)})
    return told


def _by_role(company: Company, shifts: Iterable[Shift], asker: Actor, lang: Lang) -> list[dict[str, Any]]:
    """Return one person for each role, the longest-standing one, and one without any; named if the asker sees roles."""
    names_roles = sight(asker, mark_of(company.people.person.__table__.c.roles.info)) == "open"
    first: dict[str, Shift] = {}
    for each in shifts:
        for role in each.person.roles or {""}:
            first.setdefault(role, each)
    none = Text("역할 없음", "no role")
    return [
        {
            "role": role,
            "label": (company.roles.get(role, Text(role, role)) if role else none).to(lang),
            "person": person_body(each.person) if names_roles else None,
            "rows_gained": each.gained,
            "rows_lost": each.lost,
            "fields_gained": each.fields_gained,
            "fields_lost": each.fields_lost,
        }
        for role, each in sorted(first.items())
    ]


def _rules(
    before: tuple[Company, type[Record]], after: tuple[Company, type[Record] | None], sources: Sources
) -> dict[str, Any]:
    """Name the row rules that are compared, and where they are written."""
    old = before[0].rules.rows[before[1]]
    new = None if after[1] is None else after[0].rules.rows[after[1]]
    return {
        "before": {"name": old.__name__, "at": sources.of(old)},
        "after": None if new is None else {"name": new.__name__, "at": sources.of(new)},
    }


def _operation(
    before: Company, after: Company, name: str, people: Sequence[Someone], actors: Mapping[int, Actor], lang: Lang
) -> dict[str, Any] | None:
    """Return who could newly call an operation, and who no longer; None where nothing changes."""
    old, new = before.operations[name], after.operations.get(name)
    allowed = [(one, old.allow(actors[one.id]), new is not None and new.allow(actors[one.id])) for one in people]
    gain = [one for one, was, now in allowed if now and not was]
    lose = [one for one, was, now in allowed if was and not now]
    if not gain and not lose:
        return None
    return {"name": name, "label": old.label.to(lang), "gain": _named(gain), "lose": _named(lose)}
