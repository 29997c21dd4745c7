"""Two servers on one PostgreSQL and one Redis: what is changed at one holds at the other once it is acknowledged."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, insert, text

from daeri.app import Daeri, application
from daeri.operations import Catalog, Company, Line, Ref, anyone, having, holder
from daeri.operations.hot_sessions import HOT_SECONDS, STATE
from daeri.operations.offering import Offer
from daeri.records import Records
from daeri.records.standing import hash_of
from daeri.settings import Settings
from daeri.wording import Text
from databases import copied, only_postgres, settings_for
from redis_server import RedisServer
from worlds import (
    AGENTS,
    COLLEAGUE,
    DEPARTMENTS,
    FINANCE,
    HR,
    OWNER,
    PEOPLE,
    ROLES,
    STRANGER,
    Department,
    Employee,
    Said,
    work,
)

pytestmark = [pytest.mark.anyio, only_postgres("on SQLite there is one server, which reads each session anew")]

LOGINS = {"owner": OWNER, "colleague": COLLEAGUE, "stranger": STRANGER, "hr": HR, "finance": FINANCE}
FAULTS: dict[str, Callable[[RedisServer], object]] = {
    "killed": RedisServer.kill,
    "paused": RedisServer.pause,
    "flushed": RedisServer.flush,
    "full": RedisServer.fill,
}


staff = Catalog("staff", Text("직원", "Staff"))
staff.records(Employee, update=Offer(having("hr"), fields=["roles", "left_on", "team_id"]))


def by_finance(employee: Ref[Employee]) -> Line:
    """Finance says who is one of them."""
    del employee
    return Line(holder("finance"), rule="appoint", because=Text("재무가 정해요", "Finance decides"))


@staff.write(label=Text("재무 담당 지정", "Appoint to finance"), allow=anyone, approval=by_finance)
async def appoint(records: Records, employee: Ref[Employee]) -> Said:
    """Let someone hold the role of finance."""
    await records.change(await records.get(Employee, employee), roles=["finance"])
    return Said(value="ok")


house = Company(Text("작은상사", "Small Trading"), [work, staff], AGENTS, ROLES)


@dataclass
class Seen:
    """One server: its parts, its pages, and how often it read a session from the database."""

    daeri: Daeri
    http: httpx.AsyncClient
    reads: int = 0

    async def get(self, token: str, path: str = "/v1/me") -> httpx.Response:
        return await self.call("GET", path, token)

    async def call(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        headers = {"Cookie": f"daeri_session={token}", **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)

    async def told(self) -> None:
        """Wait while Redis was too slow for this server to tell of a change: on a busy machine it may be."""
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                while self.daeri.identity.hot._untold is not None:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.01)

    async def warm(self, *tokens: str) -> None:
        """Show sessions until they are hot."""
        for token in tokens:
            for _ in range(2):
                assert (await self.get(token)).status_code == 200
            before = self.reads
            assert (await self.get(token)).status_code == 200
            assert self.reads == before, "it is not hot"


@pytest.fixture(scope="module")
async def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the company's people, who may all sign in."""
    folder = tmp_path_factory.mktemp("founded") / "first"
    person = {"login": None, "title": "", "roles": [], "left_on": None, "english_name": "", "salary": 1}
    async with Daeri(house, Settings(dir=folder, demo=True, **settings_for(folder))) as daeri:

        def furnish(connection: Connection) -> None:
            connection.execute(insert(Department.__table__), list(DEPARTMENTS))
            connection.execute(insert(Employee.__table__), [person | one for one in PEOPLE])

        await daeri.store.write(furnish)
        for login, person_id in LOGINS.items():
            await daeri.identity.add_account(login, person_id, demo=True)
    return folder


@pytest.fixture
def redis(tmp_path: Path):
    server = RedisServer(tmp_path).start()
    yield server
    server.stop()


@asynccontextmanager
async def serving(folder: Path, first: Path, redis: RedisServer) -> AsyncIterator[Seen]:
    settings = Settings(
        dir=folder,
        demo=True,
        redis_url=redis.url,
        audit_key=first / "audit.key",
        rate_limits="person=100000/minute",
        **settings_for(first),
    )
    async with Daeri(house, settings) as daeri:
        transport = httpx.ASGITransport(application(daeri), raise_app_exceptions=False)
        seen = Seen(daeri, httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", trust_env=False))
        read = daeri.identity._signed_in

        def counted(connection: Connection, hashed: str) -> Any:
            seen.reads += 1
            return read(connection, hashed)

        daeri.identity._signed_in = counted
        async with seen.http:
            yield seen


@pytest.fixture
async def two(founded: Path, redis: RedisServer, tmp_path: Path) -> AsyncIterator[list[Seen]]:
    first = copied(founded, tmp_path / "first")
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(serving(folder, first, redis)) for folder in (first, tmp_path / "second")
        ]
        async with asyncio.timeout(10):
            while not all(server.daeri.exchange.is_sure(HOT_SECONDS) for server in servers):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        yield servers


async def signed_in(server: Seen, *logins: str) -> list[str]:
    return [(await server.daeri.identity.sign_in_demo(login))[0] for login in logins]


async def test_who_signs_out_at_one_server_is_signed_out_at_the_other_and_nobody_else_is(two):
    one, other = two
    mine, elsewhere, colleague = await signed_in(one, "owner", "owner", "colleague")
    for server in two:
        await server.warm(mine, elsewhere, colleague)
    await one.daeri.identity.sign_out(mine)
    await one.told()
    for server in (other, one):
        assert (await server.get(mine)).status_code == 401
        for token in (elsewhere, colleague):
            assert (await server.get(token)).status_code == 200


async def test_a_session_is_ended_from_another_one_by_its_owner_alone(two):
    one, other = two
    mine, elsewhere, colleague, stranger = await signed_in(one, "owner", "owner", "colleague", "stranger")
    await other.warm(mine)
    listed = (await one.get(elsewhere, "/v1/sessions")).json()["data"]
    named = min(listed, key=lambda each: each["id"])["id"]
    for token in (colleague, stranger):
        assert (await one.call("DELETE", f"/v1/sessions/{named}", token)).status_code == 404
        assert (await other.get(mine)).status_code == 200
    assert (await one.call("DELETE", f"/v1/sessions/{named}", elsewhere)).status_code == 204
    await one.told()
    assert (await other.get(mine)).status_code == 401
    assert (await other.get(elsewhere)).status_code == 200


async def test_a_role_that_is_given_or_taken_at_one_server_counts_at_the_other(two):
    one, other = two
    owner, hr = await signed_in(one, "owner", "hr")
    for roles in (["finance"], []):
        for server in two:
            await server.warm(owner, hr)
        changed = await one.call("PATCH", f"/v1/records/w_employee/{OWNER}", hr, json={"roles": roles})
        assert changed.status_code == 200, changed.text
        await one.told()
        for server in (other, one):
            assert (await server.get(owner)).json()["roles"] == roles
    refused = await one.call("PATCH", f"/v1/records/w_employee/{OWNER}", owner, json={"roles": ["hr"]})
    assert refused.status_code == 403


async def test_a_role_that_an_approval_gives_counts_at_all_servers_when_it_is_decided(two):
    one, other = two
    hr, finance, owner = await signed_in(one, "hr", "finance", "owner")
    filed = await one.call("POST", "/v1/ops/staff.appoint", hr, json={"employee": OWNER})
    assert filed.status_code == 202, filed.text
    for server in two:
        await server.warm(owner)
    document = f"/v1/approvals/{filed.json()['approval_id']}"
    tag = {"If-Match": (await other.get(finance, document)).headers["ETag"]}
    decision = {"json": {"decision": "approve"}, "headers": tag}
    decided = await other.call("POST", f"{document}/decisions", finance, **decision)
    assert decided.status_code == 200, decided.text
    await other.told()
    for server in two:
        assert (await server.get(owner)).json()["roles"] == ["finance"]


async def test_who_leaves_is_let_in_nowhere(two):
    one, other = two
    owner, colleague, hr = await signed_in(one, "owner", "colleague", "hr")
    for server in two:
        await server.warm(owner, colleague)
    left = await one.call("PATCH", f"/v1/records/w_employee/{OWNER}", hr, json={"left_on": "2026-11-20"})
    assert left.status_code == 200, left.text
    await one.told()
    for server in (other, one):
        assert (await server.get(owner)).status_code == 401
        assert (await server.get(colleague)).status_code == 200


SWITCHED_OFF = "update account set disabled_at = now() where login = 'owner'"


async def test_an_account_that_a_command_switches_off_is_let_in_nowhere(two):
    one, other = two
    (owner,) = await signed_in(one, "owner")
    for server in two:
        await server.warm(owner)
    command = Daeri(house, one.daeri.settings.model_copy())
    await command.open(working=False)
    await command.store.write(lambda connection: connection.execute(text(SWITCHED_OFF)))
    await command.close()
    for server in (other, one):
        assert (await server.get(owner)).status_code == 401
        assert (await server.get(owner, "/approvals")).status_code == 303


async def test_what_is_changed_behind_daeri_is_noticed_in_time_and_whatever_writes_notices_it_at_once(two, monkeypatch):
    one, other = two
    monkeypatch.setattr("daeri.operations.hot_sessions.HOT_SECONDS", 1)
    (owner,) = await signed_in(one, "owner")
    await other.warm(owner)
    one.daeri.store.watch = None
    begun = time.monotonic()
    await one.daeri.store.write(lambda connection: connection.execute(text(SWITCHED_OFF)))
    acts = [
        ("POST", "/v1/ops/work.find", {"employee": OWNER}),
        ("POST", "/v1/keys", {"name": "mine"}),
        ("POST", "/v1/runs", {"input": "휴가 며칠 남았어?"}),
        ("POST", "/rpc", {"jsonrpc": "2.0", "id": 1, "method": "me"}),
    ]
    for method, path, body in acts:
        assert (await other.call(method, path, owner, json=body)).status_code == 401, path
    while (await other.get(owner)).status_code == 200:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.02)
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_becomes_of_redis_who_signed_out_is_let_in_nowhere(two, redis, fault):
    one, other = two
    mine, colleague = await signed_in(one, "owner", "colleague")
    for server in two:
        await server.warm(mine, colleague)
    FAULTS[fault](redis)
    await one.daeri.identity.sign_out(mine)
    for server in (other, one):
        assert (await server.get(mine)).status_code == 401
        assert (await server.get(colleague)).status_code == 200


async def test_redis_knows_nobody_whose_session_is_hot(two, redis):
    (token,) = await signed_in(two[0], "owner")
    await two[0].warm(token)
    with redis.client as client:
        kept = str({key: client.dump(key) for key in client.keys("*")})
        assert client.get(STATE)
    for secret in (token, hash_of(token), "owner", "하은"):
        assert secret not in kept


async def test_without_redis_each_request_reads_its_session(founded, tmp_path):
    folder = copied(founded, tmp_path / "alone")
    async with Daeri(house, Settings(dir=folder, demo=True, **settings_for(folder))) as daeri:
        assert daeri.identity.hot is None
        assert daeri.store.watch is None
    shutil.rmtree(folder)
