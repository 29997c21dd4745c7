"""Is whoever acts still who they were when their request came in? Read again inside the transaction that acts.

Between a request's first look at a credential and the instant at which it acts lies a wait for the database, and for an
agent a whole piece of work. What was taken away meanwhile is gone: the account, the key or session, the roles.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from daeri.errors import NotFound, PermissionDenied
from daeri.records.actor import Actor
from daeri.records.people import People, Someone
from daeri.records.standing import check_in_use


def narrowed(actor: Actor, person: Someone) -> Actor:
    """Return an actor with those of their roles that the person still holds; what was given since waits for a request.

    Daeri itself, setting a company up, is nobody in the books.
    """
    if actor.everything or actor.roles <= person.roles:
        return actor
    return replace(actor, roles=actor.roles & person.roles)


def still(connection: Connection, people: People, actor: Actor, now: datetime) -> Actor:
    """Return an actor as they stand at this instant.

    Raises:
        PermissionDenied: the person left, or the account or the credential is not in use any more (KeyRevoked for
            work that goes on).
    """
    if actor.everything:
        return actor
    try:
        person = people.one(connection, actor.person_id)
    except NotFound:
        raise PermissionDenied from None
    if person.left:
        raise PermissionDenied
    check_in_use(connection, actor, now)
    return narrowed(actor, person)
