import json
import time

import httpx
import pytest

from daeri.gateway import events
from gateway.live import served

pytestmark = pytest.mark.anyio


def parsed(text: str) -> list[dict]:
    """Read a stream as a browser does: blocks of id, event and data; comments and retry aside."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]
    return [
        {"id": int(block["id"]), "event": block["event"], "data": json.loads(block["data"])}
        for block in blocks
        if "id" in block
    ]


async def finished_run(house) -> str:
    return (await house.post("owner", "/v1/runs?wait=5", {"input": "안녕"})).json()["run_id"]


async def test_a_finished_run_is_told_from_the_first_event_to_the_end_of_the_stream(house):
    response = await house.get("owner", f"/v1/runs/{await finished_run(house)}/events")
    told = parsed(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.text.startswith("retry: 1000\n\n")
    assert [item["id"] for item in told] == list(range(1, len(told) + 1))
    assert told[0]["event"] == "run.started"
    assert told[-1]["event"] == "stream.end"
    for item in told:
        assert (item["data"]["seq"], item["data"]["type"]) == (item["id"], item["event"])
        assert item["data"]["run_id"].startswith("run_")
        assert item["data"]["ts"].endswith("Z")


@pytest.mark.parametrize("last", [1, 2, 3])
async def test_a_listener_goes_on_exactly_after_the_last_event_it_heard(house, last):
    path = f"/v1/runs/{await finished_run(house)}/events"
    whole = parsed((await house.get("owner", path)).text)
    by_header = parsed((await house.get("owner", path, headers={"Last-Event-ID": str(last)})).text)
    by_query = parsed((await house.get("owner", f"{path}?after={last}")).text)
    assert by_header == by_query == whole[last:]


async def test_the_header_of_a_reconnecting_browser_goes_before_the_query(house):
    path = f"/v1/runs/{await finished_run(house)}/events?after=1"
    assert parsed((await house.get("owner", path, headers={"Last-Event-ID": "3"})).text)[0]["id"] == 4


async def test_a_browser_that_heard_everything_is_told_to_stop_asking(house):
    path = f"/v1/runs/{await finished_run(house)}/events"
    last = parsed((await house.get("owner", path)).text)[-1]["id"]
    for heard in (last, last + 1, 10**18):
        response = await house.get("owner", path, headers={"Last-Event-ID": str(heard)})
        assert response.status_code == 204


@pytest.mark.parametrize("junk", ["abc", "-1", "1.", "1.5.6", "1." + "9" * 19, "9" * 30])
async def test_a_place_that_is_no_number_is_refused(house, junk):
    path = f"/v1/runs/{await finished_run(house)}/events"
    assert (await house.get("owner", path, headers={"Last-Event-ID": junk})).status_code == 422
    assert (await house.get("owner", f"{path}?after={junk}")).status_code == 422


async def test_a_live_listener_hears_what_happens_after_it_came(house):
    run_id = (await house.post("owner", "/v1/runs", {"input": "천천히"})).json()["run_id"]
    actor = await house.identity.actor_of_key(house.keys["owner"], "rest")
    stream = events._live(house.world.runs.events(actor, run_id, 0))
    assert await anext(stream) == events.RETRY
    assert b"event: run.started" in await anext(stream)
    work = await house.bench.claim(run_id, 1)
    await house.bench.write(work.lease, (), ("message.delta", {"text": "하나\n둘"}))
    chunk = await anext(stream)
    assert parsed(chunk.decode())[0]["data"]["text"] == "하나\n둘"
    assert chunk.count(b"\n") == 4
    await stream.aclose()
    assert not house.world.runs._wakeups._listeners


async def test_silence_is_bridged_with_comments():
    async def silent():
        yield None

    assert [chunk async for chunk in events._live(silent())] == [events.RETRY, events.PING]


@pytest.mark.parametrize(
    "end", ["UPDATE api_key SET revoked_at = created_at", "UPDATE w_employee SET left_on = '2026-01-01'"]
)
async def test_an_open_stream_ends_within_five_seconds_of_its_credential(house, end):
    run_id = (await house.post("owner", "/v1/runs", {"input": "천천히"})).json()["run_id"]
    headers = {"Authorization": f"Bearer {house.keys['owner']}"}
    async with served(house.app) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        async with http.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as response:
            lines = response.aiter_lines()
            while not (await anext(lines)).startswith("data: "):
                pass
            await house.world.sql(end)
            ended = time.monotonic()
            async for line in lines:
                assert not line.startswith("data")
        assert time.monotonic() - ended < 5
        assert (await http.get(f"/v1/runs/{run_id}", headers=headers)).status_code == 401


async def test_streams_end_when_the_server_stops_and_go_on_after_the_last_event(house):
    run_id = (await house.post("owner", "/v1/runs", {"input": "천천히"})).json()["run_id"]
    headers = {"Authorization": f"Bearer {house.keys['owner']}"}
    async with (
        served(house.app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http,
        http.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as response,
    ):
        lines = response.aiter_lines()
        while not (await anext(lines)).startswith("data: "):
            pass
        await house.parts.stop()
        assert [line async for line in lines if line] == []
