"""Does what a run has read decide which model may be told of it? Two real endpoints: one outside, one of the house."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from daeri.app import Daeri, application
from daeri.operations.sense import Sense
from daeri.records import Actor
from daeri.runs.functions import Functions
from daeri.runs.request import Terms
from daeri.sample import hanbit
from daeri.settings import Settings
from daeri.testing.model_server import Asked, ModelServer, Reply, calls, fails, says
from databases import settings_for

pytestmark = pytest.mark.anyio

QUESTION = "내 연봉 얼마야?"
ASKS_SALARY = calls(Asked("employee__salary", {"employee": "김하은"}))


@dataclass
class Office:
    """A server, the model outside that is preferred, the one of the house, and who asks."""

    daeri: Daeri
    outside: ModelServer
    house: ModelServer
    deputy: Actor
    lead: Actor

    async def ask(self, text: str, session: str | None = None) -> dict[str, Any]:
        run = await self.daeri.runs.create(self.deputy, text, session_id=session)
        return await self.daeri.runs.wait(self.deputy, run["run_id"], 20)

    async def salary(self) -> int:
        told = await self.daeri.door.call(self.deputy, "employee.salary", {})
        return int(told.result["salary"])


def heard(server: ModelServer) -> str:
    return json.dumps([request.body for request in server.requests], ensure_ascii=False)


def holds(text: str, figure: int) -> bool:
    return str(figure) in text or f"{figure:,}" in text


def asked(run: dict[str, Any]) -> list[dict[str, Any]]:
    told = [each for step in run["steps"] for each in step["output"].get("asked", ())]
    assert len({each["prompts"] for each in told}) <= 1, "one agent, one version of its prompts"
    return [{name: value for name, value in each.items() if name != "prompts"} for each in told]


@asynccontextmanager
async def office_of(built: Path, folder: Path, *, house_sees: str) -> AsyncIterator[Office]:
    shutil.copytree(built, folder)
    async with ModelServer() as outside, ModelServer() as house:
        table = folder / "models.toml"
        table.write_text(
            f'[models.outside]\nurl = "{outside.base_url}"\nmodel = "o"\nsees = []\n'
            f'[models.house]\nurl = "{house.base_url}"\nmodel = "h"\ntier = 2\nsees = {house_sees}\n'
        )
        settings = Settings(dir=folder, models=table, **settings_for(folder))
        async with Daeri(hanbit(), settings) as daeri:
            everyone = Actor.system("test")
            found: dict[str, Any] = {}
            for name in ("김하은", "박서연"):
                people = await daeri.door.mentions(everyone, [name])
                found[name] = await daeri.identity.actor_of_person(people[0].id, "rest")
            key = await daeri.identity.add_key(found["박서연"].person_id, "test", decides=True)
            lead = await daeri.identity.actor_of_key(key.secret, "rest")
            yield Office(daeri, outside, house, found["김하은"], lead)


@pytest.fixture
async def office(built: Path, tmp_path: Path) -> AsyncIterator[Office]:
    async with office_of(built, tmp_path / "hanbit", house_sees='"all"') as opened:
        yield opened


@pytest.fixture
async def blind(built: Path, tmp_path: Path) -> AsyncIterator[Office]:
    """No model may see personal data."""
    async with office_of(built, tmp_path / "hanbit", house_sees='["confidential"]') as opened:
        yield opened


async def test_once_personal_data_was_read_only_the_model_of_the_house_is_asked(office: Office) -> None:
    office.outside.when(QUESTION, ASKS_SALARY)
    office.house.always(says("연봉을 알려 드렸어요."))
    run = await office.ask(QUESTION)
    assert (run["status"], run["answer"]) == ("succeeded", "연봉을 알려 드렸어요.")
    assert len(office.outside.requests) == 1
    assert holds(heard(office.house), await office.salary())
    assert not holds(heard(office.outside), await office.salary())
    assert asked(run) == [{"model": "outside"}, {"model": "house", "classes": ["personal"]}]
    assert run["citations"][0]["classes"] == ["personal"]
    assert run["usage"]["model"] == "house"


async def test_a_search_after_personal_data_was_read_goes_out_with_its_class(office: Office) -> None:
    told: list[frozenset[str]] = []

    async def senses(said: str, classes: frozenset[str]) -> Sense:
        del said
        told.append(classes)
        return Sense()

    office.daeri.door.senses = senses
    office.outside.when(QUESTION, ASKS_SALARY)
    office.house.decides(
        lambda _: (
            says("네.") if len(office.house.requests) > 1 else calls(Asked("documents__search", {"query": "연봉"}))
        )
    )
    assert (await office.ask(QUESTION))["status"] == "succeeded"
    assert told[-1:] == [frozenset({"personal"})]


async def test_what_is_not_personal_goes_on_with_the_preferred_model(office: Office) -> None:
    office.outside.when("휴가 며칠", calls(Asked("leave__balance", {"employee": "김하은"})), says("7.5일 남았어요."))
    run = await office.ask("내 휴가 며칠 남았어?")
    assert run["answer"] == "7.5일 남았어요."
    assert not office.house.requests
    assert "classes" not in run["usage"]


async def test_the_turns_that_follow_carry_the_classes_even_where_they_read_nothing(office: Office) -> None:
    office.outside.when(QUESTION, ASKS_SALARY)
    office.house.always(says("네."))
    first = await office.ask(QUESTION)
    for _ in range(2):
        run = await office.ask("고마워", first["session_id"])
        assert asked(run) == [{"model": "house", "classes": ["personal"]}]
        assert not run["citations"]
    office.outside.always(says("안녕하세요."))
    apart = await office.ask("고마워")
    assert asked(apart) == [{"model": "outside"}]


async def test_what_a_function_of_the_callers_returns_may_hold_what_it_was_sent(office: Office) -> None:
    notes = {"type": "function", "function": {"name": "note", "parameters": {}}}
    keeps = calls(Asked("note", {"text": str(await office.salary())}))
    office.outside.when(QUESTION, ASKS_SALARY)
    office.house.always(keeps, calls(Asked("note", {})), says("적어 두었어요."))
    run = await office.daeri.runs.create(office.deputy, QUESTION, terms=Terms(functions=Functions((notes,))))
    for _ in range(2):
        run = await office.daeri.runs.wait(office.deputy, run["run_id"], 20)
        step = run["steps"][-1]
        assert step["output"]["handed"]
        await office.daeri.runs.returned(office.deputy, run["run_id"], {step["seq"]: "적힌 것: …"})
    run = await office.daeri.runs.wait(office.deputy, run["run_id"], 20)
    told = [(source["operation"], source["classes"]) for source in run["citations"]]
    assert told == [("employee.salary", ["personal"]), ("note", ["personal"]), ("note", ["personal"])]


async def test_a_fork_of_a_conversation_holds_what_that_one_held(office: Office) -> None:
    office.outside.when(QUESTION, ASKS_SALARY)
    office.house.always(says("네."))
    first = await office.ask(QUESTION)
    await office.ask("고마워", first["session_id"])
    forked = await office.daeri.runs.conversations.fork(office.deputy, first["session_id"])
    run = await office.ask("그래", forked["session_id"])
    assert asked(run) == [{"model": "house", "classes": ["personal"]}]


async def test_where_the_model_of_the_house_is_down_the_run_fails_and_nobody_else_is_told(office: Office) -> None:
    office.outside.when(QUESTION, ASKS_SALARY, says("몰라요."))
    office.house.always(fails(401))
    run = await office.ask(QUESTION)
    assert (run["status"], run["error"]["code"]) == ("failed", "model-unavailable")
    assert len(office.outside.requests) == 1


async def test_data_that_no_model_may_see_is_told_to_the_person_in_the_operations_own_words(blind: Office) -> None:
    blind.outside.when(QUESTION, ASKS_SALARY, says("아래에 적어 두었어요.", characters=2))
    run = await blind.ask(QUESTION)
    assert run["status"] == "succeeded", run
    own = await blind.daeri.door.call(blind.deputy, "employee.salary", {})
    assert run["answer"] == f"아래에 적어 두었어요.\n\n{own.say}"
    for server in (blind.outside, blind.house):
        assert not holds(heard(server), await blind.salary())
    told = json.loads(blind.outside.requests[-1].body["messages"][-1]["content"])
    assert told == {"left_out": ["personal"], "from": "employee.salary", "rows": 1}
    assert asked(run)[1] == {"model": "outside", "classes": ["personal"], "withheld": ["personal"]}
    events = [event async for event in blind.daeri.runs.events(blind.deputy, run["run_id"]) if event is not None]
    assert "".join(event["text"] for event in events if event["type"] == "message.delta") == run["answer"]


async def test_an_earlier_answer_that_no_model_may_see_is_left_out_of_the_conversation(blind: Office) -> None:
    blind.outside.when(QUESTION, ASKS_SALARY, says("아래에 적어 두었어요."))
    first = await blind.ask(QUESTION)
    blind.outside.always(says("네."))
    await blind.ask("고마워", first["session_id"])
    assert not holds(heard(blind.outside), await blind.salary())
    assert {"role": "assistant", "content": "[left out: personal]"} in blind.outside.requests[-1].body["messages"]


async def test_the_classes_of_a_run_outlast_its_wait_for_an_approval(office: Office) -> None:
    text = f"{QUESTION} 그리고 1월 14일부터 15일까지 연차 올려줘"
    office.outside.when(QUESTION, ASKS_SALARY)
    office.house.when(
        QUESTION, calls(Asked("leave__request", {"start": "2027-01-14", "end": "2027-01-15"})), says("등록됐어요.")
    )
    run = await office.ask(text)
    assert run["status"] == "waiting_approval", run
    await office.daeri.approvals.decide(office.lead, run["approvals"][0], "approve")
    ended = await office.daeri.runs.wait(office.deputy, run["run_id"], 20)
    assert ended["answer"] == "등록됐어요."
    assert [each["model"] for each in asked(ended)] == ["outside", "house", "house"]
    assert len(office.outside.requests) == 1


async def test_sql_that_names_a_personal_column_has_read_personal_data(office: Office) -> None:
    sql = "SELECT {} FROM employee WHERE login = 'haeun.kim'"
    plain = await office.daeri.door.call(office.deputy, "query.run", {"sql": sql.format("name")})
    personal = await office.daeri.door.call(office.deputy, "query.run", {"sql": sql.format("salary * 1 AS s")})
    files = await office.daeri.door.call(office.deputy, "query.run", {"sql": "SELECT name FROM company_file"})
    told = [outcome.sources[0].get("classes") for outcome in (plain, personal, files)]
    assert told == [None, ["personal"], ["confidential", "secret"]]


async def test_the_page_of_a_run_says_which_model_saw_what(office: Office) -> None:
    office.outside.when(QUESTION, ASKS_SALARY)
    office.house.always(says("네."))
    run = await office.ask(QUESTION)
    session, _ = await office.daeri.identity._start_session(office.deputy.person_id, "test")
    transport = ASGITransport(app=application(office.daeri, working=False))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
        browser.cookies.set("daeri_session", session)
        page = (await browser.get(f"/runs/{run['run_id']}")).text
    assert "모델 house · 문맥에 든 것: 개인정보" in page


async def confirmed(office: Office, run: dict[str, Any]) -> dict[str, Any]:
    """The run, after its person has confirmed what it would do."""
    assert run["status"] == "waiting_approval", run
    person = replace(office.deputy, decides=True)
    await office.daeri.approvals.decide(person, run["approvals"][0], "approve")
    return await office.daeri.runs.wait(office.deputy, run["run_id"], 20)


def reads_then(office: Office, *then: Reply) -> None:
    """Let the salary be read, and the model that may see it go on with what follows."""
    office.outside.when(QUESTION, ASKS_SALARY)
    office.house.when(QUESTION, *then, says("네."))


@pytest.mark.parametrize("how", ["remember", "correct"])
async def test_what_is_remembered_of_personal_data_is_told_to_the_model_of_the_house_only(
    office: Office, how: str
) -> None:
    figure = f"연봉은 {await office.salary()}원"
    if how == "remember":
        remembers = calls(Asked("memory__remember", {"text": figure}))
    else:
        known: Any = await office.daeri.door.call(office.deputy, "memory.remember", {"text": "처음"})
        remembers = calls(Asked("memory__correct", {"memory": known.result["memory"], "text": figure}))
    reads_then(office, remembers)
    await confirmed(office, await office.ask(f"{QUESTION} 기억해줘"))
    office.house.always(says("네."))
    office.outside.always(says("네."))
    run = await office.ask("안녕")
    assert asked(run) == [{"model": "house", "classes": ["personal"]}]
    assert not holds(heard(office.outside), await office.salary())
    listed: Any = await office.daeri.door.call(office.deputy, "memory.list", {})
    assert listed.sources[0]["classes"] == ["personal"]
    followed = await office.ask("고마워", run["session_id"])
    assert asked(followed) == [{"model": "house", "classes": ["personal"]}]


async def test_what_a_person_has_remembered_by_themself_moves_no_run_elsewhere(office: Office) -> None:
    await office.daeri.door.call(office.deputy, "memory.remember", {"text": "답은 표로"})
    office.outside.always(says("네."))
    assert asked(await office.ask("안녕")) == [{"model": "outside"}]


async def test_a_memory_that_no_model_may_see_is_left_out_and_the_others_are_told(blind: Office) -> None:
    await blind.daeri.door.call(blind.deputy, "memory.remember", {"text": "답은 표로"})
    await blind.daeri.door.call(blind.deputy, "memory.remember", {"text": "연봉은 1원"})
    await sql(blind, "UPDATE memory SET classes = '[\"personal\"]' WHERE text LIKE '연봉%'")
    blind.outside.always(says("네."))
    run = await blind.ask("연봉은?")
    prompt = blind.outside.requests[-1].body["messages"][0]["content"]
    assert "답은 표로" in prompt
    assert "1원" not in prompt
    assert run["status"] == "succeeded", run


async def test_what_is_scheduled_of_personal_data_is_asked_of_the_model_of_the_house_only(office: Office) -> None:
    wanted = {"request": f"연봉 {await office.salary()}원과 견줘 줘", "cron": "0 9 * * 1"}
    reads_then(office, calls(Asked("schedules__create", wanted)))
    await confirmed(office, await office.ask(f"{QUESTION} 정기 요청 등록해줘"))
    for server in (office.outside, office.house):
        server.always(says("네."))
    run = await fired(office)
    assert asked(run) == [{"model": "house", "classes": ["personal"]}]
    assert not holds(heard(office.outside), await office.salary())
    listed: Any = await office.daeri.door.call(office.deputy, "schedules.list", {})
    assert listed.sources[0]["classes"] == ["personal"]


async def test_a_scheduled_request_that_no_model_may_see_is_not_sent_to_one_now_or_later(blind: Office) -> None:
    wanted = {"request": "연봉 12345원과 견줘 줘", "cron": "0 9 * * 1"}
    await blind.daeri.door.call(blind.deputy, "schedules.create", wanted)
    await sql(blind, "UPDATE schedule SET classes = '[\"personal\"]'")
    blind.outside.always(says("네."))
    run = await fired(blind)
    await blind.ask("다시 말해줘", run["session_id"])
    assert len(blind.outside.requests) == 2
    assert "12345" not in heard(blind.outside)


async def test_a_file_that_an_agent_writes_and_its_person_confirms_keeps_the_classes_of_then(office: Office) -> None:
    reads_then(office, calls(Asked("files__write", {"name": "a.txt", "text": "연봉표"})))
    await confirmed(office, await office.ask(QUESTION))
    told: Any = await office.daeri.door.call(office.deputy, "files.read", {"file": "a.txt"})
    assert told.sources[0]["classes"] == ["personal"]


async def test_sql_that_names_what_agents_may_have_worded_is_taken_to_have_read_anything(office: Office) -> None:
    await office.daeri.door.call(office.deputy, "memory.remember", {"text": "답은 표로"})
    told = []
    for statement in ("SELECT text FROM memory", "SELECT count(*) AS n FROM memory", "SELECT request FROM schedule"):
        done: Any = await office.daeri.door.call(office.deputy, "query.run", {"sql": statement})
        told.append(done.sources[0].get("classes"))
    assert told == [["confidential", "personal", "secret"], None, ["confidential", "personal", "secret"]]


async def test_what_agents_may_have_worded_goes_into_no_file_where_a_class_stays_inside(office: Office) -> None:
    def names(kind: str) -> set[str]:
        return {each["name"] for each in office.daeri.shelf.fields(office.deputy, kind, "ko")}

    assert "text" in names("memory")
    object.__setattr__(office.daeri.company, "stays_inside", frozenset({"personal"}))
    assert "text" not in names("memory")
    assert "request" not in names("schedule")
    assert "cron" in names("schedule")


async def fired(office: Office) -> dict[str, Any]:
    """The run that the only schedule begins when its time has come."""
    await sql(office, "UPDATE schedule SET next_at = '2026-01-01 00:00:00'")
    await office.daeri.schedules.look()
    (run,) = [each for each in (await office.daeri.runs.page(office.deputy))["data"] if "견줘" in each["input"]]
    return await office.daeri.runs.wait(office.deputy, run["run_id"], 20)


async def sql(office: Office, statement: str) -> None:
    await office.daeri.store.write(lambda connection: connection.execute(text(statement)))
