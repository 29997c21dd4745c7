"""Whom does a name mean? People by id, login or name, as far as the one who asks may see them.

An id names a person as it does on every document; a name is looked for among the people whose records the asker may
see, so nobody learns by a name that somebody works here.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, or_, select

from daeri.operations.arguments import resolve
from daeri.operations.company import Company
from daeri.records.actor import Actor
from daeri.records.standing import account
from daeri.records.store import Store


def person_named(connection: Connection, company: Company, actor: Actor, field: str, named: str) -> int:
    """Return whom an id, a login or a name means; of the latter two, only people whom the actor may see.

    Raises:
        ValidationFailed: a name is nobody's, or several people's; with the candidates.
    """
    if named.isascii() and named.isdecimal():
        return int(named)
    if named == actor.login:
        return actor.person_id
    people = company.people
    columns = people.person.__table__.c
    shown = company.rules.visible(people.person, actor)
    signing_in = select(account.c.person_id).where(account.c.login == named)
    by_login = select(columns.id).where(or_(columns.login == named, columns.id.in_(signing_in)), shown)
    known = connection.execute(by_login).scalars().first()
    return int(known or resolve(connection, company.rules, actor, people.person, field, named))


class Directory:
    """Finds people by what they are called."""

    def __init__(self, company: Company, store: Store) -> None:
        """Take the organisation chart and the database."""
        self._company = company
        self._store = store

    async def ids(self, actor: Actor, named: Sequence[int | str], field: str = "people") -> list[int]:
        """Return the ids of people, in the order in which they are named.

        Raises:
            ValidationFailed: a name is nobody's, or several people's; with the candidates.
        """
        if all(isinstance(each, int) for each in named):
            return [int(each) for each in named]

        def look(connection: Connection) -> list[int]:
            return [person_named(connection, self._company, actor, field, str(each)) for each in named]

        return await self._store.read(look)
