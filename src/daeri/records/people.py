"""Who reports to whom? The organisation chart, read from the company's own Person and Team records.

It is read without row rules, by Daeri itself, for three ends only: an actor's roles, an approval line, a name to show.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, null, select

from daeri.errors import NotFound
from daeri.records.record import Person, Team


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


SYSTEM = Someone(0, "Daeri", "", "", None, "", None, frozenset(), left=False)


class People:
    """The organisation chart of one company."""

    def __init__(self, person: type[Person], team: type[Team]) -> None:
        """Take the company's concrete person and team records."""
        self.person = person
        self.team = team
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
        self._above = select(teams.parent_id, teams.lead_id).where(teams.id == bindparam("key"))

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

    def superiors(self, connection: Connection, person: Someone) -> list[Someone]:
        """Return the leads above a person, nearest first; vacant posts, leavers and the person are passed over."""
        seen: list[Someone] = []
        team_id = person.team_id
        visited: set[int] = set()
        while team_id is not None and team_id not in visited:
            visited.add(team_id)
            row = connection.execute(self._above, {"key": team_id}).one_or_none()
            if row is None:
                break
            lead = self.many(connection, [row.lead_id]).get(row.lead_id) if row.lead_id else None
            if lead is not None and lead.id != person.id and not lead.left and lead not in seen:
                seen.append(lead)
            team_id = row.parent_id
        return seen

    def holder(self, connection: Connection, role: str, other_than: int) -> Someone | None:
        """Return who holds a role, other than one person; the longest-standing one where several do."""
        table = self.person.__table__.c
        rows = connection.execute(self._select.where(table.left_on.is_(None)).order_by(table.id))
        holders = (someone for someone in map(_someone, rows) if role in someone.roles)
        return next((someone for someone in holders if someone.id != other_than), None)


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
