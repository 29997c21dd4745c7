"""Whose is a run? How its person finds it, through a key or an agent too; nobody else learns that it exists."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, or_, select

from daeri.errors import NotFound, PermissionDenied
from daeri.records.actor import Actor, Effect
from daeri.records.prepared import Constant
from daeri.runs import conversations
from daeri.runs.journal import run
from daeri.runs.queueing import CARRIED
from daeri.wording import Text

_STATUS = Constant(
    select(run.c.status, run.c.agent, run.c.rank).where(
        run.c.id == bindparam("key"), run.c.person_id == bindparam("person"), conversations.is_kept()
    ),
    "key",
    "person",
)


def check_scope(actor: Actor, act: str, effect: Effect) -> None:
    """Refuse a key or an agent that may not handle runs.

    Raises:
        PermissionDenied: it may not.
    """
    if not actor.may_call(f"run.{act}", effect):
        raise PermissionDenied(Text("이 키로는 실행을 다룰 수 없어요", "This key may not handle runs"))


def own(actor: Actor) -> ColumnElement[bool]:
    """Return the condition that a run is the actor's; what is no agent's work they may watch through any agent."""
    mine = conversations.own(actor, run)
    carried = and_(run.c.person_id == actor.person_id, run.c.rank == CARRIED)
    return mine if actor.agent is None else or_(mine, carried)


def run_of(connection: Connection, actor: Actor, run_id: str, *, held: bool = False) -> Row[Any]:
    """Return a run of the actor's; `held` until the transaction ends.

    Raises:
        NotFound: there is none, or it is someone else's.
    """
    statement = select(run).where(run.c.id == run_id, own(actor), conversations.is_kept())
    row = connection.execute(statement.with_for_update() if held else statement).one_or_none()
    if row is None:
        raise _nothing()
    return row


def status_of(connection: Connection, actor: Actor, run_id: str) -> str:
    """Return where a run of the actor's stands; they are asked for it often, so by a statement of its own.

    Raises:
        NotFound: there is none, or it is someone else's.
    """
    row = _STATUS.one(connection, key=run_id, person=actor.person_id)
    if row is None or (actor.agent not in (None, row.agent) and row.rank < CARRIED):
        raise _nothing()
    return str(row.status)


def last_agent(connection: Connection, actor: Actor, session_id: str) -> str | None:
    """Return with whom a conversation was held last; None where there is no such conversation of this person."""
    mine = select(run.c.agent).where(run.c.session_id == session_id, own(actor))
    return connection.execute(mine.order_by(run.c.id.desc()).limit(1)).scalar_one_or_none()


def _nothing() -> NotFound:
    return NotFound(Text("그런 실행을 찾을 수 없어요", "No such run"))
