"""Which requests belong together? Conversations of a person: titles, search, forks; each turn is a run.

A request joins a conversation, or begins one that is called by its words. What was asked again in other words leaves
the context and stays in the history. Nobody but its person learns that a conversation exists.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    and_,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from ulid import ULID

from daeri.clock import Clock, rfc3339
from daeri.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations.company import Company
from daeri.records import audit
from daeri.records.actor import Actor, Effect
from daeri.records.prepared import Constant
from daeri.records.record import Instant
from daeri.records.store import Store, system
from daeri.runs import journal
from daeri.runs.journal import AT_WORK, run
from daeri.runs.queueing import HOLDS_UP
from daeri.wording import Lang, Text, normal

TITLE_MAX: Final = 100
TITLE_MADE: Final = 40
"""Characters of a request that become its conversation's title."""
LIST_MAX: Final = 100
WORDS_MAX: Final = 8
"""Words of a search that are looked for."""
COPIED_MAX: Final = 100
"""Turns that a fork begins with."""
EXCERPT: Final = 120
"""Characters shown of a turn that a search found."""

conversation = Table(
    "conversation",
    system,
    Column("id", String(40), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("agent", String(100), nullable=False),
    Column("title", String(TITLE_MAX), nullable=False),
    Column("forked_from", String(40)),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),
    Column("deleted_at", Instant),
)
Index("ix_conversation_person", conversation.c.person_id, conversation.c.used_at)

_BEGIN = Constant(insert(conversation), "id", "person_id", "agent", "title", "created_at", "used_at")


def title_of(words: str) -> str:
    """Return what a conversation is called that begins with these words: their first line, cut between words."""
    line = " ".join(next(filter(None, map(str.strip, words.splitlines())), "").split())
    if len(line) <= TITLE_MADE:
        return line
    cut = line[:TITLE_MADE]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut else cut}…"


def begin(connection: Connection, actor: Actor, agent: str, words: str, at: datetime) -> str:
    """Begin a conversation; return its id."""
    session_id = f"ses_{ULID()}"
    values = {"person_id": actor.person_id, "agent": agent, "title": title_of(words), "created_at": at, "used_at": at}
    _BEGIN.run(connection, id=session_id, **values)
    return session_id


def own(actor: Actor, table: Table) -> ColumnElement[bool]:
    """Return the condition that a run or a conversation is the actor's: through an agent only those with that agent."""
    mine: ColumnElement[bool] = table.c.person_id == actor.person_id
    return mine if actor.agent is None else and_(mine, table.c.agent == actor.agent)


def join(connection: Connection, actor: Actor, session_id: str, at: datetime) -> None:
    """Note that a conversation goes on.

    Raises:
        NotFound: there is none, it was deleted, or it is someone else's.
    """
    mine = conversation.c.id == session_id, own(actor, conversation)
    going_on = update(conversation).where(*mine, conversation.c.deleted_at.is_(None)).values(used_at=at)
    if not connection.execute(going_on).rowcount:
        raise _nothing()


def is_kept() -> ColumnElement[bool]:
    """Return the condition that the conversation of a run was not deleted."""
    deleted = conversation.c.id == run.c.session_id, conversation.c.deleted_at.is_not(None)
    return ~select(conversation.c.id).where(*deleted).exists()


def replace_from(connection: Connection, first: Row[Any], by: str, at: datetime) -> list[str]:
    """Take a turn and all after it out of the context, as it is asked again `by` another run; stop what still works.

    Returns the runs that were stopped. What waits for an approval goes on waiting: people have it before them.

    Raises:
        Conflict: the turn has left the context before.
    """
    if first.replaced_by is not None:
        raise Conflict(Text("이미 고쳐서 다시 물은 요청이에요", "It was asked again in other words before"))
    later = and_(run.c.session_id == first.session_id, run.c.id >= first.id, run.c.replaced_by.is_(None))
    connection.execute(update(run).where(later).values(replaced_by=by))
    return _stop(connection, run.c.replaced_by == by, at)


def give_way(connection: Connection, session_id: str, at: datetime, *, cancel: bool) -> list[str]:
    """Let a new request go first: stop what a conversation is at, or refuse the new one. Returns what was stopped.

    Raises:
        Conflict: something is at work and is not to be cancelled.
    """
    if cancel:
        return _stop(connection, run.c.session_id == session_id, at)
    busy = run.c.session_id == session_id, HOLDS_UP
    if connection.execute(select(run.c.id).where(*busy).limit(1)).one_or_none() is not None:
        raise Conflict(Text("앞의 요청에 아직 답하고 있어요", "The request before this one is still at work"))
    return []


def _hide_asked(connection: Connection, session_id: str, at: datetime) -> None:
    """Delete what the runs of a conversation had other agents do: each is a conversation that was never listed."""
    turns = connection.execute(select(run.c.id).where(run.c.session_id == session_id)).scalars().all()
    asked = [each for turn in turns for each in journal.asked_of(connection, turn, ended=True)]
    for row in connection.execute(select(run).where(run.c.id.in_(asked))).all():
        values = {"id": row.session_id, "person_id": row.person_id, "agent": row.agent, "title": title_of(row.input)}
        connection.execute(insert(conversation).values(created_at=row.created_at, used_at=at, deleted_at=at, **values))


def _stop(connection: Connection, which: ColumnElement[bool], at: datetime) -> list[str]:
    """Stop what is at work or waits for its caller, with what it had other agents begin; return all of that."""
    goes_on = run.c.status.in_((*AT_WORK, "waiting_input"))
    going_on = select(run.c.id, run.c.epoch).where(which, goes_on).with_for_update()
    stopped = []
    for row in connection.execute(going_on).all():
        stopped += [row.id, *journal.asked_of(connection, row.id)]
        connection.execute(update(run).where(run.c.id == row.id).values(epoch=row.epoch + 1))
        journal.finish(connection, row.id, "cancelled", at)
    return stopped


class Conversations:
    """The conversations of people with a company's agents."""

    def __init__(self, company: Company, store: Store, clock: Clock, stopped: Callable[[str], None]) -> None:
        """Take the declarations, the database, the clock, and who is told of runs that were stopped."""
        self._company = company
        self._store = store
        self._clock = clock
        self._stopped = stopped

    async def page(
        self, actor: Actor, *, search: str = "", limit: int = 20, cursor: str | None = None, lang: Lang = "ko"
    ) -> dict[str, Any]:
        """Return one page of the person's conversations, the last used first.

        Args:
            actor: the person.
            search: words that their titles, requests or answers hold, every one of them.
            limit: how many.
            cursor: where the page before ended.
            lang: the language of labels.

        Raises:
            ValidationFailed: the cursor is none of ours.
        """
        _within_scope(actor, "list", "read")
        limit = max(1, min(limit, LIST_MAX))
        words = normal(search).split()[:WORDS_MAX]
        statement = select(conversation).where(self._mine(actor), *map(_holds, words))
        if cursor is not None:
            key = tuple_(conversation.c.used_at, conversation.c.id)
            statement = statement.where(key < tuple_(*_position(cursor)))
        newest_first = conversation.c.used_at.desc(), conversation.c.id.desc()

        def look(connection: Connection) -> dict[str, Any]:
            rows = connection.execute(statement.order_by(*newest_first).limit(limit + 1)).all()
            found, more = rows[:limit], len(rows) > limit
            data = [self._body(connection, row, lang, words) for row in found]
            return {"data": data, "next_cursor": _cursor(found[-1]) if more else None, "has_more": more}

        return await self._store.read(look)

    async def get(self, actor: Actor, session_id: str, lang: Lang = "ko") -> dict[str, Any]:
        """Return a conversation.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        _within_scope(actor, "get", "read")
        return await self._store.read(
            lambda connection: self._body(connection, self._row(connection, actor, session_id), lang)
        )

    async def rename(self, actor: Actor, session_id: str, title: str, lang: Lang = "ko") -> dict[str, Any]:
        """Call a conversation otherwise.

        Raises:
            NotFound: there is none, or it is someone else's.
            ValidationFailed: the title is empty or too long.
        """
        _within_scope(actor, "rename", "write")
        wanted = " ".join(normal(title).split())
        if not 0 < len(wanted) <= TITLE_MAX:
            raise ValidationFailed(
                Text(f"제목은 1~{TITLE_MAX}자로 적어 주세요", f"A title has 1 to {TITLE_MAX} characters"),
                errors=[FieldError("/title", f"1 to {TITLE_MAX} characters")],
            )

        def change(connection: Connection) -> dict[str, Any]:
            self._row(connection, actor, session_id)
            connection.execute(update(conversation).where(conversation.c.id == session_id).values(title=wanted))
            self._audit(connection, actor, "rename", session_id)
            return self._body(connection, self._row(connection, actor, session_id), lang)

        return await self._store.write(change)

    async def delete(self, actor: Actor, session_id: str) -> None:
        """Delete a conversation for its person: neither it nor its runs are found again; what still works is stopped.

        The rows stay for the audit and for documents that were filed; those stay with their approvers.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        _within_scope(actor, "delete", "write")

        def delete(connection: Connection) -> list[str]:
            self._row(connection, actor, session_id)
            now = self._clock.now()
            stopped = _stop(connection, run.c.session_id == session_id, now)
            connection.execute(update(conversation).where(conversation.c.id == session_id).values(deleted_at=now))
            _hide_asked(connection, session_id, now)
            self._audit(connection, actor, "delete", session_id)
            return stopped

        for run_id in await self._store.write(delete):
            self._stopped(run_id)

    async def fork(self, actor: Actor, session_id: str, until: str | None = None, lang: Lang = "ko") -> dict[str, Any]:
        """Begin a conversation with a copy of the answered turns of another one, up to the run `until`.

        Raises:
            NotFound: there is no such conversation, no such run in it, or it is someone else's.
        """
        _within_scope(actor, "fork", "write")

        def copy(connection: Connection) -> dict[str, Any]:
            origin = self._row(connection, actor, session_id)
            turns = _turns(connection, session_id, until)
            now, fork = self._clock.now(), f"ses_{ULID()}"
            values = {"id": fork, "title": origin.title, "forked_from": session_id, "created_at": now, "used_at": now}
            connection.execute(insert(conversation).values(person_id=actor.person_id, agent=origin.agent, **values))
            for copied, turn in zip(sorted(f"run_{ULID()}" for _ in turns), turns, strict=True):
                _copy(connection, turn, copied, fork, now)
            self._audit(connection, actor, "fork", fork)
            return self._body(connection, self._row(connection, actor, fork), lang)

        return await self._store.write(copy)

    @staticmethod
    def _mine(actor: Actor) -> ColumnElement[bool]:
        return and_(own(actor, conversation), conversation.c.deleted_at.is_(None))

    def _row(self, connection: Connection, actor: Actor, session_id: str) -> Row[Any]:
        mine = select(conversation).where(self._mine(actor), conversation.c.id == session_id)
        row = connection.execute(mine).one_or_none()
        if row is None:
            raise _nothing()
        return row

    def _body(self, connection: Connection, row: Row[Any], lang: Lang, words: Sequence[str] = ()) -> dict[str, Any]:
        count = select(func.count()).where(run.c.session_id == row.id, run.c.replaced_by.is_(None))
        return {
            "session_id": row.id,
            "title": row.title,
            "agent": row.agent,
            "agent_label": self._company.agent_label(row.agent, lang),
            "turns": connection.execute(count).scalar_one(),
            "forked_from": row.forked_from,
            "created_at": rfc3339(row.created_at),
            "used_at": rfc3339(row.used_at),
            "found": _found(connection, row.id, words),
        }

    def _audit(self, connection: Connection, actor: Actor, act: str, session_id: str) -> None:
        entry = audit.Entry.by(actor, self._clock.now(), f"conversation.{act}", detail={"session_id": session_id})
        audit.append(connection, entry)


def _turns(connection: Connection, session_id: str, until: str | None) -> Sequence[Row[Any]]:
    """Return the answered turns of a conversation that are in its context, up to a run, oldest first."""
    answered = select(run).where(run.c.session_id == session_id, run.c.status == "succeeded")
    answered = answered.where(run.c.replaced_by.is_(None))
    if until is not None:
        there = select(run.c.id).where(run.c.id == until, run.c.session_id == session_id)
        if connection.execute(there).one_or_none() is None:
            raise NotFound(Text("그런 실행을 찾을 수 없어요", "No such run"))
        answered = answered.where(run.c.id <= until)
    return connection.execute(answered.order_by(run.c.id.desc()).limit(COPIED_MAX)).all()[::-1]


def _copy(connection: Connection, turn: Row[Any], run_id: str, session_id: str, at: datetime) -> None:
    """Write an answered turn once more, in another conversation; it is not work, so it has no steps and no costs."""
    same = ("person_id", "agent", "scopes", "door", "lang", "input", "choices", "citations", "created_at")
    values = {name: getattr(turn, name) for name in same}
    values |= {"id": run_id, "session_id": session_id, "copied_from": turn.id}
    values["usage"] = {name: turn.usage[name] for name in ("classes", "held") if name in (turn.usage or {})}
    journal.begin(connection, **values)
    told = {"input": turn.input, "agent": turn.agent, "copied_from": turn.id}
    said = {"text": turn.answer, "choices": turn.choices}
    journal.emit(connection, run_id, at, ("run.started", told), ("message.completed", said))
    journal.finish(connection, run_id, "succeeded", at, answer=turn.answer)
    journal.change(connection, run_id, finished_at=turn.finished_at)


def _holds(word: str) -> ColumnElement[bool]:
    """Return the condition that a conversation holds a word: in its title, a request or an answer."""
    spoken = select(run.c.id).where(run.c.session_id == conversation.c.id, _says(word))
    return or_(conversation.c.title.icontains(word, autoescape=True), spoken.exists())


def _says(word: str) -> ColumnElement[bool]:
    return or_(run.c.input.icontains(word, autoescape=True), run.c.answer.icontains(word, autoescape=True))


def _found(connection: Connection, session_id: str, words: Sequence[str]) -> dict[str, str] | None:
    """Return the newest turn that holds one of the words, with the text around it; None where only the title does."""
    if not words:
        return None
    turns = select(run.c.id, run.c.input, run.c.answer).where(run.c.session_id == session_id, or_(*map(_says, words)))
    turn = connection.execute(turns.order_by(run.c.id.desc()).limit(1)).one_or_none()
    if turn is None:
        return None
    texts = [turn.input, turn.answer or ""]
    places = [(text, text.casefold().find(word.casefold())) for word in words for text in texts]
    text, at = next(((text, at) for text, at in places if at >= 0), (turn.input, 0))
    first = max(0, at - EXCERPT // 3)
    cut = " ".join(text[first : first + EXCERPT].split())
    return {"run_id": turn.id, "text": f"{'…' if first else ''}{cut}{'…' if first + EXCERPT < len(text) else ''}"}


def _cursor(row: Row[Any]) -> str:
    return f"{row.used_at.isoformat()}~{row.id}"


def _position(cursor: str) -> tuple[datetime, str]:
    at, _, session_id = cursor.partition("~")
    try:
        used_at = datetime.fromisoformat(at)
    except ValueError:
        used_at = None
    if used_at is None or used_at.tzinfo is None:
        raise ValidationFailed(errors=[FieldError("/cursor", Text("이 목록의 커서가 아니에요", "not of this list"))])
    return used_at, session_id


def _within_scope(actor: Actor, act: str, effect: Effect) -> None:
    if not actor.may_call(f"conversation.{act}", effect):
        raise PermissionDenied(Text("이 키로는 대화를 다룰 수 없어요", "This key may not handle conversations"))


def _nothing() -> NotFound:
    return NotFound(Text("그런 대화를 찾을 수 없어요", "No such conversation"))
