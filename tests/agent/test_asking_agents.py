"""Does an agent that asks another one wait for it, once, with no more rights than both have, and believe nothing?"""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from daeri.app import Daeri, application
from daeri.errors import DaeriError, NotFound, Refused
from daeri.operations import Agent, Company
from daeri.records import Actor
from daeri.runs.runs import ASKED_MAX
from daeri.sample import hanbit
from daeri.settings import Settings
from daeri.testing.model_server import Asked, ModelServer, Received, Reply, calls, says, silent
from daeri.tools.agents import agents_catalog
from daeri.wording import Text
from databases import settings_for
from gateway.mcp_client import raw

pytestmark = pytest.mark.anyio

TASK = "김하은의 남은 휴가를 알려줘, 필요하면 2027-01-14부터 2027-01-15까지 올려"
QUESTION = "서기에게 내 휴가를 물어봐 줘"
ASKS = calls(Asked("agents__ask", {"agent": "clerk", "request": TASK}))
BALANCE = calls(Asked("leave__balance", {"employee": "김하은"}))
LEAVE = calls(Asked("leave__request", {"start": "2027-01-14", "end": "2027-01-15"}))


def company() -> Company:
    """The sample company with a chief agent and two to ask, one of them with roles that the chief may not use."""
    sample = hanbit()
    agents = [
        Agent("chief", Text("실장", "Chief"), scope=("agents.*", "leave.*"), roles=frozenset({"hr"})),
        Agent("clerk", Text("서기", "Clerk"), scope=("leave.*", "employee.*", "agents.*"), roles=frozenset()),
        Agent("admin", Text("관리", "Admin")),
    ]
    return replace(sample, catalogs=[*sample.catalogs, agents_catalog()], agents=agents)


@dataclass
class Office:
    """A server, its model, and two people."""

    daeri: Daeri
    model: ModelServer
    deputy: Actor
    lead: Actor

    async def begin(self, words: str = QUESTION) -> dict[str, Any]:
        return await self.daeri.runs.create(self.deputy, words, agent="chief")

    async def ask(self, words: str = QUESTION) -> dict[str, Any]:
        run = await self.begin(words)
        return await self.daeri.runs.wait(self.deputy, run["run_id"], 20)

    async def children(self) -> list[dict[str, Any]]:
        page = await self.daeri.runs.page(self.deputy)
        return [run for run in page["data"] if run["parent_run_id"] is not None]


def scripted(model: ModelServer, *clerk: Reply, chief: tuple[Reply, ...] = (ASKS,), end: str = "끝.") -> None:
    """Script both agents, told apart by what they are asked, each by how many results it has."""

    def decide(received: Received) -> Reply:
        results = sum(message["role"] == "tool" for message in received.body["messages"])
        replies = clerk if received.last_question == TASK else chief
        return replies[results] if results < len(replies) else says(end)

    model.decides(decide)


@pytest.fixture
async def office(built: Path, tmp_path: Path) -> AsyncIterator[Office]:
    folder = tmp_path / "hanbit"
    shutil.copytree(built, folder)
    async with ModelServer() as model:
        settings = Settings(dir=folder, model_url=model.base_url, model="m", **settings_for(folder))
        async with Daeri(company(), settings) as daeri:
            found: dict[str, Actor] = {}
            for name in ("김하은", "박서연"):
                people = await daeri.door.mentions(Actor.system("test"), [name])
                found[name] = await daeri.identity.actor_of_person(people[0].id, "rest")
            key = await daeri.identity.add_key(found["박서연"].person_id, "test", decides=True)
            yield Office(daeri, model, found["김하은"], await daeri.identity.actor_of_key(key.secret, "rest"))


async def test_an_agent_hears_what_another_found_and_marks_it_as_nobodys_word(office: Office) -> None:
    scripted(office.model, BALANCE, says("7.5일이에요."), chief=(ASKS, says("서기가 7.5일이래요.")))
    run = await office.ask()
    assert (run["status"], run["answer"]) == ("succeeded", "서기가 7.5일이래요."), run
    (child,) = await office.children()
    assert (child["agent"], child["input"], child["parent_run_id"]) == ("clerk", TASK, run["run_id"])
    step = next(step for step in run["steps"] if step["name"] == "agents.ask")
    assert step["output"]["done"]["result"]["answer"] == "7.5일이에요."
    assert [source["operation"] for source in run["citations"]] == ["agents.ask", "leave.balance"]
    assert run["citations"][0]["untrusted"] is True
    told = office.model.requests[-1].body["messages"][-1]["content"]
    assert told.startswith("untrusted")
    assert QUESTION not in str(office.model.requests[1].body["messages"]), "it knows nothing of the conversation"


async def test_the_other_agent_may_do_only_what_both_may(office: Office) -> None:
    scripted(office.model, calls(Asked("employee__salary", {"employee": "김하은"})), says("못 봐요."))
    await office.ask()
    (child,) = await office.children()
    refused = [step for step in child["steps"] if step["kind"] == "execute"]
    assert [step["output"]["refused"]["code"] for step in refused] == ["permission-denied"]
    assert not any(tool["function"]["name"] == "employee__salary" for tool in office.model.requests[1].body["tools"])


async def test_what_an_agent_asked_for_is_not_taken_for_the_persons_own_word(office: Office) -> None:
    scripted(office.model, LEAVE, says("올렸어요."), chief=(ASKS, says("서기가 올렸대요.")))
    await office.ask()
    children = await office.children()
    document = await office.daeri.approvals.show(office.deputy, children[0]["approvals"][0])
    traced = {each["name"]: each["vouched"] for each in document["provenance"]}
    assert traced["start"] is False
    assert traced["end"] is False


async def test_an_agent_with_more_roles_or_none_at_all_cannot_be_asked(office: Office) -> None:
    for name in ("admin", "chief", "nobody"):
        scripted(office.model, chief=(calls(Asked("agents__ask", {"agent": name, "request": TASK})), says("안 돼요.")))
        run = await office.ask()
        assert [step["status"] for step in run["steps"] if step["name"] == "agents.ask"] == ["refused"]
    assert await office.children() == []


async def test_nobody_but_an_agent_at_work_can_ask(office: Office) -> None:
    arguments = {"agent": "clerk", "request": TASK}
    with pytest.raises(DaeriError):
        await office.daeri.door.call(office.deputy, "agents.ask", arguments)
    with pytest.raises(Refused):
        await office.daeri.door.call(office.daeri.identity.narrowed(office.deputy, "chief"), "agents.ask", arguments)
    assert await office.children() == []


async def test_a_run_asks_only_so_often(office: Office) -> None:
    many = tuple(ASKS for _ in range(ASKED_MAX + 1))
    scripted(office.model, says("네."), chief=many)
    run = await office.ask()
    statuses = [step["status"] for step in run["steps"] if step["name"] == "agents.ask"]
    assert statuses == ["done"] * ASKED_MAX + ["refused"]
    assert len(await office.children()) == ASKED_MAX


async def test_whoever_stops_a_run_stops_the_runs_that_it_asked_for(office: Office) -> None:
    scripted(office.model, silent())
    run = await office.begin()
    while not (children := await office.children()) or children[0]["status"] != "running":
        await office.daeri.runs.wait(office.deputy, run["run_id"], 0.1)
    await office.daeri.runs.cancel(office.deputy, run["run_id"])
    (child,) = await office.children()
    assert child["status"] == "cancelled"
    with pytest.raises(NotFound):
        await office.daeri.runs.get(office.lead, child["run_id"])


async def test_an_agent_whose_helper_was_stopped_is_told_so_and_goes_on(office: Office) -> None:
    scripted(office.model, silent(), chief=(ASKS, says("서기가 멈췄어요.")))
    run = await office.begin()
    while not (children := await office.children()) or children[0]["status"] != "running":
        await office.daeri.runs.wait(office.deputy, run["run_id"], 0.1)
    await office.daeri.runs.cancel(office.deputy, children[0]["run_id"])
    ended = await office.daeri.runs.wait(office.deputy, run["run_id"], 20)
    assert ended["answer"] == "서기가 멈췄어요."
    assert json.loads(office.model.requests[-1].body["messages"][-1]["content"])["status"] == "refused"


async def test_a_crash_between_the_asking_and_the_answer_begins_no_second_run(office: Office) -> None:
    resume, office.daeri.engine._segment.__self__.resume = office.daeri.engine._segment.__self__.resume, None
    scripted(office.model, says("7.5일이에요."), chief=(ASKS, says("끝났어요.")))
    run = await office.begin()
    while not await office.children():
        await office.daeri.runs.wait(office.deputy, run["run_id"], 0.1)
    office.daeri.engine._segment.__self__.resume = resume
    for _ in range(3):  # as the sweep of whichever server finds them
        for due, segment in await office.daeri.runs.dispatch.due():
            await office.daeri.engine.start(due, segment)
        ended = await office.daeri.runs.wait(office.deputy, run["run_id"], 5)
    assert (ended["status"], ended["answer"]) == ("succeeded", "끝났어요.")
    assert len(await office.children()) == 1
    count = text("SELECT count(*) FROM step WHERE run_id = :id AND name = 'agents.ask'")
    assert await office.daeri.store.read(lambda each: each.execute(count, {"id": run["run_id"]}).scalar_one()) == 1


async def test_the_data_classes_go_both_ways(office: Office) -> None:
    salary = calls(Asked("employee__salary", {"employee": "김하은"}))
    wide = replace(office.daeri.company.agent("chief"), scope=("*",))
    object.__setattr__(office.daeri.company, "agents", [wide, *office.daeri.company.agents[1:]])
    scripted(office.model, salary, says("알려 드렸어요."), chief=(ASKS, says("네.")))
    run = await office.ask()
    assert run["usage"]["classes"] == ["personal"]
    assert run["citations"][0]["classes"] == ["personal"]
    scripted(office.model, says("네."), chief=(salary, ASKS, says("네.")))
    await office.ask("내 연봉을 보고 서기에게 맡겨 줘")
    newest = (await office.children())[0]
    assert newest["usage"]["classes"] == ["personal"], "what it was asked may hold what the asker had read"


async def test_a_deleted_conversation_takes_what_its_agent_had_others_do_along(office: Office) -> None:
    scripted(office.model, BALANCE, says("7.5일이에요."), chief=(ASKS, says("7.5일이래요.")))
    run = await office.ask()
    (child,) = await office.children()
    await office.daeri.runs.conversations.delete(office.deputy, run["session_id"])
    assert await office.children() == []
    with pytest.raises(NotFound):
        await office.daeri.runs.get(office.deputy, child["run_id"])


FURTHER = "1월 14일부터 15일까지 연차를 올려 줘"
FURTHER_ASKS = calls(Asked("agents__ask", {"agent": "scribe", "request": FURTHER}))


async def decided(office: Office, run: dict[str, Any], decision: str = "approve") -> dict[str, Any]:
    """The asking run, after the document that it waits for was decided."""
    await office.daeri.approvals.decide(office.lead, run["approvals"][-1], decision, comment="안 돼요")
    return await office.daeri.runs.wait(office.deputy, run["run_id"], 20)


async def events_of(office: Office, run: dict[str, Any]) -> list[dict[str, Any]]:
    told = [event async for event in office.daeri.runs.events(office.deputy, run["run_id"]) if event is not None]
    return [event for event in told if event["type"].startswith(("run.", "approval.", "agent."))]


async def test_whoever_waits_for_the_asking_run_hears_that_another_waits_for_people(office: Office) -> None:
    scripted(office.model, LEAVE, says("올렸어요."), chief=(ASKS, says("서기가 올렸대요.")))
    run = await office.ask()
    (child,) = await office.children()
    assert run["status"] == child["status"] == "waiting_approval"
    assert run["approvals"] == child["approvals"]
    assert run["answer"] == child["answer"], "what was filed, what it changes, and whose turn it is"
    with pytest.raises(NotFound):
        await office.daeri.runs.get(office.lead, run["run_id"])
    ended = await decided(office, run)
    assert (ended["status"], ended["answer"]) == ("succeeded", "서기가 올렸대요.")
    assert ended["approvals"] == run["approvals"]
    told = await events_of(office, run)
    assert [event["type"] for event in told] == [
        "run.started",
        "agent.asked",
        "approval.requested",
        "run.waiting",
        "approval.decided",
        "run.resumed",
        "agent.answered",
        "run.succeeded",
    ]
    assert {event["approval_id"] for event in told if event["type"].startswith("approval.")} == set(run["approvals"])
    assert [event["run"] for event in told[2:6]] == [child["run_id"]] * 4


async def test_an_agent_that_files_again_lets_the_asking_run_wait_again(office: Office) -> None:
    later = calls(Asked("leave__request", {"start": "2027-01-18", "end": "2027-01-18"}))
    scripted(office.model, LEAVE, later, says("올렸어요."), chief=(ASKS, says("네.")))
    first = await office.ask()
    second = await decided(office, first)
    assert second["status"] == "waiting_approval", second
    assert second["approvals"] != first["approvals"]
    assert (await decided(office, second, "reject"))["answer"] == "네."


async def test_every_run_above_the_one_that_waits_waits_with_it(office: Office) -> None:
    scribe = Agent("scribe", Text("필경", "Scribe"), scope=("leave.*",), roles=frozenset())
    object.__setattr__(office.daeri.company, "agents", [*office.daeri.company.agents, scribe])

    def decide(received: Received) -> Reply:
        if any(message["role"] == "tool" for message in received.body["messages"]):
            return says("네.")
        return {QUESTION: ASKS, TASK: FURTHER_ASKS, FURTHER: LEAVE}[received.last_question]

    office.model.decides(decide)
    run = await office.ask()
    assert run["status"] == "waiting_approval", run
    runs = [run, *await office.children()]
    assert [(each["status"], each["approvals"]) for each in runs] == [("waiting_approval", run["approvals"])] * 3
    lowest = next(each for each in runs if each["agent"] == "scribe")
    await office.daeri.runs.cancel(office.deputy, lowest["run_id"])
    ended = await office.daeri.runs.wait(office.deputy, run["run_id"], 20)
    assert (ended["status"], ended["answer"]) == ("succeeded", "네.")
    assert "run.resumed" in [event["type"] for event in await events_of(office, run)]


async def test_whoever_stops_a_run_that_waits_with_another_stops_both(office: Office) -> None:
    scripted(office.model, LEAVE, says("올렸어요."), chief=(ASKS, says("네.")))
    run = await office.ask()
    await office.daeri.runs.cancel(office.deputy, run["run_id"])
    (child,) = await office.children()
    assert child["status"] == "cancelled"
    assert (await decided(office, run))["status"] == "cancelled"


async def test_the_next_request_of_the_conversation_begins_while_an_agent_that_was_asked_waits(office: Office) -> None:
    scripted(office.model, LEAVE, says("올렸어요."), chief=(ASKS, says("네.")))
    run = await office.ask()
    office.model.always(says("안녕하세요."))
    again = await office.daeri.runs.create(office.deputy, "안녕", session_id=run["session_id"])
    assert (await office.daeri.runs.wait(office.deputy, again["run_id"], 20))["status"] == "succeeded"


async def test_every_door_tells_at_the_asking_run_what_is_waited_for(office: Office) -> None:
    days = iter(["2027-01-12", "2027-01-13", "2027-01-14", "2027-01-15", "2027-01-18", "2027-01-19", "2027-01-20"])

    def decide(received: Received) -> Reply:
        day = next(days) if received.last_question == TASK else ""
        return calls(Asked("leave__request", {"start": day, "end": day})) if day else ASKS

    office.model.decides(decide)
    key = await office.daeri.identity.add_key(office.deputy.person_id, "test", decides=False)
    headers = {"Authorization": f"Bearer {key.secret}"}
    transport = ASGITransport(app=application(office.daeri, working=False))
    message = {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": QUESTION}]}
    params = {"name": "runs.create", "arguments": {"input": QUESTION, "agent": "chief", "wait": 20}}
    asked: dict[str, Any] = {"input": QUESTION, "agent": "chief"}
    prompt = {"prompt": QUESTION, "agent": "chief"}
    chat = {"model": "agent/chief", "messages": [{"role": "user", "content": QUESTION}]}
    peer = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
    told: dict[str, str] = {}
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers, timeout=30) as http:
        told["rest"] = (await http.post("/v1/runs?wait=20", json=asked)).text
        told["chat"] = (await http.post("/v1/chat/completions", json=chat)).text
        told["stream"] = (await http.post("/v1/chat/completions", json={**chat, "stream": True})).text
        told["responses"] = (await http.post("/v1/responses", json={"model": "agent/chief", "input": QUESTION})).text
        told["rpc"] = (
            await http.post("/rpc", json={"jsonrpc": "2.0", "id": 1, "method": "get_response", "params": prompt})
        ).text
        told["a2a"] = (await http.post("/a2a", json=peer, headers={"A2A-Version": "1.0"})).text
        told["mcp"] = json.dumps(await raw(http, key.secret, "tools/call", params))
    runs = [run for run in (await office.daeri.runs.page(office.deputy))["data"] if run["parent_run_id"] is None]
    assert len(runs) == len(told)
    for (door, answer), run in zip(told.items(), runs[::-1], strict=True):
        assert run["status"] == "waiting_approval", door
        assert run["approvals"][0] in answer, door
    assert "TASK_STATE_INPUT_REQUIRED" in told["a2a"]
