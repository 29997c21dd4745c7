"""What models cost, and the budgets that end it: through OpenAI's own client and the account's own doors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import openai
import pytest

from daeri.models.wire import Price
from daeri.operations.budgets import Budget
from daeri.testing.model_server import Spent, fails, says
from gateway.gateway_house import Keys
from gateway.openai_house import MODEL, Place, place
from gateway.test_keys import made
from worlds import AUDITOR, COLLEAGUE, OWNER

pytestmark = pytest.mark.anyio
PRICE = Price(Decimal(2), Decimal(10))
"""US dollars for a million tokens."""


@pytest.fixture
def keyed_and_folder(keyed: Keys, tmp_path: Path) -> tuple[Keys, Path]:
    return keyed, tmp_path


@asynccontextmanager
async def opened_with(
    where: tuple[Keys, Path], *budgets: Budget, price: Price | None = PRICE
) -> AsyncIterator[tuple[Place, dict[str, openai.AsyncOpenAI]]]:
    """A house whose model has a price, and clients of two people who may use it."""
    async with place(*where, budgets=budgets, price=price) as here:
        clients = {}
        for name, person in (("owner", OWNER), ("colleague", COLLEAGUE)):
            key = await here.house.identity.add_key(person, "raw", decides=False, scopes=["model.*"])
            here.keys[f"raw {name}"] = key.secret
            clients[name] = here.client(f"raw {name}")
        here.keys["auditor"] = here.house.keys["auditor"] = (
            await here.house.identity.add_key(AUDITOR, "test", decides=False)
        ).secret
        here.upstream.always(says("네", spent=Spent(1_000, 100)))
        yield here, clients


async def ask(client: openai.AsyncOpenAI) -> str:
    messages = [{"role": "user", "content": "hi"}]
    answer = await client.chat.completions.create(model=MODEL, messages=messages, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])


async def usage(here: Place, who: str, query: str = "") -> dict:
    await here.house.services.raw._book.write()
    answer = await here.house.get(who, f"/v1/usage{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_use_is_told_with_its_tokens_and_its_cost(keyed_and_folder):
    async with opened_with(keyed_and_folder) as (here, clients):
        await ask(clients["owner"])
        await ask(clients["owner"])
        told = await usage(here, "owner")
    cost = 2 * (1_000 * 2 + 100 * 10) / 1_000_000
    one = {
        "calls": 2,
        "failed": 0,
        "cached": 0,
        "input_tokens": 2_000,
        "output_tokens": 200,
        "cost_usd": cost,
        "unknown_costs": 0,
    }
    assert told["data"] == [{"model": MODEL, **one}]
    assert told["total"] == one


async def test_a_cost_that_nobody_tells_is_unknown(keyed_and_folder):
    async with opened_with(keyed_and_folder, price=None) as (here, clients):
        await ask(clients["owner"])
        told = await usage(here, "owner")
    assert (told["total"]["cost_usd"], told["total"]["unknown_costs"]) == (None, 1)


async def test_everyone_is_told_of_themself_and_an_auditor_of_everyone(keyed_and_folder):
    async with opened_with(keyed_and_folder) as (here, clients):
        await ask(clients["owner"])
        await ask(clients["colleague"])
        by_person = "?by=person"
        assert [row["person"]["id"] for row in (await usage(here, "owner", by_person))["data"]] == [OWNER]
        assert [row["person"]["id"] for row in (await usage(here, "colleague", by_person))["data"]] == [COLLEAGUE]
        assert (await usage(here, "lead", by_person))["data"] == []
        everyone = (await usage(here, "auditor", by_person))["data"]
        assert {row["person"]["id"] for row in everyone} == {OWNER, COLLEAGUE}
        assert (await usage(here, "lead", f"?person={OWNER}"))["total"]["calls"] == 0
        assert (await usage(here, "auditor", f"?person={OWNER}"))["total"]["calls"] == 1


@pytest.mark.parametrize("by", ["model", "person", "team", "agent", "key", "run", "purpose", "day"])
async def test_the_groups_add_up_to_the_total(keyed_and_folder, by):
    async with opened_with(keyed_and_folder) as (here, clients):
        await ask(clients["owner"])
        await ask(clients["colleague"])
        told = await usage(here, "auditor", f"?by={by}")
        assert sum(row["calls"] for row in told["data"]) == told["total"]["calls"] == 2
        assert all(by in row for row in told["data"])


async def test_days_outside_of_what_is_asked_for_are_left_out(keyed_and_folder):
    async with opened_with(keyed_and_folder) as (here, clients):
        await ask(clients["owner"])
        today = here.house.world.clock.today()
        assert (await usage(here, "owner", f"?since={today}&until={today}"))["total"]["calls"] == 1
        assert (await usage(here, "owner", f"?until={today - timedelta(days=1)}"))["total"]["calls"] == 0
        for query in ("?by=colour", "?since=tomorrow", "?person=nobody"):
            assert (await here.house.get("owner", f"/v1/usage{query}")).status_code == 422


async def refused(asking) -> dict:
    with pytest.raises(openai.APIStatusError) as error:
        await asking
    assert error.value.status_code == 402
    return error.value.body


@pytest.mark.parametrize(
    "budget",
    [
        Budget("person", "*", "day", tokens=1_500),
        Budget("person", str(OWNER), "month", usd=Decimal("0.004")),
        Budget("key", "*", "day", tokens=1_500),
    ],
)
async def test_a_spent_budget_stops_those_whose_it_is_and_nobody_else(keyed_and_folder, budget):
    async with opened_with(keyed_and_folder, budget) as (here, clients):
        await ask(clients["owner"])
        await ask(clients["owner"])
        before = len(here.upstream.requests)
        said = await refused(ask(clients["owner"]))
        assert said["code"] == "budget-exceeded"
        assert len(here.upstream.requests) == before
        await ask(clients["colleague"])
        standing = (await usage(here, "owner"))["budgets"]
        if budget.of == "person":
            assert [each["state"] for each in standing] == ["over"]
        assert (await usage(here, "owner"))["total"]["calls"] == 2


async def test_keys_made_by_a_key_spend_the_budget_of_that_key(keyed_and_folder):
    async with opened_with(keyed_and_folder, Budget("key", "*", "day", tokens=2_500)) as (here, clients):
        own = [(await made(here.house, scopes=["model.*"]))["key"] for _ in range(3)]
        for key in (*own[:2], own[0]):
            await ask(here.client(key))
        for key in own:
            assert (await refused(ask(here.client(key))))["code"] == "budget-exceeded"
        here.house.services.raw._budgets._purses.clear()  # as after a restart: all is read from the account
        assert (await refused(ask(here.client(own[1]))))["code"] == "budget-exceeded"
        (mine,) = (await usage(here, "owner", "?by=key"))["data"]
        assert mine["calls"] == 3
        for another in clients.values():
            await ask(another)


@pytest.mark.parametrize("of", ["everyone", "team"])
async def test_people_spend_a_common_budget_together(keyed_and_folder, of):
    async with opened_with(keyed_and_folder, Budget(of, "*", "day", tokens=1_500)) as (_, clients):
        await ask(clients["owner"])
        await ask(clients["colleague"])
        await refused(ask(clients["owner"]))
        await refused(ask(clients["colleague"]))


@pytest.mark.parametrize(("per", "days"), [("day", 1), ("month", 31)])
async def test_a_budget_begins_anew_with_the_next_day_or_month(keyed_and_folder, per, days):
    async with opened_with(keyed_and_folder, Budget("person", "*", per, tokens=1_000)) as (here, clients):
        await ask(clients["owner"])
        await refused(ask(clients["owner"]))
        here.house.world.clock.at += timedelta(days=days)
        await ask(clients["owner"])
        await refused(ask(clients["owner"]))


async def test_what_is_under_way_counts_so_that_at_most_one_estimate_too_much_is_spent(keyed_and_folder):
    async with opened_with(keyed_and_folder, Budget("person", "*", "day", tokens=2_000)) as (here, clients):
        here.upstream.always(says("네", spent=Spent(1_000, 100)).slowly(0.05))
        outcomes = await asyncio.gather(*[ask(clients["owner"]) for _ in range(8)], return_exceptions=True)
        let_through = [one for one in outcomes if isinstance(one, str)]
        assert len(let_through) <= 3
        told = await usage(here, "owner")
        assert told["total"]["input_tokens"] + told["total"]["output_tokens"] <= 2_000 + 1_100


async def test_a_new_server_knows_what_was_spent(keyed_and_folder):
    budget = Budget("person", "*", "day", tokens=1_000)
    async with opened_with(keyed_and_folder, budget) as (here, clients):
        await ask(clients["owner"])
        await here.house.services.raw._book.write()
        here.house.services.raw._budgets._purses.clear()
        await refused(ask(clients["owner"]))


async def test_what_failed_is_counted_as_failed_and_sets_nothing_aside(keyed_and_folder):
    async with opened_with(keyed_and_folder, Budget("person", "*", "day", tokens=3_000)) as (here, clients):
        here.upstream.always(fails(500))
        for _ in range(5):
            with pytest.raises(openai.APIStatusError) as error:
                await ask(clients["owner"])
            assert error.value.status_code != 402
        told = await usage(here, "owner")
        assert (told["total"]["failed"], told["budgets"][0]["spent_tokens"]) == (5, 0)


async def test_the_same_is_told_over_json_rpc(keyed_and_folder):
    async with opened_with(keyed_and_folder) as (here, clients):
        await ask(clients["owner"])
        rest = await usage(here, "owner", "?by=day")
        assert (await here.house.rpc("owner", "usage.get", {"by": "day"}))["result"] == rest
