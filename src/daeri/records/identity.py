"""Who is it? How accounts, API keys and sign-in sessions become actors.

A person's roles and team are read at each request, or known not to have changed since, so a change takes hold at once.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any, Protocol, cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Connection, Row, Select, Table, and_, bindparam, insert, select, update
from sqlalchemy.sql import visitors
from ulid import ULID

from daeri.clock import Clock
from daeri.errors import KeyRevoked, NotFound, PermissionDenied, RateLimited, Unauthenticated
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.people import People, known_as, person_body
from daeri.records.prepared import Constant
from daeri.records.standing import (
    account,
    api_key,
    ends_of,
    hash_of,
    is_over,
    root_of,
    session,
    session_name,
)
from daeri.records.store import Store
from daeri.wording import Lang, Text

TRIES_MAX = 5
TRIES_FORGOTTEN = timedelta(minutes=5)
"""Wrong passwords for one id in this time; then it waits. Slow enough for guessers, short enough for the forgetful."""
LOGINS_REMEMBERED = 10_000
SESSION_LIFE = timedelta(hours=12)
"""A working day: long enough not to interrupt it, short enough that a forgotten screen ends by itself."""

USE_NOTED = timedelta(minutes=1)
"""How exact the last use of a key is; noting each would turn every read into a write."""

Narrow = Callable[[Actor, str], Actor]
"""Cuts a person's authority down to what an agent may use of it."""

_BAD_KEY = Text("알 수 없거나 끝난 API 키예요", "The API key is unknown or has ended")
_BAD_LOGIN = Text("아이디나 비밀번호를 확인해 주세요", "Check the id or the password")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only moment its secret is known.

    Attributes:
        ends: when it ends, by itself or with what it is made from.
    """

    id: str
    secret: str
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a key is made from, and so never exceeds.

    Attributes:
        agent: the agent that acts by it for its person.
        limits: the scopes of whoever made it.
        parent: the key it was made by; it ends with it.
        lent_to: the agent's own key, if it showed one; it ends with that too.
        audience: the one door that it opens; None = all.
        ends: when what it is made from ends, where no key says so.
    """

    agent: str | None = None
    limits: Sequence[Sequence[str]] = ()
    parent: str | None = None
    prefix: str = "dk_live_"
    lent_to: str | None = None
    audience: str | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a session stands for, and when it ends by itself."""

    actor: Actor
    ends: datetime


class Hot(Protocol):
    """Where it is kept for some seconds for whom a session stands, as long as nothing of what says so is changed."""

    async def look(self, name: str, read: Callable[[], Awaitable[SignedIn]]) -> SignedIn:
        """Return what is kept under a name, else what `read` returns.

        Raises:
            Unauthenticated: as `read` does.
        """


class Identity:
    """Turns credentials into actors.

    Attributes:
        hot: where sessions are kept hot, if they are.
    """

    def __init__(self, store: Store, people: People, clock: Clock, *, demo: bool, narrow: Narrow | None = None) -> None:
        """Take the store, the organisation chart, whether demo sign-in is allowed, and what an agent may use."""
        self.hot: Hot | None = None
        self._store = store
        self._narrow = narrow
        self._people = people
        self._clock = clock
        self._demo = demo
        self._hasher = PasswordHasher()
        self._tries: dict[str, list[datetime]] = {}
        keyed = (
            api_key.c.id.label("credential"),
            api_key.c.expires_at,
            api_key.c.revoked_at.label("ended_at"),
            api_key.c.scopes,
            api_key.c.decides,
            api_key.c.agent,
            api_key.c.limits,
            api_key.c.parent,
            api_key.c.lent_to,
            api_key.c.audience,
            api_key.c.prefix,
            api_key.c.last_used_at,
        )
        self._by_key = Constant(_credential(people, api_key, *keyed), "hash")
        self._by_session = Constant(_session(people), "hash")
        person = people.person.__table__.c
        by_person = _joined(people).where(person.id == bindparam("person"))
        self._by_person = Constant(by_person, "person")
        self._by_person_and_key = Constant(_with_key(people, *keyed), "person", "key")
        self._hashing = asyncio.Semaphore(2)

    async def actor_of_key(self, key: str, door: str) -> Actor:
        """Return the actor behind an API key.

        Raises:
            Unauthenticated: unknown, expired, revoked, made for another door, or its person has left.
        """

        def find(connection: Connection) -> tuple[Any, str]:
            row = self._by_key.one(connection, hash=hash_of(key))
            if row is None or is_over(connection, row, self._clock.now()) or row.audience not in (None, door):
                raise Unauthenticated(_BAD_KEY)
            return row, root_of(connection, row)

        row, root = await self._store.read(find)
        limits = [*(row.limits or ()), *([row.scopes] if row.scopes is not None else [])]
        scopes = tuple(tuple(limit) for limit in limits)
        actor = _actor_of(row, door, scopes=scopes, decides=row.decides, credential=row.credential, root=root)
        await self._note_use(row)
        return actor if row.agent is None else self.narrowed(actor, row.agent)

    def narrowed(self, actor: Actor, agent: str) -> Actor:
        """Return a person's authority as an agent may use it.

        Raises:
            NotFound: there is no such agent.
        """
        if self._narrow is None:
            raise NotFound
        return self._narrow(actor, agent)

    async def actor_of_session(self, token: str, *, reads: bool = False) -> Actor:
        """Return the actor of a signed-in browser.

        Args:
            token: what the browser shows.
            reads: nothing can be changed by the request; whatever changes something looks at the session itself.

        Raises:
            Unauthenticated: unknown or ended session, or its person has left.
        """
        hashed = hash_of(token)
        read = partial(self._store.read, partial(self._signed_in, hashed=hashed))
        signed_in = await (self.hot.look(hashed, read) if reads and self.hot is not None else read())
        if self._is_over(signed_in.ends):
            raise Unauthenticated
        return signed_in.actor

    def _signed_in(self, connection: Connection, hashed: str) -> SignedIn:
        row = self._by_session.one(connection, hash=hashed)
        if row is None or row.ended_at is not None:
            raise Unauthenticated
        return SignedIn(_actor_of(row, "web", decides=True, credential=session_name(hashed)), row.expires_at)

    @property
    def made_of(self) -> frozenset[Table]:
        """The tables that decide for whom a session stands: whoever keeps that has to know when they change."""
        found = {part for part in visitors.iterate(_session(self._people)) if isinstance(part, Table)}
        to_follow = list(found)
        while to_follow:  # a key may carry a change along, over several tables
            keys = [key for key in to_follow.pop().foreign_keys if key.ondelete or key.onupdate]
            further = {key.column.table for key in keys} - found
            found |= further
            to_follow += further
        return frozenset(found)

    async def _note_use(self, row: Any) -> None:
        now = self._clock.now()
        if row.last_used_at is None or now - row.last_used_at >= USE_NOTED:
            statement = update(api_key).where(api_key.c.id == row.credential).values(last_used_at=now)
            await self._store.write(lambda connection: connection.execute(statement))

    async def actor_of_person(
        self, person_id: int, door: str, scopes: tuple[tuple[str, ...], ...] = (), key: str | None = None
    ) -> Actor:
        """Return a person's present authority, for work that goes on without them (runs, schedules).

        Raises:
            Unauthenticated: the person has left, or their account is switched off.
            KeyRevoked: the `key` that the work was asked with was revoked; that it ended by itself does not matter.
        """

        def find(connection: Connection) -> Actor:
            if key is None:
                return self._actor(connection, person_id, door, scopes=scopes)
            row = self._by_person_and_key.one(connection, person=person_id, key=key)
            if row is None:
                raise NotFound
            if row.credential is None or is_over(connection, row, None):
                raise KeyRevoked
            more = {"credential": key, "root": root_of(connection, row), "goes_on": True}
            return _actor_of(row, door, scopes=scopes, **more)

        return await self._store.read(find)

    async def sign_in(self, login: str, password: str) -> tuple[str, Actor]:
        """Check a password and start a session; return its token and the actor.

        Raises:
            Unauthenticated: never says which of id and password was wrong.
            RateLimited: too many wrong passwords for this id; says how long to wait.
        """
        self._check_tries(login)
        row = await self._store.read(
            lambda connection: connection.execute(select(account).where(account.c.login == login)).one_or_none()
        )
        known = row.password_hash if row and row.disabled_at is None and row.password_hash else None
        async with self._hashing:
            matches = await asyncio.to_thread(self._matches, known, password)
        if row is None or not matches:
            self._tries.setdefault(login, []).append(self._clock.now())
            tried = {"login": login} if row is not None else {}  # what nobody is called may be somebody's password
            await self._store.write(lambda connection: self._audit(connection, 0, "session.start", "refused", tried))
            raise Unauthenticated(_BAD_LOGIN)
        self._tries.pop(login, None)
        return await self._start_session(row.person_id, "password")

    async def sign_in_demo(self, login: str) -> tuple[str, Actor]:
        """Start a session for a demo account without a password.

        Raises:
            PermissionDenied: this server is not a demo.
            NotFound: no such demo account.
        """
        if not self._demo:
            raise PermissionDenied(Text("데모 서버가 아니에요", "This is not a demo server"))
        row = await self._store.read(
            lambda connection: connection.execute(
                select(account).where(account.c.login == login, account.c.demo)
            ).one_or_none()
        )
        if row is None:
            raise NotFound
        return await self._start_session(row.person_id, "demo")

    async def actor_of_login(self, subject: str, login: str, door: str, **more: Any) -> Actor:
        """Return the actor of an account whose person another provider has proved.

        Args:
            subject: who it is to the provider; an account that is bound to someone else there is not theirs.
            login: the account.
            door: the protocol.
            more: the scopes and the name of the credential.

        Raises:
            Unauthenticated: there is no such account, it is bound to another, or its person has left.
        """

        def find(connection: Connection) -> Actor:
            row = self._bound(connection, subject, login)
            return self._actor(connection, row.person_id, door, **more)

        return await self._store.read(find)

    async def sign_in_by(
        self, subject: str, login: str, roles: tuple[frozenset[str], frozenset[str]] | None
    ) -> tuple[str, Actor]:
        """Start a session for whom another provider has proved; bind the account to them the first time.

        Args:
            subject: who it is to the provider.
            login: the account.
            roles: which roles follow the provider and which of these it gives; the others stay as they are.

        Raises:
            Unauthenticated: there is no such account, it is bound to another, or its person has left.
        """

        def bind(connection: Connection) -> int:
            row = self._bound(connection, subject, login)
            if row.subject is None:
                connection.execute(update(account).where(account.c.login == row.login).values(subject=subject))
                self._audit(connection, row.person_id, "account.bind", detail={"subject": subject[:200]})
            if roles is not None and not self._people.person.__adopted__:
                self._follow(connection, row.person_id, *roles)
            return int(row.person_id)

        try:
            person_id = await self._store.write(bind)
        except Unauthenticated:
            tried = {"login": login[:64].encode(errors="replace").decode(), "by": "oidc"}
            await self._store.write(lambda connection: self._audit(connection, 0, "session.start", "refused", tried))
            raise
        return await self._start_session(person_id, "oidc")

    @staticmethod
    def _bound(connection: Connection, subject: str, login: str) -> Row[Any]:
        """Return the account of a subject; one that is not bound yet goes by its login."""
        row = connection.execute(select(account).where(account.c.subject == subject)).one_or_none()
        if row is None:
            free = select(account).where(account.c.login == login, account.c.subject.is_(None))
            row = connection.execute(free).one_or_none()
        if row is None or row.disabled_at is not None:
            raise Unauthenticated(Text("이 서버에 계정이 없어요", "There is no account on this server"))
        return row

    def _follow(self, connection: Connection, person_id: int, managed: frozenset[str], given: frozenset[str]) -> None:
        """Give a person the roles that the provider gives, and take those that it no longer does."""
        person = cast("Table", self._people.person.__table__)
        before = frozenset(
            connection.execute(select(person.c.roles).where(person.c.id == person_id)).scalar_one() or ()
        )
        after = (before - managed) | given
        if after != before:
            values = {"roles": sorted(after), "version": person.c.version + 1}
            connection.execute(update(person).where(person.c.id == person_id).values(**values))
            told = {"before": sorted(before), "after": sorted(after)}
            self._audit(connection, person_id, audit.ROLES_FOLLOW, detail=told)

    async def sign_out(self, token: str) -> None:
        """End a session; unknown ones are ignored."""
        ended = self._clock.now()

        def end(connection: Connection) -> None:
            row = connection.execute(select(session).where(session.c.hash == hash_of(token))).one_or_none()
            if row is not None and row.ended_at is None:
                connection.execute(update(session).where(session.c.hash == row.hash).values(ended_at=ended))
                self._audit(connection, row.person_id, "session.end")

        await self._store.write(end)

    async def demo_people(self) -> list[dict[str, Any]]:
        """Return the demo accounts with their logins; none unless this is a demo server."""
        if not self._demo:
            return []

        def find(connection: Connection) -> list[dict[str, Any]]:
            rows = connection.execute(select(account).where(account.c.demo).order_by(account.c.created_at)).all()
            people = self._people.many(connection, [row.person_id for row in rows])
            return [person_body(people[row.person_id]) | {"login": row.login} for row in rows]

        return await self._store.read(find)

    async def me(self, actor: Actor, lang: Lang) -> dict[str, Any]:
        """Return who the actor is, as `GET /v1/me` tells it."""
        person = await self._store.read(lambda connection: self._people.one(connection, actor.person_id))
        return {
            "person": person_body(person),
            "login": actor.login,
            "roles": sorted(actor.roles),
            "agent": actor.agent,
            "scopes": [list(scope) for scope in actor.scopes] or None,
            "decides": actor.decides,
            "lang": lang,
        }

    async def add_account(self, login: str, person_id: int, *, password: str | None = None, demo: bool = False) -> None:
        """Let a person sign in; a demo account needs no password and works on demo servers only."""
        hashed = await asyncio.to_thread(self._hasher.hash, password) if password else None
        row = {"login": login, "person_id": person_id, "password_hash": hashed, "demo": demo}
        row["created_at"] = self._clock.now()

        def add(connection: Connection) -> None:
            connection.execute(insert(account).values(**row))
            self._audit(connection, person_id, "account.add")

        await self._store.write(add)

    async def add_key(
        self,
        person_id: int,
        name: str,
        *,
        decides: bool,
        scopes: list[str] | None = None,
        life: timedelta | None = None,
        made_from: "Origin | None" = None,
    ) -> NewKey:
        """Make an API key that acts as a person, within `scopes`; the secret is shown this once."""
        made_from = made_from or Origin()
        secret = f"{made_from.prefix}{secrets.token_urlsafe(32)}"
        now = self._clock.now()
        row = {
            "id": f"key_{ULID()}",
            "hash": hash_of(secret),
            "prefix": secret[:12],
            "person_id": person_id,
            "name": name,
            "scopes": scopes,
            "decides": decides,
            "created_at": now,
            "agent": made_from.agent,
            "limits": [list(limit) for limit in made_from.limits] or None,
            "parent": made_from.parent,
            "lent_to": made_from.lent_to,
            "audience": made_from.audience,
        }

        def add(connection: Connection) -> datetime | None:
            above = ends_of(connection, made_from.parent, made_from.lent_to)
            ends = min(filter(None, (now + life if life else None, made_from.ends, *above)), default=None)
            connection.execute(insert(api_key).values(expires_at=ends, **row))
            self._audit(connection, person_id, "key.add", detail={"key": row["id"], "agent": made_from.agent})
            return ends

        return NewKey(str(row["id"]), secret, await self._store.write(add))

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("no such account")

    async def _start_session(self, person_id: int, how: str) -> tuple[str, Actor]:
        token = secrets.token_urlsafe(32)
        now = self._clock.now()

        def start(connection: Connection) -> Actor:
            credential = session_name(hash_of(token))
            actor = self._actor(connection, person_id, "web", decides=True, credential=credential)
            values = {"person_id": person_id, "created_at": now, "expires_at": now + SESSION_LIFE, "how": how}
            values["id"] = f"sig_{ULID()}"
            connection.execute(insert(session).values(hash=hash_of(token), **values))
            self._audit(connection, person_id, "session.start")
            return actor

        return token, await self._store.write(start)

    def _check_tries(self, login: str) -> None:
        """Refuse a guesser for a while; what is remembered is bounded, and lost with the process on purpose."""
        since = self._clock.now() - TRIES_FORGOTTEN
        recent = [tried for tried in self._tries.get(login, ()) if tried > since]
        if len(recent) >= TRIES_MAX:
            seconds = max(1, round((recent[-TRIES_MAX] - since).total_seconds()))
            raise RateLimited(
                Text(
                    f"비밀번호가 여러 번 틀렸어요. {seconds}초 뒤에 다시 해 주세요",
                    f"Too many wrong passwords; wait {seconds} s",
                ),
                extra={"retry_after": seconds},
            )
        if len(self._tries) > LOGINS_REMEMBERED:
            self._tries.clear()
        if recent:
            self._tries[login] = recent
        else:
            self._tries.pop(login, None)

    def _audit(
        self,
        connection: Connection,
        person_id: int,
        action: str,
        outcome: str = "done",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        told = {"people": [person_id], **(detail or {})} if person_id else detail or {}
        entry = audit.Entry.of(person_id, "identity", self._clock.now(), action, outcome=outcome, detail=told)
        audit.append(connection, entry)

    def _actor(self, connection: Connection, person_id: int, door: str, **more: Any) -> Actor:
        row = self._by_person.one(connection, person=person_id)
        if row is None:
            raise NotFound
        return _actor_of(row, door, **more)

    def _is_over(self, expires_at: datetime | None) -> bool:
        return expires_at is not None and expires_at <= self._clock.now()

    def _matches(self, known: str | None, password: str) -> bool:
        """Compare in the same time whether or not the account exists."""
        try:
            return self._hasher.verify(known or self._nobody, password) and known is not None
        except (VerifyMismatchError, InvalidHashError):
            return False


def _joined(people: People, *more: Any) -> Select[Any]:
    """Select a person with whether their account is in use: all that an actor is made of, in one statement."""
    person = people.person.__table__
    columns = person.c
    return select(
        columns.id,
        columns.name,
        columns.team_id,
        columns.roles,
        columns.login,
        columns.left_on,
        account.c.disabled_at,
        known_as(people.person).label("known_as"),
        *more,
    ).select_from(person.outerjoin(account, account.c.person_id == columns.id))


def _credential(people: People, table: Table, *more: Any) -> Select[Any]:
    """Select what a key or a session stands for, by its hash."""
    person = people.person.__table__.c
    statement = _joined(people, *more).join_from(people.person.__table__, table, table.c.person_id == person.id)
    return statement.where(table.c.hash == bindparam("hash"))


def _session(people: People) -> Select[Any]:
    """Select what a session stands for, by its hash."""
    return _credential(people, session, session.c.expires_at, session.c.ended_at)


def _with_key(people: People, *keyed: Any) -> Select[Any]:
    """Select a person by id with one of their keys by its id, which may not be there any more."""
    person = people.person.__table__.c
    theirs = and_(api_key.c.id == bindparam("key"), api_key.c.person_id == person.id)
    statement = _joined(people, *keyed)
    return statement.outerjoin_from(people.person.__table__, api_key, theirs).where(person.id == bindparam("person"))


def _actor_of(row: Any, door: str, **more: Any) -> Actor:
    if row.left_on is not None or row.disabled_at is not None:
        raise Unauthenticated(Text("더는 쓸 수 없는 계정이에요", "This account is no longer in use"))
    return Actor(
        person_id=row.id,
        name=row.name,
        team_id=row.team_id,
        roles=frozenset(row.roles or ()),
        login=row.login,
        known_as=row.known_as,
        door=door,
        **more,
    )
