"""Does anything of a document reach somebody who may not see it? Not a hit, not a snippet, not a count, not a score."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from daeri.app import Daeri, application
from daeri.errors import DaeriError, NotFound, PermissionDenied
from daeri.library.librarian import Brought
from daeri.operations.listing import ListQuery
from daeri.operations.outcome import Done
from daeri.records import Actor
from gateway.mcp_client import raw
from library.conftest import read_due

pytestmark = pytest.mark.anyio

SECRET = "# 은하수 계획\n\n은하수 계획의 예산은 77억원이고 비둘기 창고에서 시작한다.\n"
QUERIES = ("은하수 계획 예산", "비둘기 창고", "연차 규정이 어떻게 돼?", "예산", "창고 재고조사", "travel policy")
SQL = (
    "SELECT count(*), max(id), sum(size) FROM company_file",
    "SELECT name, folder, problems FROM company_file ORDER BY id",
)


@dataclass
class House:
    """The company, and the people who ask."""

    daeri: Daeri
    owner: Actor
    colleague: Actor
    stranger: Actor
    keeper: Actor

    async def add(self, actor: Actor, name: str, content: str, **more: Any) -> int:
        """Bring a file in and read it."""
        brought = Brought(name, **({"folder": "시험", "level": "confidential"} | more))
        run = await self.daeri.librarian.add(actor, brought, _pieces(content.encode()))
        await read_due(self.daeri)
        return int(run["document"]["document"])

    async def call(self, actor: Actor, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Call an operation that is done at once."""
        outcome = await self.daeri.door.call(actor, operation, arguments)
        assert isinstance(outcome, Done)
        return outcome.body() | {"rows": outcome.rows}

    async def found(self, actor: Actor, query: str, **more: Any) -> list[dict[str, Any]]:
        """Search."""
        rows: list[dict[str, Any]] = (await self.call(actor, "documents.search", query=query, **more))["result"]["rows"]
        return rows

    async def everything(self, actor: Actor) -> list[Any]:
        """Whatever a person could learn about documents: searches, lists, counts, SQL."""
        told: list[Any] = [await self.call(actor, "documents.search", query=query, limit=50) for query in QUERIES]
        told.append(await self.daeri.shelf.page(actor, "company_file", ListQuery(limit=200, count=True), "ko"))
        told += [await self.call(actor, "query.run", sql=each) for each in SQL]
        told += [await self.daeri.door.would_find(actor, "documents.search", {"query": query}, ()) for query in QUERIES]
        return told


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture
async def house(hanbit_library: Daeri) -> House:
    async def person(name: str) -> Actor:
        statement = text("SELECT id FROM employee WHERE name = :name ORDER BY id")
        found = await hanbit_library.store.read(lambda each: each.execute(statement, {"name": name}).scalars().first())
        return await hanbit_library.identity.actor_of_person(found, "test")

    owner = await person("김하은")
    statement = text("SELECT id FROM employee WHERE team_id = :team AND title = '' AND id != :me AND left_on IS NULL")
    values = {"team": owner.team_id, "me": owner.person_id}
    near = await hanbit_library.store.read(lambda each: each.execute(statement, values).scalars().first())
    return House(
        hanbit_library,
        owner,
        await hanbit_library.identity.actor_of_person(near, "test"),
        await person("김도현"),
        await person("정도윤"),
    )


async def test_owner_and_colleague_find_a_confidential_file_and_a_stranger_learns_nothing(house: House) -> None:
    before = await house.everything(house.stranger)
    key = await house.add(house.owner, "은하수.md", SECRET)
    for actor in (house.owner, house.colleague):
        assert (await house.found(actor, "은하수 계획 예산"))[0]["name"] == "은하수.md"
    assert await house.everything(house.stranger) == before
    await _answers_like_missing(house, house.stranger, key)


async def test_a_secret_file_is_its_owners_alone_until_a_grant_opens_it(house: House) -> None:
    before = await house.everything(house.colleague)
    await house.add(house.owner, "은하수.md", SECRET, level="secret")
    assert await house.found(house.owner, "비둘기 창고", limit=1)
    assert await house.everything(house.colleague) == before
    grant = await house.call(
        house.keeper, "file_grant.create", folder="시험", level="secret", person_id=house.colleague.person_id
    )
    assert (await house.found(house.colleague, "비둘기 창고"))[0]["name"] == "은하수.md"
    await house.call(house.keeper, "file_grant.delete", id=grant["result"]["id"])
    assert await house.everything(house.colleague) == before


async def test_whoever_reads_a_file_that_is_not_open_has_read_data_of_its_level(house: House) -> None:
    key = await house.add(house.owner, "은하수.md", SECRET, level="secret")
    found = await house.call(house.owner, "documents.search", query="은하수 계획 예산", folder="시험")
    read = await house.call(house.owner, "documents.read", document=key)
    assert [found["sources"][0]["classes"], read["sources"][0]["classes"]] == [["secret"]] * 2
    open_to_all = await house.add(house.keeper, "공지.md", "# 공지\n\n구내식당은 11시에 연다.\n", level="internal")
    assert "classes" not in (await house.call(house.owner, "documents.read", document=open_to_all))["sources"][0]


async def test_a_file_is_read_by_its_address_over_mcp_by_those_who_may_see_it_and_by_nobody_else(house: House) -> None:
    key = await house.add(house.owner, "은하수.md", SECRET)
    transport = httpx.ASGITransport(application(house.daeri, working=False))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", trust_env=False) as http:

        async def read(actor: Actor, uri: str) -> dict[str, Any]:
            secret = (await house.daeri.identity.add_key(actor.person_id, "mcp", decides=False)).secret
            return await raw(http, secret, "resources/read", {"uri": uri})

        for actor in (house.owner, house.colleague):
            told = json.loads((await read(actor, f"daeri://documents/{key}"))["result"]["contents"][0]["text"])
            assert "은하수 계획의 예산은 77억원" in json.dumps(told["result"], ensure_ascii=False)
            assert (told["sources"][0]["untrusted"], told["sources"][0]["classes"]) == (True, ["confidential"])
        passage = told["result"]["rows"][-1]["passage"]
        assert "result" in await read(house.owner, f"daeri://documents/{key}/{passage}")
        refused = [
            (await read(who, f"daeri://documents/{number}"))["error"]
            for who, number in (
                (house.stranger, key),
                (house.stranger, 999_999),
                (house.owner, "x"),
                (house.owner, "1/x"),
            )
        ]
        assert {error["data"]["code"] for error in refused} == {"not-found"}
        assert refused[0]["message"] == refused[1]["message"]


async def test_a_removed_file_is_gone_from_everything(house: House) -> None:
    before = await house.everything(house.owner)
    key = await house.add(house.owner, "은하수.md", SECRET)
    assert (await house.found(house.owner, "은하수"))[0]["document"] == key
    await house.call(house.owner, "documents.remove", document=key)
    assert await house.everything(house.owner) == before
    await _answers_like_missing(house, house.owner, key)
    left = await house.daeri.store.read(
        lambda each: each.execute(text("SELECT count(*) FROM passage WHERE file_id = :key"), {"key": key}).scalar_one()
    )
    assert left == 0


async def test_an_older_edition_answers_only_where_it_is_asked_for(house: House) -> None:
    await house.add(house.owner, "은하수.md", SECRET)
    await house.add(house.owner, "은하수.md", SECRET.replace("77억원", "81억원"))
    rows = await house.found(house.owner, "은하수 계획 예산", limit=50)
    assert [row["edition"] for row in rows if row["name"] == "은하수.md"] == [2]
    assert not any("77억원" in row["text"] for row in rows)
    both = await house.found(house.owner, "은하수 계획 예산", limit=50, old=True)
    assert {row["edition"] for row in both if row["name"] == "은하수.md"} == {1, 2}


async def test_a_level_that_changes_while_people_search_hides_at_once(house: House) -> None:
    key = await house.add(house.owner, "은하수.md", SECRET)
    for _ in range(5):
        assert await _sees(house, key)
        searches = [house.found(house.colleague, "은하수 계획") for _ in range(6)]
        change = house.call(house.owner, "documents.change", document=key, level="secret")
        await asyncio.gather(*searches, change)
        assert not await _sees(house, key)
        await house.call(house.owner, "documents.change", document=key, level="confidential")


async def test_who_leaves_the_department_sees_nothing_any_more(house: House) -> None:
    key = await house.add(house.owner, "은하수.md", SECRET)
    assert await _sees(house, key)
    moved = replace(house.colleague, team_id=house.stranger.team_id)
    assert not any(row["document"] == key for row in await house.found(moved, "은하수 계획", limit=50))


async def test_another_department_is_closed_and_its_own_head_sees_it(house: House) -> None:
    names = {
        row["name"]
        for query in ("예산 집행률", "본부별 예산")
        for row in await house.found(house.owner, query, limit=50)
    }
    assert "2026_예산집행현황.xlsx" not in names
    assert (await house.found(house.stranger, "본부별 예산 집행률"))[0]["name"] == "2026_예산집행현황.xlsx"


async def test_whoever_may_not_change_a_file_may_not_put_another_in_its_place(house: House) -> None:
    await house.add(house.owner, "은하수.md", SECRET)
    with pytest.raises(PermissionDenied):
        await house.add(house.colleague, "은하수.md", "# 다른 내용\n\n바꿔치기\n")
    with pytest.raises(PermissionDenied):
        await house.add(house.owner, "모두에게.md", "# 공지\n\n모두 보세요\n", level="public")
    with pytest.raises(PermissionDenied):
        await house.call(house.colleague, "documents.remove", document="은하수.md")


async def test_a_hash_opens_nothing(house: House) -> None:
    key = await house.add(house.owner, "은하수.md", SECRET)
    row = await house.daeri.shelf.get(house.owner, "company_file", str(key), "ko")
    for token in (row["digest"], "upl_wrong", ""):
        with pytest.raises(DaeriError):
            await house.call(house.stranger, "documents.add", upload=token, name="훔친.md")


async def test_an_agent_without_the_right_to_read_does_not_find_either(house: House) -> None:
    limited = replace(house.owner, scopes=(("leave.*",),))
    with pytest.raises(PermissionDenied):
        await house.found(limited, "연차")
    assert await house.daeri.door.would_find(limited, "documents.search", {"query": "연차 규정"}, ()) == 0.0


async def _sees(house: House, key: int) -> bool:
    return any(row["document"] == key for row in await house.found(house.colleague, "은하수 계획", limit=50))


async def _answers_like_missing(house: House, actor: Actor, key: int) -> None:
    acts: list[Callable[[int], Awaitable[Any]]] = [
        lambda number: house.call(actor, "documents.read", document=number),
        lambda number: house.call(actor, "documents.change", document=number, level="secret"),
        lambda number: house.call(actor, "documents.remove", document=number),
        lambda number: house.daeri.librarian.original(actor, number),
    ]
    for act in acts:
        said = []
        for number in (key, 99_999):
            with pytest.raises(NotFound) as error:
                await act(number)
            said.append(error.value.problem("ko"))
        assert said[0] == said[1]
