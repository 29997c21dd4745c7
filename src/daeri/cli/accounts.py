"""Who may come in, by which keys? Accounts and API keys of a data folder, looked after in this process.

For whoever runs the machine: it needs the data folder itself, and no server. Each change is in the audit log.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, TypeVar

from daeri.app import Daeri
from daeri.cli.company import company_of, settings_of, trouble_of
from daeri.cli.place import Place
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words
from daeri.clock import rfc3339
from daeri.errors import DaeriError
from daeri.log import set_up
from daeri.records import audit
from daeri.records.identity import NewKey, Origin, account, api_key
from daeri.records.people import person_body

T = TypeVar("T")


def on(place: Place, work: Callable[[Daeri], Awaitable[T]]) -> T:
    """Run `work` on the parts of a data folder."""
    place.database()
    set_up("ERROR")

    async def go() -> T:
        async with AsyncExitStack() as stack:
            daeri = Daeri(company_of(None), settings_of(place))
            stack.push_async_callback(daeri.close)
            await daeri.open(working=False)
            return await work(daeri)

    try:
        return asyncio.run(go())
    except DaeriError as error:
        raise trouble_of(error) from error


async def users(daeri: Daeri) -> list[dict[str, Any]]:
    """Return the accounts with their people."""

    def look(connection: Any) -> list[dict[str, Any]]:
        rows = connection.execute(account.select().order_by(account.c.login)).all()
        people = daeri.company.people.many(connection, [row.person_id for row in rows])
        return [
            {
                "login": row.login,
                "person": person_body(people[row.person_id]),
                "roles": sorted(people[row.person_id].roles),
                "demo": row.demo,
                "password": row.password_hash is not None,
                "disabled_at": rfc3339(row.disabled_at) if row.disabled_at else None,
            }
            for row in rows
            if row.person_id in people
        ]

    return await daeri.store.read(look)


async def add(daeri: Daeri, login: str, person_id: int, password: str | None) -> None:
    """Let a person sign in.

    Raises:
        Trouble: there is no such person, or the login or the person has an account.
    """
    known = await users(daeri)
    if any(user["login"] == login or user["person"]["id"] == person_id for user in known):
        raise Trouble(
            "conflict",
            Words(f"'{login}' 또는 이 사람의 계정이 이미 있어요", f"'{login}' or this person has an account already"),
            fix=Words("목록 보기:  daeri user list", "See the list:  daeri user list"),
        )
    await daeri.store.read(lambda connection: daeri.company.people.one(connection, person_id))
    await daeri.identity.add_account(login, person_id, password=password)


async def keys(daeri: Daeri) -> list[dict[str, Any]]:
    """Return the API keys, never their secrets."""

    def look(connection: Any) -> list[dict[str, Any]]:
        rows = connection.execute(api_key.select().order_by(api_key.c.id)).all()
        people = daeri.company.people.many(connection, [row.person_id for row in rows])
        return [
            {
                "id": row.id,
                "prefix": row.prefix,
                "name": row.name,
                "person": person_body(people[row.person_id]) if row.person_id in people else None,
                "scopes": row.scopes,
                "decides": row.decides,
                "created_at": rfc3339(row.created_at),
                "expires_at": rfc3339(row.expires_at) if row.expires_at else None,
                "revoked_at": rfc3339(row.revoked_at) if row.revoked_at else None,
                "last_used_at": rfc3339(row.last_used_at) if row.last_used_at else None,
                "agent": row.agent,
            }
            for row in rows
        ]

    return await daeri.store.read(look)


async def create(
    daeri: Daeri,
    login: str,
    name: str,
    *,
    decides: bool,
    scopes: list[str] | None,
    life: timedelta | None,
    agent: str | None = None,
) -> NewKey:
    """Make a key for the person with an account.

    Raises:
        Trouble: there is no such account.
        NotFound: there is no such agent.
    """
    daeri.company.agent(agent)
    known = {user["login"]: user["person"]["id"] for user in await users(daeri)}
    if login not in known:
        names = ", ".join(known) or "-"
        raise Trouble(
            "not-found",
            Words(f"'{login}' 계정이 없어요", f"There is no account '{login}'"),
            why=Words(f"있는 계정: {names}", f"Accounts: {names}"),
            fix=Words("목록 보기:  daeri user list", "See the list:  daeri user list"),
        )
    return await daeri.identity.add_key(
        known[login], name, decides=decides and agent is None, scopes=scopes, life=life, made_from=Origin(agent)
    )


async def revoke(daeri: Daeri, key_id: str) -> bool:
    """End a key at once; False where it had ended before."""
    now = daeri.clock.now()

    def end(connection: Any) -> bool:
        row = connection.execute(api_key.select().where(api_key.c.id == key_id)).one()
        if row.revoked_at is not None:
            return False
        connection.execute(api_key.update().where(api_key.c.id == key_id).values(revoked_at=now))
        entry = audit.Entry(now, row.person_id, None, "cli", "key.revoke", "done", detail={"key": key_id})
        audit.append(connection, entry)
        return True

    return await daeri.store.write(end)


def one_of(known: list[dict[str, Any]], named: str) -> str:
    """Return the id of the key that an id, its end or its visible beginning names.

    Raises:
        Trouble: none fits, or several do.
    """
    fitting = [key["id"] for key in known if named in (key["id"], key["prefix"]) or key["id"].endswith(named.upper())]
    if len(fitting) == 1:
        return str(fitting[0])
    count = len(fitting)
    raise Trouble(
        "ambiguous" if fitting else "not-found",
        Words(f"'{named}' 에 맞는 키가 {count}개예요", f"{count} keys fit '{named}'"),
        fix=Words("목록 보기:  daeri key list", "See the list:  daeri key list"),
        code=Code.USAGE if fitting else Code.FAILED,
    )
