"""With which authority does an approved document run? Its drafter's of now, narrowed as it was when they filed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from daeri.errors import PermissionDenied
from daeri.operations.company import Company
from daeri.records.actor import Actor
from daeri.records.standing import is_disabled
from daeri.wording import Text


def drafter_of(connection: Connection, company: Company, row: Mapping[str, Any]) -> Actor:
    """Return who drafted a document, through the agent and within the scopes of that time.

    Raises:
        PermissionDenied: they left, or their account is disabled.
    """
    person = company.people.one(connection, row["drafter_id"])
    if person.left or is_disabled(connection, person.id):
        raise PermissionDenied(Text("기안자의 계정이 더는 쓰이지 않아요", "The drafter's account is no longer in use"))
    roles = person.roles
    if row["agent"] is not None:
        limit = company.agent(row["agent"]).roles
        roles = roles if limit is None else roles & limit
    return Actor(
        person_id=person.id,
        name=person.name,
        team_id=person.team_id,
        roles=roles,
        login=person.login,
        known_as=person.known_as,
        agent=row["agent"],
        beside=tuple(row["beside"]),
        scopes=tuple(tuple(scope) for scope in row["scopes"]),
        credential=row["credential"] or "",
        goes_on=True,
        door=row["door"],
    )
