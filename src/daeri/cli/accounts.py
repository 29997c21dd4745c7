"""Who may come in, by which keys? Accounts and API keys of a data folder, looked after in this process.

For whoever runs the machine: it needs the data folder itself, and no server. Each change is in the audit log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
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
from daeri.operations.call import run_to_end
from daeri.records import Actor, Person, Records, audit
from daeri.records.identity import NewKey, Origin
from daeri.records.people import person_body
from daeri.records.standing import account, api_key
from daeri.records.trail import Trail

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


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody whom the company's records of people do not know yet.

    Attributes:
        known_as: what the company's own systems call them (사번), where an adopted company asks for it.
    """

    name: str
    roles: Sequence[str] = ()
    known_as: str | None = None


async def add(daeri: Daeri, login: str, who: int | Newcomer, password: str | None) -> int:
    """Let a person sign in and return their id; a newcomer's record is made first.

    Raises:
        Trouble: there is no such person, or the login or the person has an account.
        DaeriError: the company's rules refuse the newcomer.
    """
    known = await users(daeri)
    if any(user["login"] == login or user["person"]["id"] == who for user in known):
        raise Trouble(
            "conflict",
            Words(f"'{login}' 또는 이 사람의 계정이 이미 있어요", f"'{login}' or this person has an account already"),
            fix=Words("목록 보기:  daeri user list", "See the list:  daeri user list"),
        )
    if isinstance(who, Newcomer):
        newcomer = who
        who = await daeri.store.write(lambda connection: _person(daeri, connection, login, newcomer))
    person_id = who
    await daeri.store.read(lambda connection: daeri.company.people.one(connection, person_id))
    await daeri.identity.add_account(login, person_id, password=password)
    return person_id


def _person(daeri: Daeri, connection: Any, login: str, newcomer: Newcomer) -> int:
    """Add a person's record as the system, within the company's change rule."""
    person, actor, trail = daeri.company.people.person, Actor.system("command line"), Trail()
    named = person.__known_as__
    if newcomer.known_as is not None and named is None:
        raise Trouble(
            "usage",
            Words("이 회사의 사람 기록에는 사번 항목이 없어요", "People of this company have no field for --known-as"),
            code=Code.USAGE,
        )
    called = {} if named is None else {named: _known_as(person, named, newcomer.known_as)}
    row = person(login=login, name=newcomer.name, roles=list(newcomer.roles), **called)
    added = run_to_end(Records(connection, daeri.company.rules, actor, trail).add(row))
    entry = audit.Entry.by(actor, daeri.clock.now(), "person.add", detail=trail.told())
    audit.append(connection, entry)
    return int(added.id)


def _known_as(person: type[Person], named: str, value: str | None) -> int | str | None:
    numeric = person.__table__.columns[named].type.python_type is int
    if value is None or not numeric:
        return value
    if not value.isdecimal():
        raise Trouble("usage", Words(f"번호가 아니에요: {value}", f"Not a number: {value}"), code=Code.USAGE)
    return int(value)


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
