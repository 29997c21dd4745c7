"""Does work that was asked with a key stop at its next step once the key is revoked, and only that work?"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from daeri.app import Daeri, application
from daeri.errors import KeyRevoked, NotFound
from daeri.operations import Agent, Company
from daeri.records import Actor
from daeri.records.credentials import Credentials, Loan, Wish
from daeri.sample import hanbit
from daeri.settings import Settings
from daeri.testing.model_server import Asked, ModelServer, Received, Reply, calls, says, silent
from daeri.tools.agents import agents_catalog
from daeri.wording import Text
from databases import settings_for

pytestmark = pytest.mark.anyio

BALANCE = calls(Asked("leave__balance", {"employee": "김하은"}))
QUESTION = "내 휴가 며칠 남았어?"
LEAVE = calls(Asked("leave__request", {"start": "2027-01-14", "end": "2027-01-15"}))
TASK = "1월 14일부터 15일까지 연차 올려줘"
ASKS = calls(Asked("agents__ask", {"agent": "clerk", "request": TASK}))
WHY = KeyRevoked()


def company() -> Company:
    """The sample company with an agent that may ask another one."""
    sample = hanbit()
    agents = [
        Agent("assistant", Text("비서", "Assistant")),
        Agent("clerk", Text("서기", "Clerk"), scope=("leave.*", "employee.*")),
    ]
    return replace(sample, catalogs=[*sample.catalogs, agents_catalog()], agents=agents)


@dataclass
class Office:
    """A server, its model, and three people."""

    daeri: Daeri
    model: ModelServer
    owner: int
    colleague: int
    lead: Actor

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.daeri.identity, self.daeri.store, self.daeri.clock)

    async def keyed(self, person: int, **more: Any) -> Actor:
        key = await self.daeri.identity.add_key(person, "test", decides=False, **more)
        return await self.daeri.identity.actor_of_key(key.secret, "rest")

    async def revoke(self, actor: Actor) -> None:
        person = await self.daeri.identity.actor_of_person(actor.person_id, "rest")
        await self.credentials.revoke(person, actor.credential)

    async def ask(self, actor: Actor, words: str = TASK) -> dict[str, Any]:
        run = await self.daeri.runs.create(actor, words)
        return await self.daeri.runs.wait(actor, run["run_id"], 20)

    async def decided(self, actor: Actor, run: dict[str, Any]) -> dict[str, Any]:
        """The run, after what it waits for was approved."""
        await self.daeri.approvals.decide(self.lead, run["approvals"][0], "approve")
        return await self.daeri.runs.wait(actor, run["run_id"], 20)

    def revokes_after(self, operation: str, actor: Actor) -> None:
        """Let a key be revoked at the instant after a call."""
        call = self.daeri.door.call

        async def called(who: Actor, name: str, *rest: Any, **more: Any) -> Any:
            outcome = await call(who, name, *rest, **more)
            if name == operation:
                await self.revoke(actor)
            return outcome

        self.daeri.door.call = called  # type: ignore[method-assign]


@asynccontextmanager
async def opened(folder: Path, model: ModelServer) -> AsyncIterator[Office]:
    settings = Settings(dir=folder, model_url=model.base_url, model="m", **settings_for(folder))
    async with Daeri(company(), settings) as daeri:
        found = [await daeri.door.mentions(Actor.system("test"), [name]) for name in ("김하은", "김도현", "박서연")]
        owner, colleague, lead = (int(people[0].id) for people in found)
        key = await daeri.identity.add_key(lead, "test", decides=True)
        yield Office(daeri, model, owner, colleague, await daeri.identity.actor_of_key(key.secret, "rest"))


@pytest.fixture
async def office(built: Path, tmp_path: Path) -> AsyncIterator[Office]:
    shutil.copytree(built, tmp_path / "hanbit")
    async with ModelServer() as model, opened(tmp_path / "hanbit", model) as office:
        yield office


def stopped(run: dict[str, Any]) -> bool:
    return run["status"] == "failed" and run["error"]["detail"] == WHY.problem("ko")["detail"]


def calls_of(run: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["name"], step["status"]) for step in run["steps"] if step["kind"] == "execute"]


async def test_a_run_stops_at_its_next_call_and_its_model_is_asked_no_more(office: Office) -> None:
    office.model.when(QUESTION, BALANCE, BALANCE, says("7.5일 남았어요."))
    actor = await office.keyed(office.owner)
    office.revokes_after("leave.balance", actor)
    run = await office.ask(actor, QUESTION)
    assert stopped(run), run
    assert calls_of(run) == [("leave.balance", "done"), ("leave.balance", "refused")]
    assert len(office.model.requests) == 2
    owner = await office.daeri.identity.actor_of_person(office.owner, "rest")
    assert stopped(await office.daeri.runs.get(owner, run["run_id"])), "the person learns of it by any other way in"


async def test_what_was_asked_otherwise_goes_on(office: Office) -> None:
    office.model.always(LEAVE, says("등록됐어요."))
    revoked, other = await office.keyed(office.owner), await office.keyed(office.owner)
    run = await office.ask(other)
    await office.revoke(revoked)
    assert (await office.decided(other, run))["status"] == "succeeded"
    office.model.always(BALANCE, says("네."))
    _, signed_in = await office.daeri.identity._start_session(office.owner, "test")
    for who in (other, signed_in, await office.keyed(office.colleague)):
        office.revokes_after("leave.balance", await office.keyed(office.owner))
        assert (await office.ask(who, QUESTION))["status"] == "succeeded"


async def test_a_run_that_waits_is_stopped_when_it_wakes_and_what_was_approved_stays_done(office: Office) -> None:
    office.model.when(TASK, LEAVE, says("등록됐어요."))
    actor = await office.keyed(office.owner)
    run = await office.ask(actor)
    assert run["status"] == "waiting_approval", run
    await office.revoke(actor)
    ended = await office.decided(actor, run)
    assert stopped(ended), ended
    assert (await office.daeri.approvals.show(office.lead, run["approvals"][0]))["status"] == "applied"
    assert len(office.model.requests) == 1
    colleague = await office.keyed(office.colleague)
    with pytest.raises(NotFound):
        await office.daeri.runs.get(colleague, run["run_id"])


async def test_a_key_or_a_session_that_ends_by_itself_stops_nothing(office: Office) -> None:
    office.model.decides(lambda received: LEAVE if received.body["messages"][-1]["role"] == "user" else says("네."))
    short = await office.keyed(office.owner, life=timedelta(minutes=5))
    first = await office.ask(short)
    end = "UPDATE api_key SET expires_at = '2020-01-01 00:00:00' WHERE id = :id"
    await _sql(office, end, id=short.credential)
    assert (await office.decided(short, first))["status"] == "succeeded"
    token, person = await office.daeri.identity._start_session(office.colleague, "test")
    second = await office.ask(person, "1월 14일부터 15일까지 연차 올려줘")
    await office.daeri.identity.sign_out(token)
    assert second["status"] == "waiting_approval", second
    document = await office.daeri.approvals.show(person, second["approvals"][0])
    decider = await office.daeri.identity.actor_of_person(document["line"][0]["person"]["id"], "rest")
    await office.daeri.approvals.decide(replace(decider, decides=True), second["approvals"][0], "approve")
    assert (await office.daeri.runs.wait(person, second["run_id"], 20))["status"] == "succeeded"


async def test_with_a_key_ends_what_was_asked_with_the_keys_and_tokens_made_of_it(office: Office) -> None:
    office.model.when(QUESTION, BALANCE, BALANCE, says("네."))
    first = await office.keyed(office.owner)
    made = await office.credentials.create(first, Wish("second"))
    second = await office.daeri.identity.actor_of_key(made["key"], "rest")
    lent = await office.credentials.exchange(second, Loan("assistant"))
    third = await office.daeri.identity.actor_of_key(lent.secret, "rest")
    office.revokes_after("leave.balance", first)
    assert stopped(await office.ask(third, QUESTION))


async def test_the_run_of_an_agent_that_was_asked_stops_with_the_one_that_asked(office: Office) -> None:
    def decide(received: Received) -> Reply:
        if any(message["role"] == "tool" for message in received.body["messages"]):
            return says("네.")
        return LEAVE if received.last_question == TASK else ASKS

    office.model.decides(decide)
    actor = await office.keyed(office.owner)
    run = await office.daeri.runs.create(actor, "서기에게 연차를 맡겨 줘", agent="assistant")
    child: dict[str, Any] = {}
    while child.get("status") != "waiting_approval":
        await office.daeri.runs.wait(actor, run["run_id"], 0.1)
        page = await office.daeri.runs.page(actor)
        child = next((each for each in page["data"] if each["parent_run_id"] == run["run_id"]), {})
        assert child.get("status") not in ("failed", "succeeded"), child
    await office.revoke(actor)
    document = await office.daeri.approvals.show(actor, child["approvals"][0])
    person = await office.daeri.identity.actor_of_person(document["line"][0]["person"]["id"], "rest")
    await office.daeri.approvals.decide(replace(person, decides=True), child["approvals"][0], "approve")
    for each in (child["run_id"], run["run_id"]):
        assert stopped(await office.daeri.runs.wait(actor, each, 20))


async def test_a_run_that_a_dead_server_left_at_work_is_not_taken_up_again(built: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hanbit"
    shutil.copytree(built, folder)
    async with ModelServer() as model:
        model.when(QUESTION, BALANCE, silent())
        async with opened(folder, model) as office:
            actor = await office.keyed(office.owner)
            run = await office.daeri.runs.create(actor, QUESTION)
            await model.request(1)
            await office.revoke(actor)
        async with opened(folder, model) as office:
            ended = await office.daeri.runs.wait(actor, run["run_id"], 20)
        assert stopped(ended), ended
        assert len(model.requests) == 2


async def test_whoever_asks_over_http_is_told_why_and_what_to_do(office: Office) -> None:
    office.model.when(QUESTION, BALANCE, BALANCE, says("네."))
    key = await office.daeri.identity.add_key(office.owner, "test", decides=False)
    office.revokes_after("leave.balance", await office.daeri.identity.actor_of_key(key.secret, "rest"))
    transport = ASGITransport(app=application(office.daeri, working=False))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        asked = {"model": "agent/assistant", "messages": [{"role": "user", "content": QUESTION}]}
        headers = {"Authorization": f"Bearer {key.secret}", "Accept-Language": "en"}
        answer = await client.post("/v1/chat/completions", json=asked, headers=headers)
        token, _ = await office.daeri.identity._start_session(office.owner, "test")
        client.cookies.set("daeri_session", token)
        (run,) = (await office.daeri.runs.page(await office.keyed(office.owner)))["data"]
        page = (await client.get(f"/runs/{run['run_id']}")).text
    assert (answer.status_code, answer.json()["error"]["daeri"]["detail"]) == (403, WHY.detail.en)
    assert WHY.problem("ko")["detail"] in page


async def _sql(office: Office, statement: str, **values: Any) -> None:
    await office.daeri.store.write(lambda connection: connection.execute(text(statement), values))
