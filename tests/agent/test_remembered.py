"""Is the same asked of a model only once, where its replies are remembered, and never for anybody else's sake?"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from daeri.app import Daeri
from daeri.models.kept import BYTES_MAX, Replies, Request
from daeri.models.wire import Finished, InvalidToolCall, Item, Model, TextDelta
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.settings import Settings
from daeri.testing.model_server import Asked, ModelServer, Spent, calls, says
from databases import settings_for

pytestmark = pytest.mark.anyio

QUESTION = "내 휴가 며칠 남았어?"
LEAVE = calls(Asked("leave__request", {"start": "2027-01-14", "end": "2027-01-15"}))


@dataclass
class Office:
    """A server with a model whose replies are remembered, or not."""

    daeri: Daeri
    model: ModelServer
    deputy: Actor

    async def ask(self, text: str) -> dict[str, Any]:
        run = await self.daeri.runs.create(self.deputy, text)
        return await self.daeri.runs.wait(self.deputy, run["run_id"], 20)


@asynccontextmanager
async def office_of(built: Path, folder: Path, cache: str) -> AsyncIterator[Office]:
    shutil.copytree(built, folder)
    async with ModelServer() as model:
        table = folder / "models.toml"
        price = "price = { input_usd = 1, output_usd = 1 }"
        table.write_text(f'[models.main]\nurl = "{model.base_url}"\nmodel = "m"\n{price}\n{cache}\n')
        settings = Settings(dir=folder, models=table, **settings_for(folder))
        async with Daeri(hanbit(), settings) as daeri:
            people = await daeri.door.mentions(Actor.system("test"), ["김하은"])
            yield Office(daeri, model, await daeri.identity.actor_of_person(people[0].id, "rest"))


@pytest.fixture
async def office(built: Path, tmp_path: Path) -> AsyncIterator[Office]:
    async with office_of(built, tmp_path / "hanbit", 'cache = "1h"') as opened:
        yield opened


async def test_the_same_question_of_the_same_person_is_asked_once_and_its_cost_is_told_as_none(office: Office) -> None:
    asks = calls(Asked("leave__balance", {"employee": "김하은"}))
    office.model.when("휴가 며칠", asks, says("7.5일 남았어요.", spent=Spent(200, 12)))
    first = await office.ask(QUESTION)
    again = await office.ask(QUESTION)
    assert len(office.model.requests) == 2
    assert again["answer"] == first["answer"] == "7.5일 남았어요."
    assert again["citations"], "the records were read anew, only the model was not asked"
    assert (again["usage"]["input_tokens"], again["usage"]["cost_usd"]) == (0, 0)
    assert first["usage"]["cost_usd"] > 0
    told = [each for step in again["steps"] for each in step["output"].get("asked", ())]
    assert [(each["model"], each.get("cached")) for each in told] == [("main", True)] * 2
    await office.daeri.raw._book.write()
    page = await office.daeri.costs.page(office.deputy, {"by": "model"})
    assert (page["total"]["calls"], page["total"]["cached"], page["total"]["unknown_costs"]) == (4, 2, 0)


async def test_nothing_is_remembered_unless_the_table_says_so(built: Path, tmp_path: Path) -> None:
    async with office_of(built, tmp_path / "hanbit", "") as plain:
        plain.model.always(says("네."))
        for _ in range(2):
            await plain.ask(QUESTION)
        assert len(plain.model.requests) == 2


async def test_a_request_to_change_something_is_thought_about_anew_each_time(office: Office) -> None:
    office.model.when("연차", LEAVE)
    for _ in range(2):
        run = await office.ask("1월 14일부터 15일까지 연차 올려줘")
    assert [step["status"] for step in run["steps"] if step["kind"] == "execute"] != []
    asked = [each for step in run["steps"] for each in step["output"].get("asked", ())]
    assert "cached" not in asked[0]


KEPT = Model("main", "http://127.0.0.1/v1", "", "m", cache_seconds=60)
ACTOR = Actor(7, "김하은", team_id=3, roles=frozenset({"hr"}), agent="assistant", scopes=(("*",),), door="rest")


def request_of(actor: Actor = ACTOR, text: str = "안녕", tools: tuple[str, ...] = ()) -> Request:
    return Request([{"role": "user", "content": text}], [{"name": name} for name in tools], actor.authority)


def reply(text: str = "네", name: str = "main") -> list[Item]:
    return [TextDelta(text), Finished("stop", name, "m")]


@pytest.mark.parametrize(
    "other",
    [
        request_of(replace(ACTOR, person_id=8)),
        request_of(replace(ACTOR, roles=frozenset())),
        request_of(replace(ACTOR, team_id=4)),
        request_of(replace(ACTOR, agent="other")),
        request_of(replace(ACTOR, scopes=(("*",), ("read",)))),
        request_of(text="안녕?"),
        request_of(tools=("leave__balance",)),
    ],
)
def test_a_reply_is_never_given_to_another_request_or_to_whoever_has_other_rights(other: Request) -> None:
    replies = Replies([KEPT])
    replies.keep(request_of(), reply())
    assert replies.find(request_of(replace(ACTOR, door="mcp", credential="k")), ["main"])
    assert replies.find(other, ["main"]) == ()


def test_a_reply_is_forgotten_in_time_and_with_its_model() -> None:
    now = [100.0]
    replies = Replies([KEPT], now=lambda: now[0])
    replies.keep(request_of(), reply())
    assert replies.find(request_of(), ["spare"]) == (), "a model that may not see the context has not answered it"
    now[0] += 59
    assert replies.find(request_of(), ["main"])
    now[0] += 2
    assert replies.find(request_of(), ["main"]) == ()
    changed = Replies([replace(KEPT, extra={"temperature": 1})])
    assert request_of().key(KEPT) != request_of().key(changed._models["main"])


def test_what_is_remembered_is_bounded_and_a_broken_call_is_not_worth_it() -> None:
    replies = Replies([KEPT])
    for number in range(20):
        replies.keep(request_of(text=str(number)), reply("긴 답 " * (BYTES_MAX // 40)))
    assert replies._kept.size <= BYTES_MAX
    assert replies.find(request_of(text="19"), ["main"])
    assert not replies.find(request_of(text="0"), ["main"])
    replies.keep(request_of(), [InvalidToolCall("1", "x", "{", "no JSON"), *reply()])
    assert not replies.find(request_of(), ["main"])
    replies.keep(request_of(), reply(name="unknown"))
    assert not replies.find(request_of(), ["main"])
