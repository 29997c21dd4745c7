"""Does the work of a company's own tools outlive request, client and server, for its owner and nobody else?"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from mcp.shared.exceptions import MCPError
from structlog.testing import capture_logs

from daeri.errors import InvalidRequest, NotReady, Refused
from daeri.gateway import Options
from daeri.gateway.mcp import Exchange, Extras, ExtraTool, text
from daeri.gateway.mcp.lasting import Lasting
from daeri.records.identity import Origin
from daeri.runs.jobs import ATTEMPTS_MAX, KEPT, LEASE, PER_PERSON_MAX, Order
from daeri.wording import Text
from gateway.gateway_house import House, opened
from gateway.live import served
from gateway.mcp_client import TASKS, headers_of, message, raw
from worlds import COLLEAGUE, OWNER

pytestmark = pytest.mark.anyio


class Shop:
    """What the tools of these tests share: a door that the test opens, and what they did."""

    def __init__(self) -> None:
        self.open, self.begun, self.stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.seen: list[str] = []

    async def waits(self, exchange: Exchange) -> dict[str, Any]:
        self.seen.append(f"begun by {exchange.caller.actor.person_id}")
        await exchange.progress(1, 2, "half of it")
        self.begun.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.seen.append("stopped")
            self.stopped.set()
            raise
        return text(f"{exchange.arguments.get('what')} is done")

    async def numbers(self, exchange: Exchange) -> dict[str, Any]:
        await exchange.progress(1, 2, 3)
        await self.open.wait()
        return text("Counted.")

    async def asks_thrice(self, exchange: Exchange) -> dict[str, Any]:
        said = [*json.loads(exchange.state or "[]"), *(exchange.answers[name]["content"] for name in exchange.answers)]
        if len(said) < 3:
            return exchange.ask({"more": {"method": "elicitation/create", "params": {}}}, json.dumps(said))
        return text(json.dumps(said))

    async def asks_two(self, exchange: Exchange) -> dict[str, Any]:
        if not exchange.answers:
            return exchange.ask({"one": {"method": "roots/list"}, "two": {"method": "roots/list"}}, "secret")
        return text(json.dumps([exchange.answers, exchange.state]))

    async def roles(self, exchange: Exchange) -> dict[str, Any]:
        await self.open.wait()
        return text(f"hr: {exchange.caller.actor.has('hr')}, sampling: {exchange.can('sampling')}")

    async def authority(self, exchange: Exchange) -> dict[str, Any]:
        actor = exchange.caller.actor
        return text(json.dumps([actor.agent, actor.scopes, sorted(actor.roles), actor.decides]))

    async def ends_badly(self, exchange: Exchange) -> dict[str, Any]:
        errors = {
            "refused": Refused(Text("안 돼요", "Not so")),
            "invalid": InvalidRequest(Text("그런 건 없어요", "No such thing")),
            "protocol": MCPError(-32055, "Of its own", {"why": "so"}),
            "broken": RuntimeError("a password"),
        }
        how = exchange.arguments["how"]
        if how in errors:
            raise errors[how]
        return {"large": text("x" * 5_000_000), "unfit": {"content": {1, 2}}, "mute": exchange.ask({})}[how]

    async def name_first(self, exchange: Exchange) -> dict[str, Any] | None:
        return None if exchange.answers else exchange.ask({"name": {"method": "roots/list"}}, "state")

    async def greets(self, exchange: Exchange) -> dict[str, Any]:
        return text(f"Hello, {exchange.answers['name']['roots'][0]['name']}: {exchange.state}")

    @property
    def extras(self) -> Extras:
        def tool(name: str, run: Any, **more: Any) -> ExtraTool:
            return ExtraTool(name, Text(name, name), name, run, **({"lasting": "may"} | more))

        return Extras(
            [
                tool("waits", self.waits),
                tool("numbers", self.numbers),
                tool("waits_as_task", self.waits, lasting="must"),
                tool("asks_thrice", self.asks_thrice),
                tool("asks_two", self.asks_two),
                tool("roles", self.roles),
                tool("authority", self.authority),
                tool("ends_badly", self.ends_badly),
                tool("greets", self.greets, lasting="must", first=self.name_first),
            ]
        )


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def house(keyed, tmp_path, shop):
    async with opened(keyed, tmp_path, Options(), extras=shop.extras) as one:
        yield one


@asynccontextmanager
async def working(house: Any) -> AsyncIterator[None]:
    """The server's own work beside the requests."""
    await house.parts.open()
    yield
    await house.parts.close()


async def call(house: Any, tool: str, who: str = "owner", **more: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": more.pop("arguments", {}), **more.pop("params", {})}
    return await raw(house.http, house.keys[who], "tools/call", params, **({"capabilities": TASKS} | more))


async def begin(house: Any, tool: str, **more: Any) -> str:
    task = (await call(house, tool, **more))["result"]
    assert (task["resultType"], task["status"]) == ("task", "working")
    assert task["ttlMs"] == KEPT.total_seconds() * 1000
    return str(task["taskId"])


async def ask(house: Any, method: str, task_id: str, who: str = "owner", **more: Any) -> dict[str, Any]:
    return await raw(house.http, house.keys[who], method, {"taskId": task_id, **more}, capabilities=TASKS)


async def until(house: Any, task_id: str, *statuses: str, having: str = "taskId") -> dict[str, Any]:
    """Poll a task as a client does."""
    for _ in range(500):
        task = (await ask(house, "tasks/get", task_id))["result"]
        assert "requestState" not in task
        if task["status"] in statuses and having in task:
            return task
        await asyncio.sleep(0.01)
    raise AssertionError(task)


def words(task: dict[str, Any]) -> str:
    return str(task["result"]["content"][0]["text"])


async def test_work_goes_on_after_its_request_and_its_end_is_found_at_the_task(house, shop, monkeypatch):
    monkeypatch.setattr("daeri.gateway.mcp.lasting.LOOK_SECONDS", 0.01)
    async with working(house):
        task_id = await begin(house, "waits", arguments={"what": "the count"})
        task = await until(house, task_id, "working", having="statusMessage")
        assert task["statusMessage"] == "half of it"
        assert "result" not in task
        shop.open.set()
        task = await until(house, task_id, "completed")
    assert words(task) == "the count is done"
    assert task["createdAt"] <= task["lastUpdatedAt"]
    told = [row["action"] for row in await house.world.audited() if row["action"].startswith("job.")]
    assert told == ["job.create"]


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_a_task_of_someone_else_answers_like_a_missing_one(house, method):
    more = {"inputResponses": {"more.1": {"content": 1}}} if method == "tasks/update" else {}
    async with working(house):
        task_id = await begin(house, "asks_thrice")
        await until(house, task_id, "input_required")
        for other in ("colleague", "stranger", "hr"):
            theirs = await ask(house, method, task_id, other, **more)
            missing = await ask(house, method, "job_00000000000000000000000000", other, **more)
            theirs["error"]["data"]["request_id"] = missing["error"]["data"]["request_id"] = ""
            assert theirs == missing
            assert theirs["error"]["code"] == -32602
        assert (await until(house, task_id, "input_required"))["inputRequests"].keys() == {"more.1"}
        assert (await ask(house, method, task_id, **more))["result"]["resultType"] == "complete"


@pytest.mark.parametrize(
    ("made_from", "scopes"), [(Origin(agent="assistant"), None), (None, ["work.*"])], ids=["an agent", "a limited key"]
)
async def test_who_acts_with_less_than_the_person_handles_no_task_that_had_more(house, made_from, scopes):
    key = await house.identity.add_key(OWNER, "less", decides=False, scopes=scopes, made_from=made_from)
    house.keys = house.keys | {"less": key.secret}
    again = {"params": {"_meta": {"daeri/idempotency-key": "k1"}}}
    async with working(house):
        task_id = await begin(house, "asks_thrice", **again)
        await until(house, task_id, "input_required")
        for method, more in (("get", {}), ("update", {"inputResponses": {"more.1": {"content": 1}}}), ("cancel", {})):
            assert (await ask(house, f"tasks/{method}", task_id, "less", **more))["error"]["code"] == -32602
        other = (await call(house, "asks_thrice", who="less", **again))["result"]
        assert other["structuredContent"]["code"] == "idempotency-mismatch"
        own = await begin(house, "asks_thrice", who="less")
        assert (await ask(house, "tasks/get", own, "less"))["result"]["status"]
        assert (await ask(house, "tasks/cancel", own))["result"], "the person themself handles what is done for them"
        assert (await until(house, task_id, "input_required"))["inputRequests"].keys() == {"more.1"}


async def test_a_client_that_follows_no_tasks_waits_or_is_told_what_is_missing(house, shop):
    shop.open.set()
    async with working(house):
        waited = await call(house, "waits", arguments={"what": "it"}, capabilities={})
        assert (waited["result"]["resultType"], waited["result"]["content"][0]["text"]) == ("complete", "it is done")
        refused = await call(house, "waits_as_task", capabilities={})
    assert refused["error"]["code"] == -32021
    assert refused["error"]["data"] == {"requiredCapabilities": TASKS}
    assert shop.seen == [f"begun by {OWNER}"]
    assert await house.world.sql("SELECT id FROM job") == []


async def test_what_a_tool_must_know_first_is_asked_before_there_is_a_task(house):
    async with working(house):
        first = (await call(house, "greets"))["result"]
        assert (first["resultType"], "taskId" in first) == ("input_required", False)
        answers = {"inputResponses": {"name": {"roots": [{"uri": "file:///a", "name": "Alice"}]}}}
        task_id = await begin(house, "greets", params=answers | {"requestState": first["requestState"]})
        assert words(await until(house, task_id, "completed")) == "Hello, Alice: state"


async def test_a_task_asks_by_keys_that_never_come_twice(house):
    async with working(house):
        task_id, keys = await begin(house, "asks_thrice"), []
        for number in range(3):
            task = await until(house, task_id, "input_required")
            keys += task["inputRequests"]
            late = {key: {"content": "late"} for key in keys[:-1]}
            answers = late | {keys[-1]: {"content": number}, "never asked": {"content": "?"}}
            acknowledged = await ask(house, "tasks/update", task_id, inputResponses=answers)
            assert acknowledged["result"].keys() == {"resultType", "_meta"}
        assert words(await until(house, task_id, "completed")) == "[0, 1, 2]"
    assert len(set(keys)) == 3


async def test_a_task_waits_until_the_last_question_is_answered(house):
    async with working(house):
        task_id = await begin(house, "asks_two")
        asked = (await until(house, task_id, "input_required"))["inputRequests"]
        one, two = sorted(asked)
        await ask(house, "tasks/update", task_id, inputResponses={one: {"roots": []}, two: "no object"})
        assert (await until(house, task_id, "input_required"))["inputRequests"].keys() == {two}
        await ask(house, "tasks/update", task_id, inputResponses={one: {"roots": [1]}, two: {"roots": [2]}})
        done = json.loads(words(await until(house, task_id, "completed")))
    assert done == [{"one": {"roots": []}, "two": {"roots": [2]}}, "secret"]


async def test_stopping_a_task_stops_its_work_and_one_that_ended_stays_as_it_is(house, shop):
    async with working(house):
        task_id = await begin(house, "waits")
        await shop.begun.wait()
        assert (await ask(house, "tasks/cancel", task_id))["result"].keys() == {"resultType", "_meta"}
        await until(house, task_id, "cancelled")
        await shop.stopped.wait()
        shop.open.set()
        ended = await begin(house, "waits")
        await until(house, ended, "completed")
        assert "result" in await ask(house, "tasks/cancel", ended)
        assert (await until(house, ended, "completed", "cancelled"))["status"] == "completed"


async def test_work_of_a_lost_server_is_done_by_the_next_one_and_the_lost_one_writes_nothing(house, shop):
    shop.open.set()
    jobs, clock = house.services.jobs, house.world.clock
    task_id = await begin(house, "waits", arguments={"what": "all"})
    (lost,) = await jobs.take({"waits"}, 5)
    assert await jobs.take({"waits"}, 5) == [], "it is the first one's while that one may live"
    clock.at += LEASE
    assert await jobs.take({"other"}, 5) == [], "a server whose company has no such tool leaves it"
    async with working(house):
        task = await until(house, task_id, "completed")
    await jobs.finish(lost, result=text("wrong"))
    await jobs.ask(lost, {"wrong": {}}, None)
    assert await jobs.hold([(lost.id, lost.epoch)]) == set()
    assert (await until(house, task_id, "completed")) == task
    assert words(task) == "all is done"


async def test_who_is_at_work_keeps_the_job(house):
    jobs, clock = house.services.jobs, house.world.clock
    await begin(house, "waits")
    (job,) = await jobs.take({"waits"}, 5)
    for _ in range(3):
        clock.at += LEASE * 0.6
        assert await jobs.hold([(job.id, job.epoch)]) == {(job.id, job.epoch)}
        assert await jobs.take({"waits"}, 5) == []


async def test_work_that_ends_its_server_again_and_again_is_given_up(house, shop):
    jobs, clock = house.services.jobs, house.world.clock
    task_id = await begin(house, "waits")
    for _ in range(ATTEMPTS_MAX):
        assert await jobs.take({"waits"}, 1)
        clock.at += LEASE
    async with working(house):
        task = await until(house, task_id, "failed")
    assert task["error"] == {"code": -32603, "message": "The work was broken off too often"}
    assert shop.seen == []


async def test_a_server_that_stops_leaves_its_work_to_the_others_at_once(house, shop):
    async with working(house):
        task_id = await begin(house, "waits", arguments={"what": "all"})
        await shop.begun.wait()
    shop.open.set()
    async with working(house):
        task = await until(house, task_id, "completed")
    assert words(task) == "all is done"
    assert shop.seen == [f"begun by {OWNER}", "stopped", f"begun by {OWNER}"]
    assert (await house.world.sql("SELECT attempts FROM job"))[0]["attempts"] == 1


async def test_work_whose_database_was_away_for_a_moment_is_begun_when_it_is_back(house, shop, monkeypatch):
    shop.open.set()
    tried = asyncio.Event()

    async def away(*_: Any) -> None:
        tried.set()
        raise NotReady

    async with working(house):
        with monkeypatch.context() as moment:
            moment.setattr(house.identity, "actor_of_person", away)
            task_id = await begin(house, "waits", arguments={"what": "all"})
            await tried.wait()
        await until(house, task_id, "working")
        house.world.clock.at += LEASE
        assert await ask(house, "tasks/update", task_id, inputResponses={}), "which wakes the server"
        assert words(await until(house, task_id, "completed")) == "all is done"


async def test_a_tool_that_ends_the_work_of_a_server_ends_it_for_a_moment_only(house, shop, monkeypatch):
    monkeypatch.setattr("daeri.gateway.mcp.lasting.LOOK_SECONDS", 0.01)
    with capture_logs() as logged:
        async with working(house):
            await begin(house, "numbers")
            async with asyncio.timeout(10):
                while not any(each["event"] == "jobs.work_ended" for each in logged):  # noqa: ASYNC110 - a log has no event
                    await asyncio.sleep(0.01)
            shop.open.set()
            assert words(await until(house, await begin(house, "waits"), "completed"))


async def test_a_server_that_stops_in_the_moment_in_which_it_is_woken_does_stop(house, shop):
    lasting = Lasting(house.services, shop.extras)
    await lasting.open()
    await asyncio.sleep(0.5)  # it has looked, and waits
    lasting.wake()
    closing = asyncio.create_task(lasting.close())
    done, _ = await asyncio.wait({closing}, timeout=5)
    assert done


async def test_work_is_done_with_the_rights_of_then(house, shop):
    able = {**TASKS, "sampling": {}}
    async with working(house):
        task_id = await begin(house, "roles", capabilities=able)
        other = await begin(house, "roles")
        await house.world.sql(f"""UPDATE w_employee SET roles = '["hr"]' WHERE id = {OWNER}""")
        shop.open.set()
        assert words(await until(house, task_id, "completed")).endswith("sampling: True")
        assert words(await until(house, other, "completed")).endswith("sampling: False")
        assert words(await until(house, await begin(house, "roles"), "completed")).startswith("hr: True")


async def test_work_that_an_agent_asked_for_is_done_with_no_more_than_the_agents_rights(house, shop):
    shop.open.set()
    agent = await house.world.deputy(OWNER)
    job = await house.services.jobs.create(agent, Order("authority", {}))
    async with working(house):
        told = json.loads(words(await until(house, job.id, "completed")))
    assert told == [agent.agent, [list(scope) for scope in agent.scopes], sorted(agent.roles), False]


async def test_of_two_servers_one_does_it_and_either_stops_it(house, shop, monkeypatch):
    monkeypatch.setattr("daeri.gateway.mcp.lasting.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("daeri.gateway.mcp.lasting.IDLE_SECONDS", 0.02)
    other = House(house.world, house.keys, Options(), extras=shop.extras)
    async with working(house), working(other):
        task_id = await begin(house, "waits")
        await shop.begun.wait()
        await asyncio.sleep(0.1)
        assert shop.seen == [f"begun by {OWNER}"]
        for server in (other, house):  # one of them is not at it
            await ask(server, "tasks/cancel", task_id)
        await asyncio.wait_for(shop.stopped.wait(), 5)
        assert (await until(other, task_id, "cancelled"))["status"] == "cancelled"
        ids = [await begin(each, "asks_two") for each in (house, other) for _ in range(5)]
        for each in ids:
            await until(house, each, "input_required")
        rounds = await house.world.sql("SELECT rounds, epoch FROM job WHERE tool = 'asks_two'")
        assert [(row["rounds"], row["epoch"]) for row in rounds] == [(1, 1)] * 10, "each was taken up once"
    await other.http.aclose()
    await other.services.raw.close()


async def test_work_that_was_asked_with_a_key_ends_with_the_key(house):
    key = (await house.identity.add_key(OWNER, "lent", decides=False)).secret
    params = {"name": "asks_thrice", "arguments": {}}
    task = (await raw(house.http, key, "tools/call", params, capabilities=TASKS))["result"]
    await house.world.sql("UPDATE api_key SET revoked_at = '2026-11-21 00:00:00' WHERE name = 'lent'")
    async with working(house):
        ended = await until(house, task["taskId"], "completed")
    assert ended["result"]["isError"]
    assert ended["result"]["structuredContent"]["code"] == "permission-denied"


async def test_work_that_is_under_way_stops_with_its_key(house, shop, monkeypatch):
    monkeypatch.setattr("daeri.gateway.mcp.lasting.LOOK_SECONDS", 0.01)
    key = (await house.identity.add_key(OWNER, "lent", decides=False)).secret
    params = {"name": "waits", "arguments": {}}
    async with working(house):
        task = (await raw(house.http, key, "tools/call", params, capabilities=TASKS))["result"]
        await shop.begun.wait()
        await house.world.sql("UPDATE api_key SET revoked_at = '2026-11-21 00:00:00' WHERE name = 'lent'")
        async with asyncio.timeout(10):
            await shop.stopped.wait()
        async with asyncio.timeout(10):
            while (ended := (await ask(house, "tasks/get", task["taskId"]))["result"])["status"] == "working":
                house.world.clock.at += LEASE  # it may have been renewed once more before the work had left
                await ask(house, "tasks/update", task["taskId"], inputResponses={})
                await asyncio.sleep(0.02)
    assert ended["result"]["structuredContent"]["code"] == "permission-denied"
    assert len(shop.seen) == 2, "it was not begun again"


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("invalid", -32602),
        ("protocol", -32055),
        ("broken", -32603),
        ("mute", -32603),
        ("large", -32603),
        ("unfit", -32603),
    ],
)
async def test_an_error_of_the_protocol_fails_the_task_and_tells_nothing_from_inside(house, how, code):
    async with working(house):
        task = await until(house, await begin(house, "ends_badly", arguments={"how": how}), "failed")
    assert task["error"]["code"] == code
    assert "result" not in task
    assert "password" not in json.dumps(task)


async def test_a_refusal_completes_the_task_as_a_result(house):
    async with working(house):
        task = await until(house, await begin(house, "ends_badly", arguments={"how": "refused"}), "completed")
    assert task["result"]["isError"]
    assert task["result"]["structuredContent"]["code"] == "conflict"


async def test_the_same_key_is_the_same_task(house):
    again = {"params": {"_meta": {"daeri/idempotency-key": "k1"}}}
    task_id = await begin(house, "waits", arguments={"what": "a"}, **again)
    assert await begin(house, "waits", arguments={"what": "a"}, **again) == task_id
    other = (await call(house, "waits", arguments={"what": "b"}, **again))["result"]
    assert other["structuredContent"]["code"] == "idempotency-mismatch"
    assert await begin(house, "waits", arguments={"what": "a"}, who="colleague", **again) != task_id
    long = await call(house, "waits", params={"_meta": {"daeri/idempotency-key": "k" * 300}})
    assert long["error"]["code"] == -32602


async def test_nobody_has_too_many_tasks_at_once(house):
    jobs, actor = house.services.jobs, await house.world.actor(OWNER)
    for _ in range(PER_PERSON_MAX):
        await jobs.create(actor, Order("waits", {}))
    refused = (await call(house, "waits"))["result"]
    assert refused["structuredContent"]["code"] == "conflict"
    assert await begin(house, "waits", who="colleague")


async def test_a_task_is_kept_as_long_as_was_said_and_then_forgotten(house):
    jobs, clock = house.services.jobs, house.world.clock
    task_id = await begin(house, "waits")
    (taken,) = await jobs.take({"waits"}, 1)
    clock.at += KEPT - LEASE
    assert await jobs.forget() == 0
    await until(house, task_id, "working")
    clock.at += LEASE
    assert await jobs.forget() == 1
    assert (await ask(house, "tasks/get", task_id))["error"]["code"] == -32602
    assert await jobs.hold([(taken.id, taken.epoch)]) == set(), "its work is stopped"


async def test_a_listener_hears_that_a_task_asks_and_ends(house, monkeypatch):
    monkeypatch.setattr("daeri.gateway.mcp.listen.LOOK_SECONDS", 0.01)
    async with served(house.app) as url, working(house):
        task_id = await begin(house, "asks_two")
        key = (await house.identity.add_key(COLLEAGUE, "nosy", decides=False)).secret
        heard: dict[str, list[Any]] = {"owner": [], "nosy": []}
        for who, secret in (("nosy", key), ("owner", house.keys["owner"])):
            sent = message("subscriptions/listen", {"notifications": {"taskIds": [task_id]}}, TASKS)
            async with (
                httpx.AsyncClient(trust_env=False, timeout=20) as http,
                http.stream("POST", f"{url}/mcp", json=sent, headers=headers_of(sent, secret)) as response,
            ):
                async for line in response.aiter_lines():
                    if line.startswith("data: "):
                        heard[who].append(json.loads(line[6:])["params"])
                        told = heard[who][-1]
                        if who == "nosy" or told.get("status") == "completed":
                            break
                        if told.get("status") == "input_required":
                            given = {name: {"roots": []} for name in told["inputRequests"]}
                            await ask(house, "tasks/update", task_id, inputResponses=given)
    assert heard["nosy"][0]["notifications"] == {}
    assert heard["owner"][0]["notifications"] == {"taskIds": [task_id]}
    assert heard["owner"][-1]["result"]["content"]
