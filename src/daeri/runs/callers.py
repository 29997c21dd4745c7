"""Which run is meant when a caller asks for the same again, and is anybody still there to hear its answer?

Some name a request by a key of their own. OpenAI's libraries send it again when its connection breaks, and say which
attempt it is: such a request is known by its content and the credential that sent it, its first attempt begins a run,
and a later one belongs to the run whose caller was lost. A caller who leaves may come back by either, so the run goes
on for a while, but changes nothing meanwhile.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from daeri.clock import Clock
from daeri.errors import IdempotencyMismatch
from daeri.operations.company import Company
from daeri.operations.repeats import KEY_LIFE
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.prepared import Constant
from daeri.records.record import Instant
from daeri.records.store import Store, system
from daeri.runs import journal
from daeri.runs.journal import AT_WORK, PARKED, TERMINAL, run
from daeri.runs.ownership import check_scope, own, run_of
from daeri.runs.request import Attempt, Request, Terms

PATIENCE: Final = timedelta(seconds=30)
"""How long a run goes on without its caller; the libraries pause for eight seconds at most before they ask again."""
LOST_ON_ITS_WAY: Final = timedelta(minutes=15)
"""How long an answer that was sent may turn out to be lost: the libraries wait for one for ten minutes."""
FRESH: Final = timedelta(minutes=1)
"""The same for an answer of a run that changed nothing: to ask that anew is as good, and tells how things are now."""
CANDIDATES_MAX: Final = 20
NOBODY: Final = "nobody"
"""By whom a run is heard that was given up: its caller did not come back in time."""

caller = Table(
    "caller",
    system,
    Column("run_id", String(40), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("credential", String(60), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("heard_by", String(40), nullable=False),
    Column("left_at", Instant),
    Column("created_at", Instant, nullable=False),
)
Index("ix_caller_digest", caller.c.person_id, caller.c.digest)
Index("ix_caller_left", caller.c.left_at)

_COMES = Constant(
    update(caller)
    .where(caller.c.run_id == bindparam("key"))
    .values(attempt=bindparam("number"), heard_by=bindparam("by"), left_at=None),
    "key",
    "number",
    "by",
)
_KNOWN = ("run_id", "person_id", "credential", "digest", "attempt", "heard_by", "created_at")
_INSERT = Constant(insert(caller), *_KNOWN)
_HEARD = Constant(select(caller.c.left_at, caller.c.heard_by).where(caller.c.run_id == bindparam("key")), "key")

Acts = Callable[[str], bool]
"""Says whether what is called by a name may change anything."""


class Unattended(Exception):
    """A run is about to change something while nobody is there to hear of it."""


def begin(connection: Connection, run_id: str, actor: Actor, attempt: Attempt, at: datetime) -> None:
    """Note who asked for a run that begins."""
    whose: dict[str, Any] = {"person_id": actor.person_id, "credential": actor.credential, "digest": attempt.digest}
    _INSERT.run(connection, run_id=run_id, **whose, attempt=attempt.number, heard_by=attempt.id, created_at=at)


def come(connection: Connection, run_id: str, actor: Actor, attempt: Attempt, at: datetime) -> None:
    """Note who is there to hear of a run."""
    if not _COMES.run(connection, key=run_id, number=attempt.number, by=attempt.id):
        begin(connection, run_id, actor, attempt, at)


def leave(connection: Connection, row: Row[Any], attempt: Attempt, at: datetime) -> None:
    """Note that a run's caller was lost, unless a later attempt of theirs is there, or the run waits for people."""
    if row.status not in PARKED:
        here = caller.c.run_id == row.id, caller.c.heard_by == attempt.id
        connection.execute(update(caller).where(*here).values(left_at=at))


def stay(connection: Connection, run_id: str) -> None:
    """Forget that a run's caller was lost: its person has said what becomes of it."""
    connection.execute(update(caller).where(caller.c.run_id == run_id).values(left_at=None))


def is_away(connection: Connection, run_id: str) -> bool:
    """Say whether a run, or one that waits for it, has lost its caller."""
    waiting = [run_id, *(above for above, _ in journal.above(connection, run_id))]
    found = (_HEARD.one(connection, key=each) for each in waiting)
    return any(row is not None and row.left_at is not None for row in found)


def _asked_for(connection: Connection, actor: Actor, attempt: Attempt, at: datetime, acts: Acts) -> Row[Any] | None:
    """Return the run that an attempt asks for again; None where it is the first to arrive.

    That is one whose caller was lost just now, else one that is still at work, else one whose answer may have been
    lost; of several the newest. An attempt of the same number as one that was heard is another request. What its person
    deleted is among them: it is told of no more, but it is not done once more either.
    """
    mine = (
        caller.c.person_id == actor.person_id,
        caller.c.credential == actor.credential,
        caller.c.digest == attempt.digest,
        caller.c.attempt < attempt.number,
    )
    asked = select(run, caller.c.left_at, caller.c.heard_by).join(caller, caller.c.run_id == run.c.id)
    asked = asked.where(*mine, own(actor)).order_by(run.c.id.desc()).limit(CANDIDATES_MAX)
    found = [row for row in connection.execute(asked).all() if _stands(connection, row, at, acts)]
    return min(found, key=partial(_likely, at=at)) if found else None


def _likely(row: Row[Any], at: datetime) -> int:
    if row.left_at is not None and at - row.left_at < PATIENCE:
        return 0
    return 1 if row.status in AT_WORK else 2


def _stands(connection: Connection, row: Row[Any], at: datetime, acts: Acts) -> bool:
    """Say whether the answer of a run may still be asked for."""
    if row.status in AT_WORK:
        return True
    steps = journal.steps(connection, row.id)
    ended = row.finished_at or (steps[-1].at if steps else row.created_at)
    if _has_acted(steps, acts):
        return bool(at - ended < (LOST_ON_ITS_WAY if row.left_at is None else KEY_LIFE))
    return bool(at - ended < FRESH and row.heard_by != NOBODY)


def _was_given_up(connection: Connection, row: Row[Any], acts: Acts) -> bool:
    """Say whether a run ended because its caller was gone, and had changed nothing: it may be begun anew."""
    heard = _HEARD.one(connection, key=row.id)
    if heard is None or heard.heard_by != NOBODY:
        return False
    return not _has_acted(journal.steps(connection, row.id), acts)


def _has_acted(steps: Sequence[Row[Any]], acts: Acts) -> bool:
    return any(each.kind == "execute" and acts(each.name) for each in steps)


def gone(connection: Connection, now: datetime) -> list[str]:
    """Return the runs at work whose callers did not come back."""
    lost = select(run.c.id).join(caller, caller.c.run_id == run.c.id)
    lost = lost.where(caller.c.left_at < now - PATIENCE, run.c.status.in_(AT_WORK))
    return list(connection.execute(lost).scalars())


def end_gone(connection: Connection, now: datetime) -> list[str]:
    """Stop the runs whose callers did not come back, and what these have others do; return all of them."""
    ended: list[str] = []
    for run_id in gone(connection, now):
        held = journal.STATE_HELD.one(connection, key=run_id)
        if held is None or held.status not in AT_WORK:  # it ended by itself meanwhile, or waits for people
            continue
        row = journal.row(connection, run_id)
        ended += [run_id, *journal.asked_of(connection, run_id)]
        journal.stop(connection, run_id, now)
        connection.execute(update(caller).where(caller.c.run_id == run_id).values(heard_by=NOBODY))
        entry = audit.Entry.of(row.person_id, row.door, now, "run.cancel", run_id=run_id, detail={"caller": "gone"})
        audit.append(connection, entry)
    return ended


def forget(connection: Connection, now: datetime) -> None:
    """Drop what is known of callers for longer than a day, unless they were lost since."""
    before = now - KEY_LIFE
    is_old = caller.c.created_at < before, or_(caller.c.left_at.is_(None), caller.c.left_at < before)
    connection.execute(delete(caller).where(*is_old))


class Callers:
    """What the callers of runs ask for again, and that they leave and come back."""

    def __init__(self, company: Company, store: Store, clock: Clock) -> None:
        """Take the declarations, the database and the clock."""
        self._company = company
        self._store = store
        self._clock = clock

    def asked_before(self, connection: Connection, actor: Actor, request: Request) -> Row[Any] | None:
        """Return the run that the request asks for again, by its key or as an attempt of its client's."""
        attempt, now = request.terms.attempt, self._clock.now()
        if request.idempotency_key is not None:
            row = self._kept(connection, actor, request)
            if row is not None and _was_given_up(connection, row, self._acts):
                journal.change(connection, row.id, idempotency_key=None)
                row = None
        elif attempt is not None and attempt.number:
            row = _asked_for(connection, actor, attempt, now, self._acts)
        else:
            row = None
        if row is not None and attempt is not None:
            come(connection, row.id, actor, attempt, now)
        elif row is not None:  # by a door where nobody is lost who leaves: who comes may look for the answer later
            stay(connection, row.id)
        return row

    def _acts(self, name: str) -> bool:
        """Say whether what runs call by a name may change anything; of what is not known here, that it may."""
        operation = self._company.operations.get(name)
        return operation is None or operation.effect != "read" or name == journal.ASK

    @staticmethod
    def _kept(connection: Connection, actor: Actor, request: Request) -> Row[Any] | None:
        statement = select(journal.run).where(
            journal.run.c.person_id == actor.person_id, journal.run.c.idempotency_key == request.idempotency_key
        )
        row = connection.execute(statement).one_or_none()
        asked = request.text, request.agent, request.terms
        if row is not None and (row.input, row.agent, Terms.of(row.terms)) != asked:
            raise IdempotencyMismatch
        return row

    async def leave(self, actor: Actor, run_id: str, attempt: Attempt) -> None:
        """Note that the caller of a run was lost who may come back by another attempt; if nobody does, it is stopped.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        check_scope(actor, "cancel", "write")

        def note(connection: Connection) -> None:
            leave(connection, run_of(connection, actor, run_id, held=True), attempt, self._clock.now())

        await self._store.write(note)

    async def come_back(self, actor: Actor, run_id: str) -> None:
        """Let a run go on whose caller was lost: its person has come for what it says.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        check_scope(actor, "get", "read")

        def look(connection: Connection) -> bool:
            is_over = run_of(connection, actor, run_id).status in TERMINAL
            return not is_over and is_away(connection, run_id)

        if await self._store.read(look):
            await self._store.write(partial(stay, run_id=run_id))
