"""JSON-RPC over a real WebSocket: the specification's examples, our methods, runs that are followed, what ends it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from daeri.gateway import Options, websocket
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.jsonrpc import Method
from daeri.gateway.lifelines import Lifelines
from daeri.gateway.websocket import CALLS_MAX, FOLLOWED_MAX, SOCKETS_MAX, Sockets
from gateway.gateway_house import House, Keys, opened
from gateway.live import served
from gateway.rpc_examples import EXAMPLES, METHODS, bare

pytestmark = pytest.mark.anyio


@dataclass
class Talk:
    """A client's end: calls by id, and the notifications that came meanwhile."""

    socket: ClientConnection
    told: list[dict[str, Any]] = field(default_factory=list)
    ids: Any = field(default_factory=count)

    async def call(self, method: str, params: Any = None) -> dict[str, Any]:
        """Call a method and wait for the answer."""
        number = next(self.ids)
        await self.say({"jsonrpc": "2.0", "method": method, "params": params or {}, "id": number})
        while (message := await self.hear()).get("id") != number:
            self.told.append(message)
        return message

    async def say(self, value: Any) -> None:
        await self.socket.send(value if isinstance(value, str | bytes) else json.dumps(value, ensure_ascii=False))

    async def hear(self) -> Any:
        async with asyncio.timeout(10):
            return json.loads(await self.socket.recv())

    async def events(self, kind: str = "stream.end") -> list[dict[str, Any]]:
        """Return the events of a run up to one of a kind."""
        events = [message["params"] for message in self.told]
        while not events or events[-1]["type"] != kind:
            message = await self.hear()
            assert message["method"] == "event"
            events.append(message["params"])
        return events


@dataclass
class Place:
    house: House
    url: str

    @asynccontextmanager
    async def talk(self, who: str = "owner", **more: Any) -> AsyncIterator[Talk]:
        headers = {"Authorization": f"Bearer {self.house.keys[who]}"} if who else {}
        headers |= more.pop("headers", {})
        async with connect(self.url, additional_headers=headers, proxy=None, **more) as socket:
            yield Talk(socket)


@pytest.fixture
async def here(keyed: Keys, tmp_path) -> AsyncIterator[Place]:
    async with opened(keyed, tmp_path, Options()) as house, served(house.app, "auto") as url:
        yield Place(house, f"{url.replace('http', 'ws')}/ws")


@asynccontextmanager
async def examples(house: House, ping: float = 20, **more: Any) -> AsyncIterator[Place]:
    """The specification's methods at /ws of an application of their own."""
    keeper = Doorkeeper(house.identity, Options())
    app = FastAPI()
    methods = {**METHODS, **more}
    app.include_router(Sockets(methods.get, house.world.runs, keeper, Lifelines(keeper)).router())
    async with served(app, "auto", ping) as url:
        yield Place(house, f"{url.replace('http', 'ws')}/ws")


async def test_the_specifications_examples_over_a_websocket(house):
    async with examples(house) as place, place.talk() as talk:
        for sent, expected in EXAMPLES:
            await talk.say(sent)
            if expected is not None:
                assert bare(await talk.hear()) == expected, sent
        assert (await talk.call("get_data"))["result"] == ["hello", 5]  # nothing was answered that should not be


async def test_every_service_answers_as_over_http(here):
    async with here.talk() as talk:
        for method, params in (
            ("me", {}),
            ("ops.list", {}),
            ("records.list", {"type": "w_project", "sort": "-cost"}),
            ("approvals.list", {"box": "drafted"}),
            ("work.find", {"employee": "김민준"}),
            ("work.headcount", {}),
            ("work.find", {"employee": 999}),
            ("work.find", {}),
            ("no.such", {}),
        ):
            ours, theirs = await talk.call(method, params), await here.house.rpc("owner", method, params)
            for one in (ours, theirs):
                one.pop("id")
                one.get("error", {}).get("data", {}).pop("request_id", None)
            assert drop_time(ours) == drop_time(theirs), method


def drop_time(answer: dict) -> str:
    sources = answer.get("result", {}).get("sources", []) if isinstance(answer.get("result"), dict) else []
    for source in sources:
        source.pop("as_of")
    return json.dumps(answer, sort_keys=True)


async def test_the_door_and_a_request_id_of_its_own_are_audited_for_each_call(here):
    async with here.talk() as talk:
        await talk.call("work.find", {"employee": 1})
        await talk.call("work.find", {"employee": 1})
    rows = [row for row in await here.house.world.audited() if row["action"] == "work.find"]
    assert {row["door"] for row in rows} == {"ws"}
    assert len({row["request_id"] for row in rows}) == 2


async def test_get_response_waits_without_holding_up_other_calls(here):
    async with here.talk() as talk:
        await talk.say({"jsonrpc": "2.0", "method": "get_response", "params": {"prompt": "천천히"}, "id": "slow"})
        assert (await talk.call("get_response", {"prompt": "안녕"}))["result"]["response"] == "들었어요: 안녕"
        rows = await here.house.world.sql("SELECT id FROM run WHERE status = 'queued'")
        await talk.call("runs.cancel", {"run_id": rows[0]["id"]})
        answers = [*talk.told, await talk.hear()] if not talk.told else talk.told
        assert answers[0]["id"] == "slow"
        assert answers[0]["result"]["status"] == "cancelled"


async def test_a_run_is_followed_from_its_first_event_to_the_end_of_the_stream(here):
    async with here.talk() as talk:
        run_id = (await talk.call("runs.create", {"input": "안녕"}))["result"]["run_id"]
        answer = await talk.call("runs.subscribe", {"run_id": run_id})
        assert answer["result"]["run_id"] == run_id
        assert talk.told == []  # events come after the answer
        events = await talk.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "run.started"
    over_http = (await here.house.get("owner", f"/v1/runs/{run_id}/events")).text
    assert [json.loads(line[6:]) for line in over_http.splitlines() if line.startswith("data: ")] == events


@pytest.mark.parametrize("name", ["after", "after_seq"])
async def test_following_goes_on_exactly_after_the_last_event_that_was_heard(here, name):
    async with here.talk() as talk:
        run_id = (await talk.call("runs.create", {"input": "안녕"}))["result"]["run_id"]
        await talk.call("runs.subscribe", {"run_id": run_id})
        whole = await talk.events()
        talk.told.clear()
        await talk.call("runs.subscribe", {"run_id": run_id, name: 3})
        assert await talk.events() == whole[3:]


async def test_following_goes_on_at_the_very_letter_that_was_heard(here):
    async with here.talk() as talk:
        run_id = (await talk.call("runs.create", {"input": "천천히"}))["result"]["run_id"]
        work = await here.house.bench.claim(run_id, 1)
        await here.house.bench.write(work.lease, (), ("message.delta", {"text": "휴가가 사흘 ", "at": 0}))
        await talk.call("runs.subscribe", {"run_id": run_id, "after": 1, "heard": 4})
        told = (await talk.hear())["params"]
        assert (told["text"], told["at"]) == ("사흘 ", 4)
        here.house.bench.speak(work.lease, 7, "남았")
        assert (await talk.hear())["params"]["text"] == "남았"


async def test_a_live_run_is_told_as_it_goes_and_can_be_left(here):
    async with here.talk() as talk:
        run_id = (await talk.call("runs.create", {"input": "천천히"}))["result"]["run_id"]
        await talk.call("runs.subscribe", [run_id])
        await talk.events("run.started")
        work = await here.house.bench.claim(run_id, 1)
        await here.house.bench.write(work.lease, (), ("message.delta", {"text": "한글 😀"}))
        assert (await talk.hear())["params"]["text"] == "한글 😀"
        assert (await talk.call("runs.unsubscribe", {"run_id": run_id}))["result"] == {"unsubscribed": True}
        await here.house.bench.write(work.lease, (), ("message.delta", {"text": "둘"}))
        assert (await talk.call("runs.unsubscribe", {"run_id": run_id}))["result"] == {"unsubscribed": False}
        assert talk.told == []
    await asyncio.sleep(0)
    assert not here.house.world.runs._wakeups._listeners


@pytest.mark.parametrize(
    ("params", "code"),
    [({"run_id": "run_0"}, -32064), ({}, -32602), ({"run_id": "run_0", "after": -1}, -32602), ({"run": 1}, -32602)],
)
async def test_what_cannot_be_followed_is_refused(here, params, code):
    async with here.talk() as talk:
        assert (await talk.call("runs.subscribe", params))["error"]["code"] == code


async def test_another_persons_run_cannot_be_followed(here):
    async with here.talk() as talk, here.talk("colleague") as other:
        run_id = (await talk.call("runs.create", {"input": "천천히"}))["result"]["run_id"]
        assert (await other.call("runs.subscribe", {"run_id": run_id}))["error"]["code"] == -32064


async def test_a_document_is_decided_over_the_socket(here):
    async with here.talk() as talk, here.talk("lead") as lead:
        held = (await talk.call("work.request", {"start": "2026-12-01"}))["result"]
        decided = await lead.call("approvals.decide", {"approval_id": held["approval_id"], "decision": "approve"})
        assert decided["result"]["status"] == "applied"


async def test_junk_is_answered_and_the_connection_goes_on(here):
    async with here.talk() as talk:
        for junk in ("{", "", "null", "[" * 1000, '{"jsonrpc": "2.0"}', "한글"):
            await talk.say(junk)
            assert (await talk.hear())["error"]["code"] in (-32700, -32600)
        assert "result" in await talk.call("me")


async def test_binary_messages_close_the_connection(here):
    async with here.talk() as talk:
        await talk.say(b"{}")
        with pytest.raises(ConnectionClosed) as closed:
            await talk.hear()
    assert closed.value.rcvd.code == 1003


async def test_bytes_that_are_no_text_close_the_connection(here):
    async with here.talk() as talk:
        await talk.socket.send([b"\xff\xfe"], text=True)
        with pytest.raises(ConnectionClosed) as closed:
            await talk.hear()
    assert closed.value.rcvd.code == 1007


async def refused(place: Place, **more: Any) -> int:
    with pytest.raises(InvalidStatus) as status:
        async with place.talk(**more):
            pass
    return status.value.response.status_code


@pytest.mark.parametrize("key", ["", "Bearer wrong", "Basic x"])
async def test_nobody_comes_in_without_a_credential(here, key):
    assert await refused(here, who="", headers={"Authorization": key} if key else {}) == 401


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://127.0.0.1"])
@pytest.mark.parametrize("who", ["key", "cookie"])
async def test_pages_of_other_sites_do_not_come_in(here, origin, who):
    token, _ = await here.house.identity.sign_in_demo("owner")
    cookie = {"Cookie": f"daeri_session={token}"}
    more = {"who": "owner"} if who == "key" else {"who": "", "headers": cookie}
    assert await refused(here, origin=origin, **more) == 403


async def test_our_own_page_comes_in_with_its_cookie(here):
    token, _ = await here.house.identity.sign_in_demo("owner")
    origin = here.url.replace("ws://", "http://").removesuffix("/ws")
    async with here.talk("", headers={"Cookie": f"daeri_session={token}"}, origin=origin) as talk:
        assert (await talk.call("me"))["result"]["person"]["id"] == 1


async def test_a_name_that_is_not_ours_is_refused(keyed: Keys, tmp_path):
    async with opened(keyed, tmp_path, Options(hosts=("daeri.test",))) as house, served(house.app, "auto") as url:
        place = Place(house, f"{url.replace('http', 'ws')}/ws")
        assert await refused(place) == 421


@pytest.mark.parametrize(
    "end", ["UPDATE api_key SET revoked_at = created_at", "UPDATE w_employee SET left_on = '2026-01-01'"]
)
async def test_a_silent_connection_ends_within_five_seconds_of_its_credential(here, end):
    async with here.talk() as talk:
        await talk.call("me")
        await here.house.world.sql(end)
        ended = time.monotonic()
        with pytest.raises(ConnectionClosed) as closed:
            await talk.hear()
    assert time.monotonic() - ended < 5
    assert closed.value.rcvd.code == 1008


async def test_a_call_after_the_credential_ended_is_not_answered(here):
    async with here.talk() as talk:
        await talk.call("me")
        await here.house.world.sql("UPDATE api_key SET revoked_at = created_at")
        with pytest.raises(ConnectionClosed) as closed:
            await talk.call("me")
    assert closed.value.rcvd.code == 1008


async def test_a_role_that_was_taken_away_counts_for_the_next_call(here):
    async with here.talk() as talk:
        await here.house.world.sql("""UPDATE w_employee SET roles = '["hr"]' WHERE id = 1""")
        assert "result" in await talk.call("work.headcount")
        await here.house.world.sql("UPDATE w_employee SET roles = '[]' WHERE id = 1")
        assert (await talk.call("work.headcount"))["error"]["code"] == -32063


async def test_a_person_has_only_so_many_connections_and_gets_them_back(here):
    async with asyncio.timeout(20):
        talks = [here.talk() for _ in range(SOCKETS_MAX)]
        for talk in talks:
            await talk.__aenter__()
        assert await refused(here) == 429
        async with here.talk("colleague") as other:
            assert "result" in await other.call("me")
        for talk in talks:
            await talk.__aexit__(None, None, None)
        for _ in range(SOCKETS_MAX):
            async with here.talk() as talk:
                assert "result" in await talk.call("me")


async def test_a_connection_follows_only_so_many_runs(here):
    async with here.talk() as talk:
        for number in range(FOLLOWED_MAX + 1):
            run_id = (await talk.call("runs.create", {"input": f"천천히 {number}"}))["result"]["run_id"]
            answer = await talk.call("runs.subscribe", {"run_id": run_id})
        assert answer["error"]["code"] == -32076
        again = await talk.call("runs.subscribe", {"run_id": talk.told[0]["params"]["run_id"]})
        assert "result" in again


async def test_only_so_many_calls_are_under_way_at_once(house):
    busy, most, go_on = 0, 0, asyncio.Event()

    async def hold(_, __):
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await go_on.wait()
        busy -= 1

    async with examples(house, hold=Method((), hold)) as place, place.talk() as talk:
        for number in range(CALLS_MAX * 3):
            await talk.say({"jsonrpc": "2.0", "method": "hold", "id": number})
        while busy < CALLS_MAX:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        go_on.set()
        answers = [await talk.hear() for _ in range(CALLS_MAX * 3)]
    assert most == CALLS_MAX
    assert {answer["id"] for answer in answers} == set(range(CALLS_MAX * 3))


async def test_what_waits_for_a_place_is_bounded_and_then_no_more_is_read(house):
    go_on = asyncio.Event()

    async def hold(_, __):
        await go_on.wait()
        return "done"

    async with examples(house, hold=Method((), hold)) as place, place.talk(compression=None, close_timeout=1) as talk:
        for number in range(CALLS_MAX):
            await talk.say({"jsonrpc": "2.0", "method": "hold", "id": number})

        async def flood() -> None:
            for _ in range(40):
                await talk.say(" " * 1_000_000)  # far more than the sockets between us hold

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flood(), 2)
        go_on.set()
        left = set(range(CALLS_MAX))
        while left:
            left.discard((await talk.hear())["id"])


async def test_a_reader_who_reads_nothing_is_bounded_and_then_let_go(house, monkeypatch):
    monkeypatch.setattr(websocket, "SEND_SECONDS", 0.5)
    made = 0

    async def large(_, __):
        nonlocal made
        made += 1
        return "x" * 1_000_000

    async with examples(house, large=Method((), large)) as place:
        host, port = place.url.removeprefix("ws://").removesuffix("/ws").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        key = f"Authorization: Bearer {house.keys['owner']}"
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
        writer.write(f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\n{upgrade}\r\n{key}\r\n".encode())
        writer.write(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert b"101" in await reader.readline()
        for number in range(100):
            call = json.dumps({"jsonrpc": "2.0", "method": "large", "id": number}).encode()
            writer.write(bytes([0x81, 0x80 | len(call), 0, 0, 0, 0]) + call)
        await asyncio.sleep(1.5)
        assert made <= 2 * CALLS_MAX  # what is made beyond that could not be sent
        writer.transport.abort()


async def test_a_server_that_stops_lets_calls_end_and_says_that_it_restarts(here):
    async with here.talk() as talk:
        run_id = (await talk.call("runs.create", {"input": "천천히"}))["result"]["run_id"]
        await talk.say(
            {"jsonrpc": "2.0", "method": "runs.get", "params": {"run_id": run_id, "wait": 0.3}, "id": "last"}
        )
        await asyncio.sleep(0.05)
        await here.house.parts.stop()
        assert (await talk.hear())["id"] == "last"
        with pytest.raises(ConnectionClosed) as closed:
            await talk.hear()
    assert closed.value.rcvd.code == 1012


async def test_a_caller_who_leaves_takes_no_listener_along(here):
    async with here.talk() as talk:
        run_id = (await talk.call("runs.create", {"input": "천천히"}))["result"]["run_id"]
        await talk.call("runs.subscribe", {"run_id": run_id})
        await talk.events("run.started")
    async with asyncio.timeout(2):
        while here.house.world.runs._wakeups._listeners:  # noqa: ASYNC110 - leaving has no event on this side
            await asyncio.sleep(0.01)
    assert (await here.house.get("owner", f"/v1/runs/{run_id}")).json()["status"] == "queued"
