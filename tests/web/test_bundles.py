"""Does everyone who decides on a bundle see every call of it, on every page that shows a document?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from approvals.bundling import Desk, add, catalog, spend
from web.conftest import text_of
from worlds import World, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, catalog()) as world:
        yield world


@pytest.fixture
async def bundle(world: World) -> str:
    return str((await Desk(world).run([add("첫째"), spend(20), add("셋째")]))["approvals"][0])


async def test_the_page_shows_each_call_with_what_it_would_change(people: Any, bundle: str) -> None:
    page = text_of(await people["lead"].get(f"/approvals/{bundle}"))
    for said in ("과제 추가 외 2건", "첫째", "셋째", "3건 중 1번째", "3건 중 2번째 비용 추가", "3건 중 3번째"):
        assert said in page, said
    assert "100 120" in page
    assert page.count("값의 출처") == 2 * 3, "each call's own, with a caption"


async def test_several_are_approved_with_every_call_in_sight(people: Any, bundle: str, world: World) -> None:
    other = (await Desk(world).run([add("다섯째"), add("여섯째")]))["approvals"][0]
    page = text_of(await people["lead"].get(f"/approvals/several?id={bundle}&id={other}"))
    for said in ("첫째", "셋째", "다섯째", "여섯째"):
        assert said in page, said


async def test_the_conversation_shows_each_call(people: Any, bundle: str, world: World) -> None:
    (run,) = await world.sql("select session_id from run")
    page = await people["owner"].get(f"/ask/{run['session_id']}")
    said = text_of(page)
    assert bundle in page.text
    assert "첫째" in said
    assert "셋째" in said


async def test_a_stranger_learns_nothing_of_a_bundle(people: Any, bundle: str) -> None:
    for who in ("stranger", "colleague"):
        page = await people[who].get(f"/approvals/{bundle}")
        assert page.status_code == 404
        assert "셋째" not in page.text
