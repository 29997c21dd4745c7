"""What may people do with their own keys and sessions? Make, list and end them; lend an agent a token.

Nothing made here exceeds what it was made by: its scopes, its agent and its end are inherited. Making is not for
agents, and a token for an agent never decides.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from daeri.clock import Clock, rfc3339
from daeri.errors import FieldError, NotFound, PermissionDenied, ValidationFailed
from daeri.records import audit
from daeri.records.actor import Actor, Effect
from daeri.records.identity import Identity, NewKey, Origin
from daeri.records.standing import TOKEN_PREFIX, VOUCHED, api_key, hash_of, session
from daeri.records.store import Store
from daeri.wording import Text

NAME_MAX: Final = 100
DAYS_MAX: Final = 3650
SCOPES_MAX: Final = 50
SCOPE_MAX: Final = 200
TOKEN_LIFE: Final = timedelta(minutes=15)
"""How long a token lent to an agent holds: a piece of work, not a working day."""

_NO_KEY: Final = Text("그런 키를 찾을 수 없어요", "No such key")
_IN_PERSON: Final = Text("키와 로그인은 사람이 직접 다뤄요", "Keys and sessions are a person's own affair")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new key should be able to do.

    Attributes:
        scopes: patterns of operations ("leave.*") or effects ("read"); None = all that its maker may.
        days: until it ends; None = it does not by itself.
        decides: it may decide approvals; only for keys that a person uses.
        agent: the agent that acts by it.
    """

    name: str
    scopes: list[str] | None = None
    days: int | None = None
    decides: bool = False
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Loan:
    """What a token lent to an agent is to be good for.

    Attributes:
        agent: who will act; also the only one where the person's credential is an agent's already.
        scopes: what for; None = all that both may.
        shown_by: the agent by a key of its own, whose limits hold too and with which the token ends.
        audience: the one door that it opens; None = all.
        ends: when the person's own token ends, where it is none of our keys.
    """

    agent: str
    scopes: list[str] | None = None
    shown_by: Actor | None = None
    audience: str | None = None
    ends: datetime | None = None


class Credentials:
    """A person's keys and sessions."""

    def __init__(self, identity: Identity, store: Store, clock: Clock) -> None:
        """Take who makes keys, the database and the clock."""
        self._identity = identity
        self._store = store
        self._clock = clock

    async def page(self, actor: Actor) -> list[dict[str, Any]]:
        """Return the actor's keys that have not ended, newest first; never their secrets."""
        self._check(actor, "key.list", "read")
        now = self._clock.now()
        statement = select(api_key).where(api_key.c.person_id == actor.person_id, api_key.c.revoked_at.is_(None))
        rows = await self._store.read(lambda one: one.execute(statement.order_by(api_key.c.id.desc())).all())
        return [key_body(row) for row in rows if row.expires_at is None or row.expires_at > now]

    async def create(self, actor: Actor, wish: Wish) -> dict[str, Any]:
        """Make a key; its secret is in the answer and nowhere else.

        Raises:
            PermissionDenied: an agent asks, or a provider's token, which ends; or for more than the actor has.
            NotFound: there is no such agent.
            ValidationFailed: the name, a scope or the days are not of the right kind.
        """
        self._check(actor, "key.create", "write")
        if actor.credential.startswith(VOUCHED):
            raise PermissionDenied(_IN_PERSON)
        checked(wish)
        if wish.decides and (not actor.decides or wish.agent is not None):
            raise PermissionDenied(
                Text(
                    "결재할 수 있는 키는 결재할 수 있는 사람만 만들어요", "Only who may decide makes a key that decides"
                )
            )
        if wish.agent is not None:
            self._identity.narrowed(actor, wish.agent)
        made = await self._identity.add_key(
            actor.person_id,
            wish.name,
            decides=wish.decides,
            scopes=wish.scopes,
            life=timedelta(days=wish.days) if wish.days else None,
            made_from=Origin(wish.agent, actor.scopes, actor.key),
        )
        row = await self._store.read(lambda one: self._own(one, actor, made.id))
        return {**key_body(row), "key": made.secret}

    async def revoke(self, actor: Actor, key_id: str) -> dict[str, Any]:
        """End a key at once, and with it every key and token that was made by it.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        self._check(actor, "key.revoke", "write")

        def end(connection: Connection) -> dict[str, Any]:
            row = self._own(connection, actor, key_id)
            if row.revoked_at is None:
                now = self._clock.now()
                connection.execute(update(api_key).where(api_key.c.id == key_id).values(revoked_at=now))
                self._audit(connection, actor, "key.revoke", {"key": key_id})
            return key_body(self._own(connection, actor, key_id))

        return await self._store.write(end)

    async def sessions(self, actor: Actor) -> list[dict[str, Any]]:
        """Return where the actor is signed in."""
        self._check(actor, "session.list", "read")
        statement = select(session).where(
            session.c.person_id == actor.person_id,
            session.c.ended_at.is_(None),
            session.c.expires_at > self._clock.now(),
            session.c.id.is_not(None),
        )
        rows = await self._store.read(lambda one: one.execute(statement.order_by(session.c.id.desc())).all())
        return [_session_body(row) for row in rows]

    async def end_session(self, actor: Actor, session_id: str) -> None:
        """End a session at once.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        self._check(actor, "session.end", "write")

        def end(connection: Connection) -> None:
            statement = update(session).where(
                session.c.id == session_id, session.c.person_id == actor.person_id, session.c.ended_at.is_(None)
            )
            ended = connection.execute(statement.values(ended_at=self._clock.now()).returning(session.c.id))
            if ended.one_or_none() is None:
                raise NotFound(Text("그런 로그인을 찾을 수 없어요", "No such session"))
            self._audit(connection, actor, "session.end", {"session": session_id})

        await self._store.write(end)

    async def exchange(self, subject: Actor, loan: Loan) -> NewKey:
        """Lend an agent a token to act for a person (RFC 8693): narrower than both, and for a short time.

        Args:
            subject: the person, as their credential has it.
            loan: to which agent, and for what.

        Returns:
            The token; it ends after `TOKEN_LIFE`, or with what it is made from.

        Raises:
            NotFound: there is no such agent.
            PermissionDenied: the credential belongs to another agent.
        """
        agent = loan.agent
        if subject.agent not in (None, agent):
            raise PermissionDenied(Text("다른 에이전트의 키예요", "This is another agent's key"))
        self._check_scope(subject, "key.exchange", "write")
        self._identity.narrowed(subject, agent)
        checked(Wish(agent, loan.scopes))
        origin = Origin(
            agent,
            (*subject.scopes, *(loan.shown_by.scopes if loan.shown_by else ())),
            subject.key,
            TOKEN_PREFIX,
            lent_to=loan.shown_by.key if loan.shown_by else None,
            audience=loan.audience,
            ends=loan.ends,
        )
        return await self._identity.add_key(
            subject.person_id, agent, decides=False, scopes=loan.scopes, life=TOKEN_LIFE, made_from=origin
        )

    async def give_back(self, secret: str) -> None:
        """End a token that was lent, for whoever holds it (RFC 7009); what is none is passed over."""
        held = (api_key.c.hash == hash_of(secret), api_key.c.revoked_at.is_(None))

        def end(connection: Connection) -> None:
            statement = update(api_key).where(*held).values(revoked_at=self._clock.now())
            row = connection.execute(statement.returning(api_key.c.id, api_key.c.person_id, api_key.c.agent))
            for key_id, person_id, agent in row:
                by = Actor(person_id, "", agent=agent, credential=key_id, door="rest")
                self._audit(connection, by, "key.revoke", {"key": key_id})

        def is_held(connection: Connection) -> bool:
            return connection.execute(select(api_key.c.id).where(*held)).one_or_none() is not None

        if secret.startswith(TOKEN_PREFIX) and await self._store.read(is_held):  # anybody may ask, and keeps no one
            await self._store.write(end)

    def _check(self, actor: Actor, act: str, effect: Effect) -> None:
        if actor.agent is not None:
            raise PermissionDenied(_IN_PERSON)
        self._check_scope(actor, act, effect)

    @staticmethod
    def _check_scope(actor: Actor, act: str, effect: Effect) -> None:
        if not actor.may_call(act, effect):
            raise PermissionDenied(Text("이 키로는 키를 다룰 수 없어요", "This key may not handle keys"))

    @staticmethod
    def _own(connection: Connection, actor: Actor, key_id: str) -> Row[Any]:
        statement = select(api_key).where(api_key.c.id == key_id, api_key.c.person_id == actor.person_id)
        row = connection.execute(statement).one_or_none()
        if row is None:
            raise NotFound(_NO_KEY)
        return row

    def _audit(self, connection: Connection, actor: Actor, action: str, detail: dict[str, Any]) -> None:
        audit.append(connection, audit.Entry.by(actor, self._clock.now(), action, detail=detail))


def checked(wish: Wish) -> None:
    """Refuse a wish that no key can be made of.

    Raises:
        ValidationFailed: with a pointer to what is wrong.
    """
    errors = []
    if not wish.name.strip() or len(wish.name) > NAME_MAX or not wish.name.isprintable():
        errors.append(
            FieldError("/name", Text(f"1~{NAME_MAX}자의 이름이어야 해요", f"a name of 1 to {NAME_MAX} characters"))
        )
    if wish.days is not None and not 1 <= wish.days <= DAYS_MAX:
        errors.append(FieldError("/days", Text(f"1~{DAYS_MAX}일이에요", f"1 to {DAYS_MAX} days")))
    scopes = wish.scopes or []
    if len(scopes) > SCOPES_MAX or not all(0 < len(scope) <= SCOPE_MAX and scope.isprintable() for scope in scopes):
        errors.append(FieldError("/scopes", Text("leave.* 나 read 같은 범위예요", "patterns such as leave.* or read")))
    if errors:
        raise ValidationFailed(errors=errors)


def key_body(row: Row[Any]) -> dict[str, Any]:
    """Render a key, without its secret."""
    return {
        "id": row.id,
        "prefix": row.prefix,
        "name": row.name,
        "scopes": row.scopes,
        "agent": row.agent,
        "decides": row.decides,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at) if row.expires_at else None,
        "last_used_at": rfc3339(row.last_used_at) if row.last_used_at else None,
        "revoked_at": rfc3339(row.revoked_at) if row.revoked_at else None,
    }


def _session_body(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "how": row.how,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
    }
