"""Do the agents of a file work: their models, their bounds, their conversations?"""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daeri.app import Daeri
from daeri.errors import DeclarationError
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.settings import Settings
from daeri.testing.model_server import Asked, ModelServer, Spent, calls, says
from databases import settings_for

pytestmark = pytest.mark.anyio

AGENTS = """
[agents.clerk]
label = { ko = "서기", en = "Clerk" }
instructions = "짧게 답해요."
model = "small"
operations = ["leave.balance"]
limits = { calls = 2, tokens = 300 }

[agents.quick]
label = { ko = "급행", en = "Quick" }
model = "small"
limits = { seconds = 1 }

[agents.payroll]
label = { ko = "급여", en = "Payroll" }
users = ["hr"]
"""
BALANCE = Asked("leave__balance", {"employee": "김하은"})


@dataclass
class Office:
    """A server with two models and three further agents."""

    daeri: Daeri
    large: ModelServer
    small: ModelServer
    deputy: Actor

    async def ask(self, text: str, agent: str | None = None, session: str | None = None) -> dict[str, Any]:
        run = await self.daeri.runs.create(self.deputy, text, agent=agent, session_id=session)
        return await self.daeri.runs.wait(self.deputy, run["run_id"], 20)


def settings_of(folder: Path, large: ModelServer, small: ModelServer, agents: str = AGENTS) -> Settings:
    (folder / "agents.toml").write_text(agents)
    models = folder / "models.toml"
    models.write_text(
        f'[models.large]\nurl = "{large.base_url}"\nmodel = "l"\n'
        f'[models.small]\nurl = "{small.base_url}"\nmodel = "s"\ntier = 2\n'
    )
    return Settings(dir=folder, models=models, agents=folder / "agents.toml", **settings_for(folder))


@pytest.fixture
async def office(built: Path, tmp_path: Path) -> AsyncIterator[Office]:
    folder = tmp_path / "hanbit"
    shutil.copytree(built, folder)
    async with (
        ModelServer() as large,
        ModelServer() as small,
        Daeri(hanbit(), settings_of(folder, large, small)) as daeri,
    ):
        people = await daeri.door.mentions(Actor.system("test"), ["김하은"])
        yield Office(daeri, large, small, await daeri.identity.actor_of_person(people[0].id, "rest"))


async def test_an_agent_asks_its_own_model_with_its_own_words_and_operations(office: Office) -> None:
    office.small.always(says("네."))
    run = await office.ask("내 휴가 며칠 남았어?", "clerk")
    assert (run["agent"], run["agent_label"], run["usage"]["model"]) == ("clerk", "서기", "small")
    body = office.small.requests[0].body
    assert "짧게 답해요." in body["messages"][0]["content"]
    assert {tool["function"]["name"] for tool in body["tools"]} == {"leave__balance"}
    assert not office.large.requests


async def test_a_call_outside_an_agents_operations_is_refused_by_the_door(office: Office) -> None:
    office.small.when("연봉", calls(Asked("employee__salary", {"employee": "김하은"})), says("못 해요."))
    run = await office.ask("내 연봉 얼마야?", "clerk")
    refused = [step for step in run["steps"] if step["kind"] == "execute"]
    assert [step["output"]["refused"]["code"] for step in refused] == ["permission-denied"]


async def test_a_run_calls_no_more_operations_than_its_agent_may(office: Office) -> None:
    office.small.when("휴가", calls(BALANCE), calls(BALANCE, BALANCE, BALANCE), says("끝."))
    run = await office.ask("휴가", "clerk")
    assert [step["name"] for step in run["steps"] if step["kind"] == "execute"] == ["leave.balance"] * 2


async def test_a_run_that_has_used_its_agents_tokens_is_stopped(office: Office) -> None:
    office.small.when("휴가", calls(BALANCE, spent=Spent(250, 60)), says("끝."))
    office.small.when("과제", says("한 번은 답해요.", spent=Spent(400, 10)))
    assert (await office.ask("과제", "clerk"))["status"] == "succeeded", "one reply may go over"
    run = await office.ask("휴가", "clerk")
    assert (run["status"], run["error"]["code"]) == ("failed", "budget-exceeded")
    assert "300" in run["error"]["detail"]
    assert len(office.small.requests) == 2, "it was not asked again"


async def test_a_run_that_takes_longer_than_its_agent_may_is_stopped(office: Office) -> None:
    office.small.always(says("아주 천천히 말하고 있어요", characters=2).slowly(0.4))
    run = await office.ask("안녕", "quick")
    assert (run["status"], run["error"]["code"]) == ("failed", "timeout")
    assert "1초" in run["error"]["detail"]


async def test_a_conversation_stays_with_its_agent_and_is_not_told_to_another(office: Office) -> None:
    office.small.always(says("서기의 답"))
    office.large.always(says("대리의 답"))
    first = await office.ask("안녕", "clerk")
    again = await office.ask("그래서?", session=first["session_id"])
    assert (again["agent"], again["answer"]) == ("clerk", "서기의 답")
    assert "서기의 답" in str(office.small.requests[-1].body["messages"])
    other = await office.ask("그래서?", "assistant", first["session_id"])
    assert other["answer"] == "대리의 답"
    assert "서기의 답" not in str(office.large.requests[-1].body["messages"])


async def test_a_file_whose_agents_do_not_fit_the_company_or_the_models_is_refused(tmp_path: Path) -> None:
    async with ModelServer() as model:
        for wrong, why in (('operations = ["leafe.*"]', "leafe"), ('model = "medium"', "medium"), ("", "assistant")):
            name = "assistant" if not wrong else "a"
            text = f'[agents.{name}]\nlabel = {{ ko = "가", en = "A" }}\n{wrong}\n'
            with pytest.raises(DeclarationError, match=why):
                Daeri(hanbit(), settings_of(tmp_path, model, model, text))
