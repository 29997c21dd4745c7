"""Does the choice among models keep answering when some fail, without asking those that are down again and again?"""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from daeri.clock import FixedClock
from daeri.errors import ModelUnavailable
from daeri.models.client import ModelClient
from daeri.models.route import FAILURES_MAX, PAUSE_SECONDS, RETRY_LEAST, Health, Models, Sight
from daeri.models.table import TableError, budgets_in, models_in
from daeri.models.wire import EndpointFailed, Finished, Model, Price, Usage
from daeri.operations.sensitivity import SENSITIVE
from daeri.testing.model_server import ModelServer, fails, says

pytestmark = pytest.mark.anyio

QUESTION = [{"role": "user", "content": "남은 연차 며칠이야?"}]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def client():
    async with ModelClient(FixedClock(datetime(2026, 11, 22, tzinfo=UTC))) as opened:
        yield opened


@pytest.fixture
async def servers():
    async with ModelServer() as first, ModelServer() as second:
        first.always(says("첫째"))
        second.always(says("둘째"))
        yield first, second


@pytest.fixture
def models(servers):
    names = ("first", "second")
    return [
        Model(name, server.base_url, "", name, retry_wait_seconds=0.001)
        for name, server in zip(names, servers, strict=True)
    ]


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


async def answered_by(models: Models, **more: object) -> str:
    items = [item async for item in models.stream(QUESTION, **more)]
    (end,) = [item for item in items if isinstance(item, Finished)]
    return end.name


async def test_a_model_that_keeps_failing_is_left_alone_and_tried_once_after_its_pause(client, servers, models):
    watch = Watch()
    router = Models(client, models, now=watch)
    servers[0].always(fails(401))
    for _ in range(FAILURES_MAX):
        assert await answered_by(router) == "second"
    asked = len(servers[0].requests)
    assert await answered_by(router) == "second"
    assert len(servers[0].requests) == asked, "it was asked although it rests"
    watch.seconds += PAUSE_SECONDS + 1
    servers[0].always(says("다시"))
    assert await answered_by(router) == "first"
    assert router.health("first").failures == 0


async def test_a_refused_request_says_nothing_about_the_models_health(client, servers, models):
    router = Models(client, models[:1], now=Watch())
    servers[0].always(fails(400))
    for _ in range(FAILURES_MAX + 1):
        with pytest.raises(EndpointFailed):
            await answered_by(router)
    assert router.health("first").failures == 0


async def test_when_all_rest_the_answer_comes_at_once_and_says_how_long(client, servers, models):
    router = Models(client, models, now=Watch())
    for server in servers:
        server.always(fails(401))
    for _ in range(FAILURES_MAX):
        with pytest.raises(EndpointFailed):
            await answered_by(router)
    asked = [len(server.requests) for server in servers]
    with pytest.raises(ModelUnavailable, match="rests") as refused:
        await answered_by(router)
    assert refused.value.extra["retry_after"] == round(PAUSE_SECONDS)
    assert [len(server.requests) for server in servers] == asked


async def test_each_further_failure_doubles_the_pause_up_to_a_limit():
    health, pauses = Health(), []
    for _ in range(FAILURES_MAX + 8):
        health.failed(0.0)
        pauses.append(health.paused_until)
    assert pauses[FAILURES_MAX - 1 : FAILURES_MAX + 2] == [PAUSE_SECONDS, 2 * PAUSE_SECONDS, 4 * PAUSE_SECONDS]
    assert pauses[-1] == 300.0


async def test_only_one_request_tries_a_model_after_its_pause():
    health = Health()
    for _ in range(FAILURES_MAX):
        health.failed(0.0)
    assert not health.is_open_at(PAUSE_SECONDS - 1)
    assert health.is_open_at(PAUSE_SECONDS)
    health.begin()
    assert not health.is_open_at(PAUSE_SECONDS)


async def test_fallbacks_stop_when_too_many_of_a_minutes_requests_needed_one(client, servers, models):
    watch = Watch()
    router = Models(client, models, now=watch)
    servers[0].always(fails(400))
    answers = Counter[str]()
    for _ in range(RETRY_LEAST + 5):
        try:
            answers[await answered_by(router)] += 1
        except EndpointFailed:
            answers["failed"] += 1
    assert answers == {"second": RETRY_LEAST, "failed": 5}
    watch.seconds += 61
    assert await answered_by(router) == "second"


async def test_models_of_one_tier_share_the_load_by_weight(client, models):
    heavy, light = replace(models[0], tier=1, weight=3.0), replace(models[1], tier=1, weight=1.0)
    router = Models(client, [heavy, light], now=Watch(), chance=Random(7))  # noqa: S311 - the same each time
    answers = Counter([await answered_by(router) for _ in range(40)])
    assert answers["first"] > answers["second"] > 0


async def test_a_later_tier_is_asked_only_when_the_earlier_fails(client, servers, models):
    router = Models(client, [replace(models[0], tier=2), replace(models[1], tier=1)], now=Watch())
    assert router.names == ("second", "first")
    assert await answered_by(router) == "second"
    assert servers[0].requests == []


async def test_a_cost_that_the_endpoint_does_not_tell_follows_from_the_price(client, models):
    priced = replace(models[0], price=Price(Decimal("0.4"), Decimal("1.6")))
    items = [item async for item in Models(client, [priced]).stream(QUESTION)]
    (usage,) = [item for item in items if isinstance(item, Usage)]
    expected = (Decimal("0.4") * usage.input_tokens + Decimal("1.6") * usage.output_tokens) / 1_000_000
    assert usage.cost_usd == expected


async def test_a_cost_without_a_price_stays_unknown(client, models):
    items = [item async for item in Models(client, models[:1]).stream(QUESTION)]
    assert [item.cost_usd for item in items if isinstance(item, Usage)] == [None]


# The table of models


TABLE = """
[models.spare]
url = "http://127.0.0.1:8000/v1"
model = "qwen3-32b"
tier = 2

[models.main]
url = "https://openrouter.ai/api/v1"
key = "MY_KEY"
model = "openai/gpt-4.1-mini"
price = { input_usd = 0.4, output_usd = 1.6 }
context = 1000000
options = { temperature = 0 }
"""


async def test_a_table_names_the_models_in_order_with_their_keys_from_the_environment(tmp_path: Path):
    file = tmp_path / "models.toml"
    file.write_text(TABLE, encoding="utf-8")
    main, spare = models_in(file, {"MY_KEY": "sk-secret"})
    assert (main.name, main.api_key, main.price) == ("main", "sk-secret", Price(Decimal("0.4"), Decimal("1.6")))
    assert (spare.name, spare.api_key, spare.tier, spare.price) == ("spare", "", 2, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[models.a]\nurl = 'http://x/v1'", "models.a.model: Field required"),
        ("[models.a]\nurl = 'ftp://x/v1'\nmodel = 'm'", "must begin with http"),
        ("[models.a]\nurl = 'http://x/v1'\nmodel = 'm'\nkey = 'GONE'", "the variable GONE that should hold its key"),
        ("[models.a]\nurl = 'http://x/v1'\nmodel = 'm'\nprize = 1", "models.a.prize: Extra inputs"),
        ("[models.a]\nurl = 'http://x/v1'\nmodel = 'm'\nweight = 0", "models.a.weight"),
        ("[models]", "names no model"),
        ("models = ", "Invalid value"),
    ],
)
async def test_a_wrong_table_says_where_and_never_holds_a_key(tmp_path: Path, text: str, told: str):
    file = tmp_path / "models.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TableError, match=told):
        models_in(file, {"KEY": "sk-secret"})


async def test_a_table_names_the_budgets(tmp_path: Path):
    file = tmp_path / "models.toml"
    file.write_text(
        TABLE
        + "\n[[budgets]]\nof = 'person'\nusd = 20\n\n[[budgets]]\nof = 'team'\nwho = '7'\ntokens = 9\nper = 'day'\n"
    )
    monthly, daily = budgets_in(file)
    assert (monthly.of, monthly.who, monthly.per, monthly.usd, monthly.tokens) == ("person", "*", "month", 20, None)
    assert (daily.of, daily.who, daily.per, daily.usd, daily.tokens) == ("team", "7", "day", None, 9)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("of = 'person'", "usd, tokens or both"),
        ("of = 'robot'\nusd = 1", "budgets.0.of"),
        ("of = 'person'\nusd = 0", "budgets.0.usd"),
        ("of = 'person'\nusd = 1\nper = 'year'", "budgets.0.per"),
    ],
)
async def test_a_wrong_budget_says_where(tmp_path: Path, text: str, told: str):
    file = tmp_path / "models.toml"
    file.write_text(f"{TABLE}\n[[budgets]]\n{text}\n")
    with pytest.raises(TableError, match=told):
        budgets_in(file)


async def test_a_missing_table_is_told(tmp_path: Path):
    with pytest.raises(TableError, match="No such file"):
        models_in(tmp_path / "none.toml", {})


async def test_a_context_goes_to_the_models_that_may_see_most_of_it_and_the_rest_is_left_out(client, models):
    first = replace(models[0], sees=frozenset({"personal"}))
    second = replace(models[1], sees=frozenset({"personal", "secret"}))
    router = Models(client, [first, second])
    assert router.sight(frozenset()) == Sight(("first", "second"), frozenset())
    assert router.sight(frozenset({"personal"})) == Sight(("first", "second"), frozenset())
    assert router.sight(frozenset({"personal", "secret"})) == Sight(("second",), frozenset())
    everything = frozenset({"confidential", "personal", "secret"})
    assert router.sight(everything) == Sight(("second",), frozenset({"confidential"}))


async def test_no_model_but_those_named_is_asked_even_where_all_of_them_fail(client, servers, models):
    servers[1].always(fails(401))
    with pytest.raises(EndpointFailed):
        await answered_by(Models(client, models), among=["second"])
    assert not servers[0].requests


def test_every_model_sees_everything_until_the_table_says_what_one_of_them_sees(tmp_path):
    file = tmp_path / "models.toml"
    address = {"far": "https://models.example.com/v1", "near": "http://10.1.2.3:8000/v1", "own": "http://localhost/v1"}
    written = "\n".join(f'[models.{name}]\nurl = "{url}"\nmodel = "m"\n' for name, url in address.items())
    file.write_text(written)
    assert {model.name: set(model.sees) for model in models_in(file, {})} == {key: set(SENSITIVE) for key in address}
    file.write_text(
        f'{written}\n[models.half]\nurl = "https://half.example.com/v1"\nmodel = "m"\nsees = ["personal"]\n'
    )
    sees = {model.name: set(model.sees) for model in models_in(file, {})}
    assert sees == {"far": set(), "near": set(SENSITIVE), "own": set(SENSITIVE), "half": {"personal"}}
    file.write_text('[models.far]\nurl = "https://far.example.com/v1"\nmodel = "m"\nsees = ["everything"]\n')
    with pytest.raises(TableError, match="sees"):
        models_in(file, {})


async def test_a_model_is_asked_by_no_more_than_it_may_be_at_once(client, servers, models):
    servers[0].always(says("첫째").slowly(0.05))
    busy = Models(client, [replace(models[0], at_once=2)])
    going_on = [0, 0]

    async def ask():
        async for item in busy.stream(QUESTION):
            if isinstance(item, Finished):
                return
            going_on[1] = max(going_on[1], len(servers[0].requests) - going_on[0])

    async def asked():
        await ask()
        going_on[0] += 1

    await asyncio.gather(*(asked() for _ in range(6)))
    assert len(servers[0].requests) == 6
    assert going_on[1] <= 2


async def test_waiting_for_a_place_uses_up_no_time_of_the_request(client, servers, models):
    watch = Watch()
    busy = Models(client, [replace(models[0], at_once=1, total_seconds=30), models[1]], now=watch)
    first = busy.stream(QUESTION)
    await anext(first)
    servers[0].always(fails(401))
    waiting = asyncio.create_task(answered_by(busy))
    await asyncio.sleep(0.01)
    watch.seconds += 60
    await first.aclose()
    assert await waiting == "second", "there is time left for another one"
