"""Two real servers under load, one Redis: whatever becomes of it, together they never let through more than a limit."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

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
}


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
