"""Who reports to whom? The organisation chart, read from the company's own Person and Team records.

It is read without row rules, by Daeri itself, for three ends only: an actor's roles, an approval line, a name to show.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, bindparam, cast, literal, null, or_, select

from daeri.errors import NotFound
from daeri.records.record import Person, Team

# fmt: off
RANKS = (
    "사원", "주임", "대리", "과장", "차장", "부장", "이사", "상무", "전무", "부사장", "사장", "부회장", "회장",
)
"""The usual ranks (직급) of a Korean company, lowest first; `Company.ranks` may say others."""
# fmt: on
LEVELS_MAX = 20
"""Units above one another that are looked at; a chart deeper than this is a ring."""


@dataclass(frozen=True, slots=True)
class Someone:
    """A person as the organisation chart knows them."""

    id: int
    name: str
    rank: str
    title: str
    team_id: int | None
    team: str
    login: str | None
    roles: frozenset[str]
    left: bool
    known_as: int | str | None = None

    @classmethod
    def unknown(cls, person_id: int) -> "Someone":
        """Stand for a person whose record was removed."""
        return cls(person_id, "?", "", "", None, "", None, frozenset(), left=True)

    @property
    def called(self) -> str:
        """The person's name as colleagues say it: name and title, or name and rank."""
        return f"{self.name} {self.title or self.rank}".strip()


@dataclass(frozen=True, slots=True)
class Rung:
    """One unit on the way up: who leads it, None where the post is vacant or its holder has left."""

    team_id: int
    team: str
    lead: Someone | None


SYSTEM = Someone(0, "Daeri", "", "", None, "", None, frozenset(), left=False)


class People:
    """The organisation chart of one company."""

    def __init__(self, person: type[Person], team: type[Team], ranks: Sequence[str] = RANKS) -> None:
        """Take the company's concrete person and team records, and its ranks, lowest first."""
        self.person = person
        self.team = team
        self.ranks = tuple(ranks)
        people, teams = person.__table__.c, team.__table__.c
        self._select = select(
            people.id,
            people.name,
            people.rank,
            people.title,
            people.team_id,
            people.login,
            people.roles,
            people.left_on,
            known_as(person).label("known_as"),
            teams.name.label("team"),
        ).select_from(person.__table__.outerjoin(team.__table__, people.team_id == teams.id))
        self._one = self._select.where(people.id == bindparam("key"))
        self._rungs = _rungs(person, team)
        self._team_named = select(teams.id).where(teams.name == bindparam("named")).order_by(teams.id).limit(1)
        self._holding = self._select.where(people.left_on.is_(None)).order_by(people.id)

    def one(self, connection: Connection, person_id: int) -> Someone:
        """Return one person.

        Raises:
            NotFound: there is no such person.
        """
        if person_id == SYSTEM.id:
            return SYSTEM
        row = connection.execute(self._one, {"key": person_id}).one_or_none()
        if row is None:
            raise NotFound
        return _someone(row)

    def many(self, connection: Connection, ids: Iterable[int]) -> dict[int, Someone]:
        """Return people by id; ids that do not exist are left out."""
        wanted = set(ids)
        rows = connection.execute(self._select.where(self.person.__table__.c.id.in_(wanted - {SYSTEM.id})))
        found = {row.id: _someone(row) for row in rows}
        return found | {SYSTEM.id: SYSTEM} if SYSTEM.id in wanted else found

    def left(self, connection: Connection, ids: Iterable[int]) -> frozenset[int]:
        """Return those of some people who do not work here any more, or never did."""
        wanted = frozenset(ids)
        found = self.many(connection, wanted)
        return frozenset(key for key in wanted if key not in found or found[key].left)

    def addresses(self, connection: Connection, ids: Iterable[int]) -> dict[int, str]:
        """Return the mail addresses of those of some people who work here and have one."""
        if self.person.__email__ is None:
            return {}
        columns = self.person.__table__.c
        address = columns[self.person.__email__]
        here = select(columns.id, address.label("address")).where(columns.id.in_(set(ids)), columns.left_on.is_(None))
        return {row.id: str(row.address) for row in connection.execute(here) if row.address}

    def rungs(self, connection: Connection, team_id: int | None) -> list[Rung]:
        """Return a unit and the units above it, nearest first, each with its lead; one statement."""
        if team_id is None:
            return []
        found: dict[int, Rung] = {}
        for row in connection.execute(self._rungs, {"key": team_id}):
            lead = _someone(row) if row.id is not None and row.left_on is None else None
            found.setdefault(row.unit_id, Rung(row.unit_id, row.unit_name, lead))
        return list(found.values())

    def named(self, connection: Connection, name: str) -> list[Someone]:
        """Return the people who have a login or a name."""
        columns = self.person.__table__.c
        fitting = or_(columns.login == name, columns.name == name)
        return [_someone(row) for row in connection.execute(self._select.where(fitting).order_by(columns.id))]

    def superiors(self, connection: Connection, person: Someone) -> list[Someone]:
        """Return the leads above a person, nearest first; vacant posts, leavers and the person are passed over."""
        return leads(self.rungs(connection, person.team_id), person.id)

    def team_id(self, connection: Connection, team: int | str) -> int | None:
        """Return a unit's id by its id or name."""
        if isinstance(team, int):
            return team
        found = connection.execute(self._team_named, {"named": team}).scalar_one_or_none()
        return None if found is None else int(found)

    def rank_level(self, rank: str) -> int:
        """Return how high a rank stands, -1 for one that the company does not know."""
        return self.ranks.index(rank) if rank in self.ranks else -1

    def holders(self, connection: Connection, role: str) -> list[Someone]:
        """Return who holds a role and works here, the longest-standing first."""
        roles = cast(self.person.__table__.c.roles, String)
        rows = connection.execute(self._holding.where(roles.contains(json.dumps(role), autoescape=True)))
        return [someone for someone in map(_someone, rows) if role in someone.roles]

    def holder(self, connection: Connection, role: str, other_than: int) -> Someone | None:
        """Return who holds a role, other than one person; the longest-standing one where several do."""
        return next((someone for someone in self.holders(connection, role) if someone.id != other_than), None)


def leads(rungs: Iterable[Rung], other_than: int) -> list[Someone]:
    """Return the leads of units, nearest first, each once, without one person."""
    found: list[Someone] = []
    for rung in rungs:
        if rung.lead is not None and rung.lead.id != other_than and rung.lead not in found:
            found.append(rung.lead)
    return found


def _rungs(person: type[Person], team: type[Team]) -> Any:
    """Select a unit and all above it with their leads; a ring in the chart ends at a depth."""
    people, teams = person.__table__, team.__table__
    start = select(teams.c.id, teams.c.name, teams.c.parent_id, teams.c.lead_id, literal(0).label("depth")).where(
        teams.c.id == bindparam("key")
    )
    up = start.cte("up", recursive=True)
    above = select(teams.c.id, teams.c.name, teams.c.parent_id, teams.c.lead_id, up.c.depth + 1).where(
        teams.c.id == up.c.parent_id, up.c.depth < LEVELS_MAX
    )
    up = up.union_all(above)
    own = teams.alias("own")
    columns = people.c
    return (
        select(
            up.c.id.label("unit_id"),
            up.c.name.label("unit_name"),
            columns.id,
            columns.name,
            columns.rank,
            columns.title,
            columns.team_id,
            columns.login,
            columns.roles,
            columns.left_on,
            known_as(person).label("known_as"),
            own.c.name.label("team"),
        )
        .select_from(up.outerjoin(people, columns.id == up.c.lead_id).outerjoin(own, own.c.id == columns.team_id))
        .order_by(up.c.depth)
    )


def _someone(row: Any) -> Someone:
    return Someone(
        id=row.id,
        name=row.name,
        rank=row.rank or "",
        title=row.title or "",
        team_id=row.team_id,
        team=row.team or "",
        login=row.login,
        roles=frozenset(row.roles or ()),
        left=row.left_on is not None,
        known_as=row.known_as,
    )


def known_as(person: type[Person]) -> ColumnElement[Any]:
    """Return what adopted tables call a person; NULL in a company where they do not."""
    return null() if person.__known_as__ is None else person.__table__.c[person.__known_as__]


def person_body(person: Someone) -> dict[str, Any]:
    """Render a person as every resource embeds one."""
    return {"id": person.id, "name": person.name, "rank": person.rank, "title": person.title, "team": person.team}
