"""Who does not answer a WebSocket's pings is let go; who does stays, however little they say."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect

from daeri.gateway import Options, websocket
from daeri.gateway.jsonrpc import Method
from daeri.gateway.websocket import CALLS_MAX, PING_SECONDS
from gateway.gateway_house import House, opened
from gateway.live import served
from gateway.silent import silent
from gateway.test_websocket import examples
from servers import Server

pytestmark = pytest.mark.anyio

PING = 0.5


@pytest.fixture
async def here(keyed, tmp_path) -> AsyncIterator[tuple[House, str]]:
    async with opened(keyed, tmp_path, Options()) as house, served(house.app, "auto", PING) as url:
        yield house, url


async def test_who_answers_no_ping_is_let_go_and_leaves_the_place_to_others(here, monkeypatch):
    monkeypatch.setattr(websocket, "SOCKETS_MAX", 1)
    house, url = here
    async with asyncio.timeout(20), silent(url, house.keys["owner"]) as one:
        with pytest.raises(AssertionError, match="429"):
            await silent(url, house.keys["owner"]).__aenter__()
        async with silent(url, house.keys["colleague"]), silent(url, house.keys["stranger"]):
            pass  # their places are their own
        assert await one.closed() == 1011
        assert await one.reader.read() == b""
        await asyncio.sleep(0.2)
        async with silent(url, house.keys["owner"]):
            pass


async def test_who_answers_pings_stays(here):
    house, url = here
    headers = {"Authorization": f"Bearer {house.keys['owner']}"}
    async with connect(f"{url.replace('http', 'ws')}/ws", additional_headers=headers, proxy=None) as socket:
        await asyncio.sleep(4 * PING)
        await socket.send('{"jsonrpc": "2.0", "method": "me", "id": 1}')
        assert "result" in await socket.recv()


async def test_who_answers_pings_stays_though_all_places_are_taken_for_long(house):
    async def slow(_, __):
        await asyncio.sleep(5 * PING)

    asked = range(CALLS_MAX + 3)
    async with examples(house, PING, slow=Method((), slow)) as place, place.talk() as talk:
        for number in asked:
            await talk.say({"jsonrpc": "2.0", "method": "slow", "id": number})
        assert {(await talk.hear())["id"] for _ in asked} == set(asked)


@pytest.mark.night
async def test_a_server_as_it_is_started_lets_a_silent_client_go_within_forty_seconds(tmp_path):
    server = Server(tmp_path / "demo", "demo")
    await asyncio.to_thread(server.start)
    try:
        begun = time.monotonic()
        async with asyncio.timeout(60), silent(server.url, server.keys()["deputy"]) as one:
            assert await one.closed() == 1011
        assert PING_SECONDS < time.monotonic() - begun < 2 * PING_SECONDS + 2
    finally:
        await asyncio.to_thread(server.stop)
