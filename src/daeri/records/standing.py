"""Is an account, a key or a session in use at this instant? Their tables, and what stands or falls with what.

Only hashes of keys and session tokens are kept. A key that was made by another one ends with it, and so does a token
that was lent.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Connection, Integer, String, Table, bindparam, null, select

from daeri.errors import KeyRevoked, PermissionDenied
from daeri.records.actor import Actor
from daeri.records.record import Instant
from daeri.records.store import system

SESSION = "ses_"
VOUCHED = "token:"
"""Begins the name of a token that another provider signed: it is kept nowhere here, and ends by itself."""
TOKEN_PREFIX = "dk_tok_"  # noqa: S105 - how a token that is lent to an agent begins
SESSION_DIGITS = 32

account = Table(
    "account",
    system,
    Column("login", String(64), primary_key=True),
    Column("person_id", Integer, nullable=False, unique=True),
    Column("password_hash", String(200)),
    Column("demo", Boolean, nullable=False, default=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("subject", String(600)),
)
api_key = Table(
    "api_key",
    system,
    Column("id", String(40), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("prefix", String(16), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("name", String(100), nullable=False),
    Column("scopes", JSON),
    Column("decides", Boolean, nullable=False, default=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    Column("agent", String(100)),
    Column("limits", JSON),
    Column("parent", String(60)),
    Column("lent_to", String(60)),
    Column("audience", String(20)),
)
"""`limits` are the scopes of what a key was made from, `parent` which key that was, `lent_to` the agent's own key: it
outlives neither. `audience` is the one door that it opens, where it does not open all.
"""
session = Table(
    "session",
    system,
    Column("hash", String(64), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("id", String(40)),
    Column("how", String(20)),
)
"""`id` names a session to its person, `how` they signed in: password, demo or oidc."""


def session_name(hashed: str) -> str:
    """Name a session to the audit and to `check_in_use`: the beginning of its token's hash, which opens nothing."""
    return SESSION + hashed[:SESSION_DIGITS]


_KEYED = (
    select(
        api_key.c.revoked_at.label("ended_at"),
        api_key.c.expires_at,
        api_key.c.parent,
        api_key.c.lent_to,
        account.c.disabled_at,
    )
    .select_from(api_key.outerjoin(account, account.c.person_id == api_key.c.person_id))
    .where(api_key.c.id == bindparam("named"), api_key.c.person_id == bindparam("person"))
)
_SIGNED_IN = (
    select(
        session.c.ended_at,
        session.c.expires_at,
        null().label("parent"),
        null().label("lent_to"),
        account.c.disabled_at,
    )
    .select_from(session.outerjoin(account, account.c.person_id == session.c.person_id))
    .where(session.c.hash.between(bindparam("named"), bindparam("after")), session.c.person_id == bindparam("person"))
)

_DISABLED = select(account.c.disabled_at).where(account.c.person_id == bindparam("person"))


def check_in_use(connection: Connection, actor: Actor, now: datetime) -> None:
    """Refuse whose account or credential is not in use at this instant, whatever they were at the request.

    Raises:
        KeyRevoked: it is work that goes on, and the key that it was asked with was revoked.
        PermissionDenied: the account is switched off, or the credential has ended.
    """
    asked: dict[str, Any] = {"person": actor.person_id}
    if actor.credential.startswith(SESSION):
        prefix = actor.credential.removeprefix(SESSION)
        row = connection.execute(_SIGNED_IN, asked | {"named": prefix, "after": prefix + "g"}).one_or_none()
    elif actor.credential and not actor.credential.startswith(VOUCHED):
        row = connection.execute(_KEYED, asked | {"named": actor.credential}).one_or_none()
    else:
        if is_disabled(connection, actor.person_id):
            raise PermissionDenied
        return
    if row is not None and row.disabled_at is not None:
        raise PermissionDenied
    if row is None or is_over(connection, row, None if actor.goes_on else now):
        raise KeyRevoked if actor.goes_on else PermissionDenied


def is_over(connection: Connection, row: Any, now: datetime | None) -> bool:
    """Say whether a key or session has ended, or a key that it was made from; without an instant, by itself or not.

    What ends by itself ends for whoever comes with it; what it was used to begin goes on.
    """
    if row.ended_at is not None or _is_past(row.expires_at, now):
        return True
    return have_ended(connection, now, row.parent, row.lent_to)


def have_ended(connection: Connection, now: datetime | None, *key_ids: str | None) -> bool:
    """Say whether any of the keys that a key was made from has ended: with it ends the key."""
    columns = (api_key.c.revoked_at, api_key.c.expires_at, api_key.c.parent, api_key.c.lent_to)
    for key_id in filter(None, key_ids):
        above = connection.execute(select(*columns).where(api_key.c.id == key_id)).one_or_none()
        if above is None or above.revoked_at is not None or _is_past(above.expires_at, now):
            return True
        if have_ended(connection, now, above.parent, above.lent_to):
            return True
    return False


def _is_past(expires_at: datetime | None, now: datetime | None) -> bool:
    return now is not None and expires_at is not None and expires_at <= now


def ends_of(connection: Connection, *key_ids: str | None) -> Iterator[datetime | None]:
    """Yield when the keys that a new one is made from end, up to the first."""
    columns = (api_key.c.expires_at, api_key.c.parent, api_key.c.lent_to)
    for key_id in filter(None, key_ids):
        above = connection.execute(select(*columns).where(api_key.c.id == key_id)).one()
        yield above.expires_at
        yield from ends_of(connection, above.parent, above.lent_to)


def root_of(connection: Connection, key: Any) -> str:
    """Return the credential that a key goes back to: a first key, or the tokens that a provider gives its person."""
    named, person_id, columns = key.credential, key.id, (api_key.c.parent, api_key.c.prefix)
    while key.parent is not None:
        named = key.parent
        key = connection.execute(select(*columns).where(api_key.c.id == named)).one()
    return f"{VOUCHED}{person_id}" if key.prefix.startswith(TOKEN_PREFIX) else str(named)


def is_disabled(connection: Connection, person_id: int) -> bool:
    """Say whether a person's account was switched off; a person without an account has nothing to switch off."""
    return connection.execute(_DISABLED, {"person": person_id}).scalar_one_or_none() is not None


def hash_of(secret: str) -> str:
    """Hash a random token; it has 256 bits of entropy, so a fast hash is enough."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
