"""By which words were models told what to do? Auditors read every version that was used, by REST and JSON-RPC."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from daeri.agent.consulting import Prompts
from daeri.gateway import Options
from gateway.gateway_house import House, Keys, opened
from worlds import AUDITOR

pytestmark = pytest.mark.anyio

FIRST = {"system": "You are {{ agent }}.", "instructions": ""}
SECOND = {"system": "You are {{ agent }}.", "instructions": "Be brief."}


@pytest.fixture
async def house(keyed: Keys, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(keyed, tmp_path, Options()) as one:
        await one.identity.add_account("auditor", AUDITOR)
        key = await one.identity.add_key(AUDITOR, "auditor", decides=False)
        one.keys = {**one.keys, "auditor": key.secret}
        yield one


async def test_a_version_is_kept_once_at_its_first_use_with_all_its_parts(house: House) -> None:
    book = house.world.prompts
    first = await book.keep(FIRST)
    house.world.clock.at += timedelta(hours=1)
    second = await book.keep(SECOND)
    assert await book.keep(FIRST) == first != second
    listed = (await house.get("auditor", "/v1/prompts")).json()["data"]
    assert [each["version"] for each in listed] == [second, first]
    assert listed[0]["first_used_at"] > listed[1]["first_used_at"]
    assert (await house.get("auditor", f"/v1/prompts/{first}")).json()["parts"] == FIRST
    assert (await house.rpc("auditor", "prompts.get", {"version": second}))["result"]["parts"] == SECOND


async def test_the_version_of_an_agents_instructions_is_worked_out_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = house.world.prompts
    kept, keep = [], book.keep
    monkeypatch.setattr(book, "keep", lambda parts: kept.append(parts) or keep(parts))
    prompts = Prompts({"system": "You are {{ agent }}."}, book)
    brief, plain = [await prompts.version(each) for each in ("Be brief.", "")]
    assert [await prompts.version(each) for each in ("Be brief.", "")] == [brief, plain]
    assert kept == [SECOND, FIRST]


@pytest.mark.parametrize("who", ["owner", "colleague", "stranger", "lead", "hr"])
async def test_nobody_but_an_auditor_reads_them(house: House, who: str) -> None:
    version = await house.world.prompts.keep(SECOND)
    for path in ("/v1/prompts", f"/v1/prompts/{version}", "/v1/prompts/unknown"):
        refused = await house.get(who, path)
        assert (refused.status_code, refused.json()["detail"]) == (403, "프롬프트는 감사 담당만 볼 수 있어요")
        assert "Be brief" not in refused.text


async def test_a_version_that_was_never_used_is_not_there(house: House) -> None:
    assert (await house.get("auditor", "/v1/prompts/000000000000")).status_code == 404
    assert (await house.get("auditor", "/v1/prompts")).json() == {"data": []}
