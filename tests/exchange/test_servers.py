"""Two real servers under load, one Redis: whatever becomes of it, no limit is passed and nobody is let in after all."""

import asyncio
import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import databases
from daeri.clock import Clock
from daeri.operations.hot_sessions import HOT_SECONDS
from daeri.records.identity import Identity
from daeri.records.store import Store
from daeri.sample import hanbit
from databases import only_postgres
from redis_server import RedisServer
from servers import Server

MOST = 400
CALLERS = 3
"""For each server."""
CALLS = 150
"""Of each caller: more than twice the limit, all together."""
FAULTS: dict[str, Callable[[RedisServer], object]] = {
    "nothing": lambda _: None,
    "killed": RedisServer.kill,
    "paused": RedisServer.pause,
    "flushed": RedisServer.flush,
    "full": RedisServer.fill,
}

RETURNS: dict[str, Callable[[RedisServer], object]] = {
    "nothing": lambda _: None,
    "killed": RedisServer.start,
    "paused": RedisServer.go_on,
    "flushed": lambda _: None,
    "full": RedisServer.make_room,
}
SESSIONS = 60


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("two")
    made = [Server(folder / name, "demo") for name in ("one", "other")]
    yield made
    for server in made:
        server.stop()


@pytest.fixture
def redis(tmp_path: Path, servers: list[Server]) -> Iterator[RedisServer]:
    """A Redis that both servers know from their start, and nothing of before."""
    redis = RedisServer(tmp_path).start()
    for server in servers:
        server.stop()
        server.more = {"DAERI_REDIS_URL": redis.url, "DAERI_RATE_LIMITS": f"person={MOST}/hour"}
        server.start()
    yield redis
    redis.stop()


@pytest.mark.night
@pytest.mark.parametrize("fault", FAULTS)
def test_under_load_no_server_lets_through_more_whatever_becomes_of_redis(redis, servers, fault):
    told, middle = Counter[int](), threading.Event()

    def call(server: Server) -> None:
        key = server.keys()["hr"]
        for number in range(CALLS):
            told[server.call("GET", "/v1/me", key=key).status] += 1
            if number == CALLS // 6:
                middle.set()

    with ThreadPoolExecutor(2 * CALLERS) as callers:
        calls = [callers.submit(call, server) for server in servers for _ in range(CALLERS)]
        assert middle.wait(60)
        FAULTS[fault](redis)
        for each in calls:
            each.result(120)
    assert set(told) == {200, 429}
    assert told[200] <= MOST, told
    assert told[200] >= (MOST if fault == "nothing" else 0.5 * MOST), told


@pytest.mark.night
@only_postgres("on SQLite there is one server, which reads each session anew")
@pytest.mark.parametrize("fault", FAULTS)
def test_under_load_nobody_is_let_in_anywhere_who_has_signed_out_whatever_becomes_of_redis(tmp_path, fault):
    redis = RedisServer(tmp_path).start()
    more = {"DAERI_REDIS_URL": redis.url, "DAERI_RATE_LIMITS": ""}
    one = Server(tmp_path / "one", "demo", more=more).start()
    other = Server(tmp_path / "other", "serve", more=more, beside=one).start()
    servers = [one, other]
    tokens = asyncio.run(_signed_in(one.folder, SESSIONS))
    ended, seen, done = dict[str, float](), list[tuple[str, float, int]](), threading.Event()

    def look(number: int) -> None:
        chosen = random.Random(number)  # noqa: S311 - nothing secret
        while not done.is_set():
            near = max(0, len(ended) - 1)
            token, begun = chosen.choice(tokens[near : near + 3]), time.monotonic()
            status = chosen.choice(servers).call("GET", "/v1/me", headers={"Cookie": f"daeri_session={token}"}).status
            seen.append((token, begun, status))

    def sign_out() -> None:
        for number, token in enumerate(tokens[:-1]):
            cookie = {"Cookie": f"daeri_session={token}"}
            named = hashlib.sha256(token.encode()).hexdigest()
            ((session_id,),) = databases.look(one.folder, "SELECT id FROM session WHERE hash = :hash", hash=named)
            assert servers[number % 2].call("DELETE", f"/v1/sessions/{session_id}", headers=cookie).status == 204
            ended[token] = time.monotonic()
            if number == SESSIONS // 3:
                FAULTS[fault](redis)
            if number == 2 * SESSIONS // 3:
                RETURNS[fault](redis)
            time.sleep(0.05)

    try:
        with ThreadPoolExecutor(2 * CALLERS) as callers:
            calls = [callers.submit(look, number) for number in range(2 * CALLERS)]
            try:
                sign_out()
            finally:
                done.set()
            for each in calls:
                each.result(60)
        let_in = [begun - ended.get(token, begun) for token, begun, status in seen if status == 200]
        slow = sum(server.log.read_text().count('"why": "slow"') for server in servers)
        is_busy = slow > (len(servers) if fault == "paused" else 0)  # then Redis may have been told late
        assert max(let_in) <= (HOT_SECONDS if is_busy else 0), sorted(let_in)[-10:]
        assert {status for _, _, status in seen} == {200, 401}
    finally:
        redis.stop()
        other.stop()
        one.stop()


async def _signed_in(folder: Path, number: int) -> list[str]:
    """Sign people of the demo in, so many times, in a process of its own."""
    store = Store(databases.database_of(folder))
    identity = Identity(store, hanbit().people, Clock(), demo=True)
    try:
        logins = [person["login"] for person in await identity.demo_people()]
        return [(await identity.sign_in_demo(logins[turn % len(logins)]))[0] for turn in range(number)]
    finally:
        await store.close()


@only_postgres("one server alone on a file has nobody to wake")
def test_news_of_a_run_goes_to_the_other_servers_by_redis_and_without_it_by_the_database(tmp_path):
    redis = RedisServer(tmp_path).start()
    one = Server(tmp_path / "one", "demo", more={"DAERI_REDIS_URL": redis.url}).start()
    other = Server(tmp_path / "other", "serve", more={"DAERI_REDIS_URL": redis.url}, beside=one).start()
    try:
        key = one.keys()["deputy"]
        with redis.client as client, client.pubsub() as ear:
            ear.subscribe("daeri:0")
            run = one.call("POST", "/v1/runs?wait=20", {"input": "휴가 며칠 남았어?"}, key=key).body
            told = iter(lambda: ear.get_message(timeout=2), None)
            assert any(run["run_id"] in str(message["data"]) for message in told)
        redis.kill()
        begun = one.call("POST", "/v1/runs", {"input": "휴가 며칠 남았어?"}, key=key).body
        ended = other.call("GET", f"/v1/runs/{begun['run_id']}?wait=20", key=key).body
        assert ended["status"] == "succeeded"
    finally:
        other.stop()
        one.stop()
        redis.stop()
