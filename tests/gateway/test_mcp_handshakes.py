"""Can a client that shakes hands first (until 2025-11-25) be asked, hear and watch, whichever server it reaches?

Its requests go in turn to two servers over one database, so that nothing can be kept in a process.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import CreateMessageResult, ElicitResult, ErrorData, ListRootsResult, TextContent

from daeri.errors import Conflict, NotFound
from daeri.gateway import Options
from daeri.gateway.mcp import Exchange, ExtraPrompt, ExtraResource, Extras, ExtraTool, text
from daeri.runs.handshakes import ASKED_MAX, KEPT, PER_PERSON_MAX, URI_MAX, WATCHED_MAX
from daeri.wording import Text
from gateway.gateway_house import House, opened
from gateway.live import served
from gateway.mcp_client import HANDSHAKE, NEWEST, client, message, raw
from worlds import LEAD, OWNER

pytestmark = pytest.mark.anyio

NAME = {"type": "object", "properties": {"name": {"type": "string"}}}
FORM = {"mode": "form", "message": "Who?", "requestedSchema": NAME}
TOLD_HOW = {"protocolVersion": "2025-11-25", "clientInfo": {"name": "t", "version": "1"}}


async def _asks(exchange: Exchange) -> dict[str, Any]:
    if exchange.state is None:
        return exchange.ask({"who": {"method": "elicitation/create", "params": FORM}}, "asked")
    if exchange.state == "asked":
        name = exchange.answers["who"]["content"]["name"]
        params = {"messages": [{"role": "user", "content": {"type": "text", "text": name}}], "maxTokens": 9}
        return exchange.ask({"said": {"method": "sampling/createMessage", "params": params}}, "sampled")
    return text(f"It said: {exchange.answers['said']['content']['text']}")


async def _logs(exchange: Exchange) -> dict[str, Any]:
    for level in ("debug", "info", "error"):
        await exchange.log(level, f"{level} it is")
    return text("Logged.")


async def _endless(exchange: Exchange) -> dict[str, Any]:
    return exchange.ask({"again": {"method": "roots/list"}})


async def _fills(exchange: Exchange) -> dict[str, Any]:
    if not exchange.answers:
        return exchange.ask({"who": {"method": "elicitation/create", "params": FORM}})
    told = exchange.answers["who"]["content"]["name"]
    return {"messages": [{"role": "user", "content": {"type": "text", "text": f"Help {told}"}}]}


class Board:
    """A resource that changes when the test says so."""

    written = "one"

    async def read(self, *_: Any) -> str:
        return self.written


board = Board()
EXTRAS = Extras(
    [ExtraTool(run.__name__[1:], Text("일", "Work"), "Work.", run) for run in (_asks, _logs, _endless)],
    [
        ExtraResource("test://board", "board", Text("판", "Board"), "text/plain", board.read, mark=board.read),
        ExtraResource("test://fixed", "fixed", Text("글", "Text"), "text/plain", board.read),
    ],
    [ExtraPrompt("fills", Text("채우기", "Fill"), _fills)],
)


@pytest.fixture
async def house(keyed, tmp_path):
    async with opened(keyed, tmp_path, Options(), extras=EXTRAS) as one:
        yield one


@pytest.fixture
async def url(house, monkeypatch) -> AsyncIterator[str]:
    """Two servers over one database, by turns."""
    monkeypatch.setattr("daeri.gateway.mcp.standing.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("daeri.gateway.mcp.talking.LOOK_SECONDS", 0.02)
    other = House(house.world, house.keys, Options(), extras=EXTRAS)
    turns = itertools.cycle([house.app, other.app])

    async def either(scope: Any, receive: Any, send: Any) -> None:
        await next(turns)(scope, receive, send)

    async with served(either) as address:
        yield address
    await other.parts.close()
    await other.http.aclose()
    await other.services.raw.close()


async def _name(*_: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"name": "김하은"})


async def _say(_: Any, params: Any) -> CreateMessageResult:
    asked = params.messages[0].content
    return CreateMessageResult(role="assistant", content=TextContent(text=f"hello {asked.text}"), model="m")


async def test_a_tool_asks_a_person_and_a_model_in_one_call(house, url):
    async with client(url, house.keys["owner"], HANDSHAKE, elicitation_callback=_name, sampling_callback=_say) as mcp:
        told = await mcp.call_tool("asks")
        assert told.content[0].text == "It said: hello 김하은"
        prompt = await mcp.get_prompt("fills")
        assert prompt.messages[0].content.text == "Help 김하은"
    assert await house.world.sql("SELECT id FROM handshake") == [], "it has told that it leaves"


async def test_a_run_that_asks_back_asks_the_person_behind_an_older_client_too(house, url):
    async def choose(_: Any, params: Any) -> ElicitResult:
        labels = params.requested_schema["properties"]["choice"]["enum"]
        return ElicitResult(action="accept", content={"choice": labels[0]})

    told: list[float] = []

    async def hear(done: float, *_: Any) -> None:
        told.append(done)

    async with client(url, house.keys["owner"], HANDSHAKE, elicitation_callback=choose) as mcp:
        asked = {"input": "누구 말이에요?"}
        run = (await mcp.call_tool("runs.create", asked, progress_callback=hear)).structured_content
    assert told == sorted(set(told)), "it never goes backwards"
    assert len(told) > 3
    assert (run["input"], run["status"]) == ("다시", "succeeded")
    assert len(await house.world.sql("SELECT id FROM run")) == 2


async def test_a_client_that_cannot_be_asked_is_told_so(house, url):
    async with client(url, house.keys["owner"], HANDSHAKE) as mcp:
        with pytest.raises(MCPError, match="elicitation/create"):
            await mcp.call_tool("asks")
        run = (await mcp.call_tool("runs.create", {"input": "누구 말이에요?"})).structured_content
        assert run["choices"], "it gets the question as the answer"

    async def refuse(*_: Any) -> ErrorData:
        return ErrorData(code=-1, message="not today")

    async with client(url, house.keys["owner"], HANDSHAKE, elicitation_callback=refuse) as mcp:
        with pytest.raises(MCPError, match="not today"):
            await mcp.call_tool("asks")


async def test_a_tool_that_asks_again_and_again_is_ended(house, url):
    async def none(*_: Any) -> Any:
        return ListRootsResult(roots=[])

    async with client(url, house.keys["owner"], HANDSHAKE, list_roots_callback=none) as mcp:
        with pytest.raises(MCPError, match="again and again"):
            await mcp.call_tool("endless")


@pytest.mark.filterwarnings("ignore:The logging capability is deprecated")
async def test_a_client_hears_from_the_level_on_that_it_has_set(house, url):
    heard: list[Any] = []

    async def hear(params: Any) -> None:
        heard.append(params.data)

    async with client(url, house.keys["owner"], HANDSHAKE, logging_callback=hear) as mcp:
        await mcp.call_tool("logs")
        assert heard == [], "it has not said that it wants to hear"
        await mcp.set_logging_level("info")
        await mcp.call_tool("logs")
    assert heard == ["info it is", "error it is"]


class Session:
    """A client by hand, for what the official one would not do."""

    def __init__(self, http: httpx.AsyncClient, url: str, key: str) -> None:
        self.http, self.url, self.key, self.name = http, url, key, ""

    async def begin(self, capabilities: Any = None) -> "Session":
        params = TOLD_HOW | {"capabilities": capabilities or {}}
        answer = await self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        assert answer.json()["result"]["capabilities"]["tools"]["listChanged"]
        self.name = answer.headers["mcp-session-id"]
        return self

    @property
    def headers(self) -> dict[str, str]:
        named = {"Mcp-Session-Id": self.name} if self.name else {}
        accept = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
        return {"Authorization": f"Bearer {self.key}", **accept, **named}

    async def send(self, message: Any) -> httpx.Response:
        return await self.http.post(f"{self.url}/mcp", json=message, headers=self.headers)

    async def call(self, method: str, **params: Any) -> httpx.Response:
        return await self.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        headers = self.headers | {"Accept": "text/event-stream"}
        async with self.http.stream("GET", f"{self.url}/mcp", headers=headers) as response:
            assert response.status_code == 200, await response.aread()

            async def told() -> AsyncIterator[dict[str, Any]]:
                async for line in response.aiter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line[6:])

            yield told()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as one:
        yield one


async def test_a_client_hears_of_what_it_watches_and_of_tools_that_it_gained(house, url, http):
    board.written = "one"
    mcp = await Session(http, url, house.keys["lead"]).begin()
    approval_id = await house.held()
    for uri in (f"daeri://approvals/{approval_id}", "test://board"):
        assert (await mcp.call("resources/subscribe", uri=uri)).json()["result"] == {}
    board.written = "two"  # before anybody listens
    async with mcp.standing() as told:
        assert (await anext(told))["params"] == {"uri": "test://board"}
        done = await house.post("lead", f"/v1/approvals/{approval_id}/decisions", {"decision": "approve"})
        assert done.status_code == 200
        assert await anext(told) == {
            "jsonrpc": "2.0",
            "method": "notifications/resources/updated",
            "params": {"uri": f"daeri://approvals/{approval_id}"},
        }
        assert (await mcp.call("resources/unsubscribe", uri="test://board")).json()["result"] == {}
        board.written = "three"
        await house.world.sql(f"""UPDATE w_employee SET roles = '["hr"]' WHERE id = {LEAD}""")
        assert (await anext(told))["method"] == "notifications/tools/list_changed"


async def test_a_long_address_is_not_kept(house, url, http):
    mcp = await Session(http, url, house.keys["owner"]).begin()
    run_id = (await house.post("owner", "/v1/runs", {"input": "안녕"})).json()["run_id"]
    told = await mcp.call("resources/subscribe", uri=f"daeri://runs/run_{'x' * URI_MAX}/{run_id}")
    assert told.json()["error"]["data"]["code"] == "validation-failed"
    assert (await mcp.call("resources/subscribe", uri=f"daeri://runs/{run_id}")).json()["result"] == {}


@pytest.mark.parametrize("uri", ["test://fixed", "daeri://records/w_employee/1", "daeri://documents/1", "nowhere"])
async def test_what_cannot_be_watched_is_refused(house, url, http, uri):
    mcp = await Session(http, url, house.keys["owner"]).begin()
    assert (await mcp.call("resources/subscribe", uri=uri)).json()["error"]["code"] == -32600


async def test_what_is_hidden_is_watched_like_what_is_missing(house, url, http):
    approval_id = await house.held()
    mcp = await Session(http, url, house.keys["stranger"]).begin()
    told = []
    for name in (approval_id, "apr_00000000000000000000000000"):
        error = (await mcp.call("resources/subscribe", uri=f"daeri://approvals/{name}")).json()["error"]
        told.append(error | {"data": error["data"] | {"request_id": ""}})
    assert told[0] == told[1]


@pytest.mark.parametrize("other", ["colleague", "stranger", "hr"])
async def test_the_handshake_of_someone_else_is_none(house, url, http, other):
    mcp = await Session(http, url, house.keys["owner"]).begin({"elicitation": {}})
    thief = Session(http, url, house.keys[other])
    thief.name = mcp.name
    missing = Session(http, url, house.keys[other])
    missing.name = "mcs_none"
    for each in (thief, missing):
        assert (await each.call("tools/list")).status_code == 404
        assert (await each.call("logging/setLevel", level="info")).status_code == 404
        assert (await http.request("DELETE", f"{url}/mcp", headers=each.headers)).status_code == 404
        assert (await http.get(f"{url}/mcp", headers=each.headers)).status_code == 404
    assert (await mcp.call("logging/setLevel", level="info")).json()["result"] == {}


async def test_nobody_else_answers_a_question_and_nobody_answers_twice(house, url, http):
    mcp = await Session(http, url, house.keys["owner"]).begin({"elicitation": {}, "sampling": {}})
    thief = Session(http, url, house.keys["colleague"])
    thief.name = mcp.name
    call = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "asks", "arguments": {}}}
    async with http.stream("POST", f"{url}/mcp", json=call, headers=mcp.headers) as response:
        lines = response.aiter_lines()
        asked = json.loads(next_data := [line async for line in _until_data(lines)][-1][6:])
        assert (asked["method"], next_data.count("김하은")) == ("elicitation/create", 0)
        answer = {"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {"name": "나"}}}
        assert (await thief.send(answer)).status_code == 400
        assert (await thief.send(answer | {"id": "ask_none"})).status_code == 400
        assert (await mcp.send(answer)).status_code == 202
        second = json.loads([line async for line in _until_data(lines)][-1][6:])
        assert second["params"]["messages"][0]["content"]["text"] == "나"
        assert (await mcp.send(answer)).status_code == 400, "it was answered"
    for _ in range(300):
        row = (await house.world.sql("SELECT answers FROM handshake"))[0]
        if json.loads(row["answers"]) == {}:
            break
        await asyncio.sleep(0.01)
    assert json.loads(row["answers"]) == {}, "a caller who left awaits nothing"


async def test_a_question_of_a_revoked_key_is_awaited_no_longer(house, url, http):
    key = (await house.identity.add_key(OWNER, "mcp", decides=False)).secret
    mcp = await Session(http, url, key).begin({"elicitation": {}})
    call = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "asks", "arguments": {}}}
    async with asyncio.timeout(10), http.stream("POST", f"{url}/mcp", json=call, headers=mcp.headers) as response:
        lines = response.aiter_lines()
        assert '"elicitation/create"' in [line async for line in _until_data(lines)][-1]
        await house.world.sql("UPDATE api_key SET revoked_at = '2026-11-21 00:00:00' WHERE name = 'mcp'")
        ended = json.loads([line async for line in _until_data(lines)][-1][6:])
    assert ended["error"]["data"]["code"] == "unauthenticated"
    assert json.loads((await house.world.sql("SELECT answers FROM handshake"))[0]["answers"]) == {}


async def _until_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith("data: "):
            return


async def test_a_handshake_that_was_ended_is_over_and_a_client_without_one_is_served(house, url, http):
    mcp = await Session(http, url, house.keys["owner"]).begin()
    assert (await http.request("DELETE", f"{url}/mcp", headers=mcp.headers)).status_code == 204
    assert (await mcp.call("tools/list")).status_code == 404
    mcp.name = ""
    assert (await mcp.call("tools/list")).json()["result"]["tools"]
    assert (await http.get(f"{url}/mcp", headers=mcp.headers)).status_code == 405
    assert (await mcp.call("logging/setLevel", level="info")).json()["error"]["code"] == -32064
    assert "error" in (await mcp.call("tools/call", name="asks", arguments={})).text


async def test_a_client_goes_on_without_a_stream_where_too_many_are_open(house, url, http, monkeypatch):
    monkeypatch.setattr("daeri.gateway.mcp.standing.STREAMS_MAX", 1)
    mcp = await Session(http, url, house.keys["owner"]).begin()
    async with mcp.standing(), mcp.standing():  # one on each server
        assert (await http.get(f"{url}/mcp", headers=mcp.headers)).status_code == 405
        assert (await mcp.call("tools/list")).status_code == 200
        assert (await http.get(f"{url}/mcp", headers=mcp.headers)).status_code == 405


async def test_the_streams_of_one_person_take_no_place_from_others(house, url, http, monkeypatch):
    monkeypatch.setattr("daeri.gateway.mcp.standing.EACH_MAX", 1)
    mine = await Session(http, url, house.keys["owner"]).begin()
    other = await Session(http, url, house.keys["colleague"]).begin()
    async with mine.standing(), mine.standing():  # one on each server
        for _ in range(2):
            assert (await http.get(f"{url}/mcp", headers=mine.headers)).status_code == 405
        async with other.standing(), other.standing():
            assert (await http.get(f"{url}/mcp", headers=other.headers)).status_code == 405
    async with asyncio.timeout(10):
        while (await _opened(http, url, mine)) == 405:  # noqa: ASYNC110 - a place has no event
            await asyncio.sleep(0.02)


async def _opened(http: httpx.AsyncClient, url: str, session: Session) -> int:
    async with http.stream("GET", f"{url}/mcp", headers=session.headers) as response:
        return response.status_code


async def test_the_newest_revision_knows_no_handshakes(house):
    told = await raw(house.http, house.keys["owner"], "tools/list", headers={"Mcp-Session-Id": "mcs_none"})
    assert told["result"]["tools"]
    level = await raw(house.http, house.keys["owner"], "logging/setLevel", {"level": "info"})
    assert level["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("sent", "headers"),
    [
        (
            message("initialize", TOLD_HOW | {"capabilities": {}}),
            {"MCP-Protocol-Version": NEWEST, "Mcp-Method": "initialize"},
        ),
        (message("initialize", TOLD_HOW | {"capabilities": {}}), {"MCP-Protocol-Version": NEWEST}),
        ({"jsonrpc": "2.0", "id": 1, "method": "initialize"}, {}),
        ({"jsonrpc": "2.0", "method": "initialize", "params": TOLD_HOW | {"capabilities": {}}}, {}),
    ],
    ids=["newest", "newest by its version", "no params", "no id"],
)
async def test_who_shakes_no_hands_is_given_no_handshake(house, sent, headers):
    accept = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {house.keys['owner']}"}
    answer = await house.http.post("/mcp", json=sent, headers=accept | headers)
    assert "result" not in answer.text
    assert "mcp-session-id" not in answer.headers
    assert await house.world.sql("SELECT id FROM handshake") == []


async def test_a_handshake_whose_answer_is_refused_has_no_name(house):
    sent = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": TOLD_HOW | {"capabilities": {}}}
    answer = await house.call("owner", "POST", "/mcp", json=sent, headers={"Accept": "text/html"})
    assert (answer.status_code, "mcp-session-id" in answer.headers) == (406, False)


async def test_a_page_of_another_origin_may_go_by_a_handshake(keyed, tmp_path):
    async with opened(keyed, tmp_path, Options(origins=("https://app.test",))) as house:
        asked = {"Origin": "https://app.test", "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = (
            "authorization,mcp-session-id,mcp-protocol-version,mcp-method,mcp-name"
        )
        assert (await house.http.options("/mcp", headers=asked)).status_code == 200
        told = await house.call("owner", "GET", "/v1/me", headers={"Origin": "https://app.test"})
        assert "Mcp-Session-Id" in told.headers["access-control-expose-headers"]


async def test_a_revoked_key_ends_the_standing_stream(house, url, http, monkeypatch):
    monkeypatch.setattr("daeri.gateway.lifelines.LOOK_SECONDS", 0.02)
    key = (await house.identity.add_key(OWNER, "mcp", decides=False)).secret
    mcp = await Session(http, url, key).begin()
    async with mcp.standing() as told:
        await house.world.sql("UPDATE api_key SET revoked_at = '2026-11-21 00:00:00' WHERE name = 'mcp'")
        assert [each async for each in told] == []
    assert (await mcp.call("tools/list")).status_code == 401


async def test_the_book_of_handshakes_is_bounded_and_forgets(house):
    book, clock, actor = house.services.handshakes, house.world.clock, await house.world.actor(OWNER)
    first = await book.create(actor, {})
    for number in range(WATCHED_MAX):
        await book.watch(actor, first, f"test://{number}", "m")
    with pytest.raises(Conflict):
        await book.watch(actor, first, "test://more", "m")
    await book.watch(actor, first, "test://0", "again")
    for number in range(ASKED_MAX):
        await book.expect(actor, first, str(number))
    with pytest.raises(Conflict):
        await book.expect(actor, first, "more")
    clock.at += KEPT / 2
    for _ in range(PER_PERSON_MAX):
        await book.create(actor, {})
    kept = [row["id"] for row in await house.world.sql("SELECT id FROM handshake")]
    assert (len(kept), first in kept) == (PER_PERSON_MAX, False), "the oldest went"
    clock.at += KEPT
    for name in kept[:3]:
        with pytest.raises(NotFound):
            await book.get(actor, name)
    await book.create(actor, {})
    assert len(await house.world.sql("SELECT id FROM handshake")) == 1
