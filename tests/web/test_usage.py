"""The account of the models as a screen: of oneself, or for auditors of everyone."""

from decimal import Decimal

import pytest

from daeri.records.usage import UseBook
from web.conftest import text_of
from worlds import COLLEAGUE, OWNER, World

pytestmark = pytest.mark.anyio


async def use(world: World, person: int, model: str, cost: str | None) -> None:
    book = UseBook(world.store, world.clock)
    begun = book.begin(await world.actor(person), model, "plan")
    spent = None if cost is None else Decimal(cost)
    book.note(begun._replace(input_tokens=1_200, output_tokens=34, cost_usd=spent))
    await book.close()


@pytest.fixture
async def used(world: World) -> None:
    await use(world, OWNER, "main", "0.5")
    await use(world, COLLEAGUE, "secret-model-of-a-colleague", None)


@pytest.mark.usefixtures("used")
async def test_everyone_sees_what_they_used_themselves(people):
    page = text_of(await people["owner"].get("/models"))
    assert "main" in page
    assert "$0.5000" in page
    assert "1,200" in page
    assert "secret-model-of-a-colleague" not in page
    assert "이 기간에 쓴 모델이 없어요" in text_of(await people["stranger"].get("/models"))


@pytest.mark.usefixtures("used")
async def test_an_auditor_sees_everyone_and_which_costs_are_unknown(people):
    page = await people["auditor"].get("/models?by=person")
    assert 'href="/models"' in page.text
    assert "모름 1건" in text_of(page)
    assert page.text.count('role="rowheader"') == 2
    assert 'href="/models"' not in (await people["owner"].get("/ask")).text


async def test_what_makes_no_sense_is_said_beside_the_form(people):
    page = await people["auditor"].get("/models?since=yesterday")
    assert page.status_code == 422
    assert '<input id="since" name="since" value="yesterday"' in page.text
