"""Too many requests are refused alike at every door, whoever else asks meanwhile; callers are told what is left."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from daeri.errors import RateLimited
from daeri.gateway import Options
from daeri.operations.limits import Limit, Limiter
from daeri.records import Actor
from daeri.testing.model_server import says
from gateway.gateway_house import House, Keys, opened
from gateway.live import served
from gateway.openai_house import MODEL, place
from gateway.test_keys import exchanged

pytestmark = pytest.mark.anyio


FIND = {"jsonrpc": "2.0", "method": "work.find", "params": {"employee": 1}, "id": 7}
ODD = {
    "no JSON": ("{", -32700),
    "no call": ('{"jsonrpc": "2.0", "id": 7}', -32600),
    "an empty batch": ("[]", -32600),
    "a long batch": (json.dumps([FIND] * 1_000), -32600),
}


@asynccontextmanager
async def limited(keyed: Keys, folder: Path, *limits: str) -> AsyncIterator[House]:
    async with opened(keyed, folder, Options(), limits=limits) as house:
        yield house


async def test_a_person_who_asks_too_often_waits_and_nobody_else_does(keyed, tmp_path):
    async with limited(keyed, tmp_path, "person=3/minute") as house:
        answers = [await house.get("owner", "/v1/me") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert [answer.headers["ratelimit"].split(";")[1] for answer in answers[:3]] == ["r=2", "r=1", "r=0"]
        assert answers[0].headers["ratelimit-policy"] == '"person";q=3;w=60'
        refused = answers[3]
        assert refused.json()["code"] == "rate-limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert "한도" in refused.json()["detail"]
        for who in ("colleague", "stranger"):
            assert (await house.get(who, "/v1/me")).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ops/work.find", {"employee": 1}),
        ("/rpc", FIND),
        ("/v1/chat/completions", {"model": "agent/assistant", "messages": []}),
        ("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
    ],
)
async def test_a_refusal_tells_which_limit_is_reached_and_until_when(keyed, tmp_path, path, body):
    async with limited(keyed, tmp_path, "person=1/minute", "key=9/hour") as house:
        await house.get("owner", "/v1/me")
        refused = await house.post("owner", path, body)
        assert refused.status_code == 429
        assert refused.headers["ratelimit-policy"] == '"person";q=1;w=60'
        assert refused.headers["ratelimit"] == f'"person";r=0;t={refused.headers["retry-after"]}'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ops/work.find", {"employee": 1}),
        ("/rpc", FIND),
        ("/v1/chat/completions", {"model": "agent/assistant", "messages": [{"role": "user", "content": "안녕"}]}),
        ("/v1/responses", {"model": "agent/assistant", "input": "안녕", "background": True}),
        ("/v1/embeddings", {"model": "daeri/sentence-encoder", "input": "안녕"}),
        ("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
    ],
)
async def test_a_request_counts_once(keyed, tmp_path, path, body):
    async with limited(keyed, tmp_path, "person=9/minute") as house:
        told = await house.post("owner", path, body)
        assert told.headers["ratelimit"].split(";")[1] == "r=8"


async def test_a_refusal_by_an_operations_own_limit_tells_that_one_and_not_the_callers(keyed, tmp_path):
    async with limited(keyed, tmp_path, "person=9/minute", "operation:work.find=1/hour") as house:
        for _ in range(2):
            told = await house.post("owner", "/v1/ops/work.find", {"employee": 1})
        assert told.status_code == 429
        assert told.headers.get_list("ratelimit-policy") == ['"operation:work.find";q=1;w=3600']


async def test_a_quota_that_is_used_up_is_told_too(keyed, tmp_path):
    async with opened(keyed, tmp_path, Options(), quotas=["person=1/day"]) as house:
        refused = [await house.get("owner", "/v1/me") for _ in range(2)][1]
        assert (refused.status_code, refused.headers["ratelimit-policy"]) == (429, '"person/day";q=1')


async def test_two_keys_of_a_person_share_the_persons_limit_and_have_their_own(keyed, tmp_path):
    async with limited(keyed, tmp_path, "person=5/minute", "key=3/minute") as house:
        second = await house.identity.add_key(1, "second", decides=False)
        house.keys["second"] = second.secret
        first = [(await house.get("owner", "/v1/me")).status_code for _ in range(4)]
        other = [(await house.get("second", "/v1/me")).status_code for _ in range(3)]
        assert first == [200, 200, 200, 429]
        assert 429 in other


@pytest.mark.parametrize("bound", [{"limits": ["key=6/minute"]}, {"quotas": ["key=6/day"]}])
async def test_tokens_lent_by_a_key_count_as_that_key(keyed, tmp_path, bound):
    async with opened(keyed, tmp_path, Options(), **bound) as house:
        lent = [(await exchanged(house, house.keys["owner"])).json()["access_token"] for _ in range(2)]
        lent.append((await exchanged(house, lent[0])).json()["access_token"])
        house.keys |= dict(zip("abc", lent, strict=True))
        answers = [(await house.get(token, "/v1/me")).status_code for token in "abcab"]
        assert answers == [200, 200, 200, 429, 429], "three of the six were the exchanges"
        for who in ("colleague", "stranger"):
            assert (await house.get(who, "/v1/me")).status_code == 200


async def test_a_limit_counts_exactly_however_many_ask_at_once(keyed, tmp_path):
    async with limited(keyed, tmp_path, "person=20/minute") as house:
        answers = await asyncio.gather(*[house.get("owner", "/v1/me") for _ in range(60)])
        assert sorted(answer.status_code for answer in answers) == [200] * 20 + [429] * 40


async def test_without_credentials_nothing_is_counted(keyed, tmp_path):
    async with limited(keyed, tmp_path, "person=1/minute") as house:
        for _ in range(3):
            assert (await house.http.get("/v1/me")).status_code == 401
        assert (await house.get("owner", "/v1/me")).status_code == 200


async def test_without_a_limit_nothing_is_told(house):
    assert "ratelimit" not in (await house.get("owner", "/v1/me")).headers


async def test_an_operation_has_a_limit_of_its_own_at_every_door_and_leaves_a_trace(keyed, tmp_path):
    async with limited(keyed, tmp_path, "operation:work.find=2/hour") as house:
        asked = {"employee": 1}
        assert (await house.post("owner", "/v1/ops/work.find", asked)).status_code == 200
        assert "result" in await house.rpc("owner", "work.find", asked)
        assert (await house.post("owner", "/v1/ops/work.find", asked)).status_code == 429
        assert (await house.rpc("owner", "work.find", asked))["error"]["code"] == RateLimited.rpc_code
        assert (await house.post("colleague", "/v1/ops/work.find", asked)).status_code == 200
        assert (await house.get("owner", "/v1/me")).status_code == 200
        refusals = [row for row in await house.world.audited() if row["outcome"] == "refused"]
        assert {row["detail"]["code"] for row in refusals} == {"rate-limited"}


async def dry_by_rest(house: House, who: str) -> str | None:
    return (await house.post(who, "/v1/ops/work.request?dry_run=true", {"start": "2026-12-01"})).json().get("code")


async def dry_by_rpc(house: House, who: str) -> str | None:
    params = {"name": "work.request", "arguments": {"start": "2026-12-01"}, "dry_run": True}
    sent = {"jsonrpc": "2.0", "method": "ops.call", "params": params, "id": 1}
    answer = (await house.post(who, "/rpc", sent)).json()
    return answer["error"]["data"]["code"] if "error" in answer else None


@pytest.mark.parametrize("dry", [dry_by_rest, dry_by_rpc])
async def test_an_operation_is_tried_as_often_as_it_may_be_called_and_trying_takes_no_call(
    keyed: Keys, tmp_path: Path, dry: Callable[[House, str], Awaitable[str | None]]
) -> None:
    async with limited(keyed, tmp_path, "operation:work.request=2/hour") as house:
        assert [await dry(house, "owner") for _ in range(2)] == [None, None]
        assert await dry(house, "owner") == "rate-limited"
        assert await dry(house, "colleague") is None
        for day in ("2026-12-01", "2026-12-02"):
            assert (await house.post("owner", "/v1/ops/work.request", {"start": day})).status_code == 202
        assert (await house.post("owner", "/v1/ops/work.request", {"start": "2026-12-03"})).status_code == 429
        refusals = [row for row in await house.world.audited() if row["outcome"] == "refused"]
        assert [row["detail"]["code"] for row in refusals] == ["rate-limited"] * 2


@pytest.mark.parametrize("dry", [dry_by_rest, dry_by_rpc])
@pytest.mark.parametrize("of", ["person", "key"])
async def test_a_dry_run_counts_as_a_request_of_its_person_and_key(
    keyed: Keys, tmp_path: Path, dry: Callable[[House, str], Awaitable[str | None]], of: str
) -> None:
    async with limited(keyed, tmp_path, f"{of}=2/minute") as house:
        assert [await dry(house, "owner") for _ in range(2)] == [None, None]
        assert await dry(house, "owner") == "rate-limited"
        assert await dry(house, "colleague") is None


async def test_each_call_of_a_batch_counts(keyed, tmp_path):
    async with limited(keyed, tmp_path, "person=3/minute") as house:
        call = {"jsonrpc": "2.0", "method": "work.find", "params": {"employee": 1}}
        batch = [call | {"id": number} for number in range(5)]
        answers = (await house.post("owner", "/rpc", batch)).json()
        assert ["error" in answer for answer in answers] == [False, False, False, True, True]
        after = await house.post("owner", "/rpc", batch[0])
        assert (after.status_code, after.json()["error"]["code"]) == (429, RateLimited.rpc_code)
        assert "retry-after" in after.headers


@asynccontextmanager
async def talking(house: House, url: str, who: str) -> AsyncIterator[Callable[[str], Awaitable[Any]]]:
    """Open a WebSocket, and say something on it; the answer is the next message."""
    headers = {"Authorization": f"Bearer {house.keys[who]}"}
    async with connect(url.replace("http", "ws") + "/ws", additional_headers=headers, proxy=None) as socket:

        async def say(text: str) -> Any:
            await socket.send(text)
            return json.loads(await socket.recv())

        yield say


async def test_a_websocket_and_each_of_its_messages_count_and_the_connection_stays(keyed, tmp_path):
    async with limited(keyed, tmp_path, "person=3/minute") as house, served(house.app, "auto") as url:
        async with talking(house, url, "owner") as say:
            said = [await say(json.dumps(FIND)) for _ in range(4)]
            assert [each.get("error", {}).get("code") for each in said] == [None, None, *[RateLimited.rpc_code] * 2]
            assert {each["id"] for each in said} == {7}
            with pytest.raises(InvalidStatus) as refused:
                async with talking(house, url, "owner"):
                    pass
            assert refused.value.response.status_code == 429
            assert int(refused.value.response.headers["retry-after"]) > 0
        for who in ("colleague", "stranger"):
            async with talking(house, url, who) as say:
                assert (await say(json.dumps(FIND))).get("error", {}).get("code") != RateLimited.rpc_code


@pytest.mark.parametrize("odd", ODD)
async def test_what_has_no_proper_form_counts_as_much_as_a_call(keyed, tmp_path, odd):
    text, code = ODD[odd]
    async with (
        limited(keyed, tmp_path, "person=3/minute") as house,
        served(house.app, "auto") as url,
        talking(house, url, "owner") as say,
    ):
        said = [await say(text) for _ in range(4)]
        assert [each["error"]["code"] for each in said] == [code, code, *[RateLimited.rpc_code] * 2]
        assert (await say(json.dumps(FIND)))["error"]["code"] == RateLimited.rpc_code


async def test_calls_of_a_batch_that_have_no_proper_form_count_too(keyed, tmp_path):
    async with limited(keyed, tmp_path, "person=3/minute") as house:
        said = (await house.post("owner", "/rpc", [{"id": 1}, {"id": 2}, 3, {"id": 4}, FIND])).json()
        assert [each["error"]["code"] for each in said] == [-32600] * 3 + [RateLimited.rpc_code] * 2


async def test_a_model_has_a_limit_of_its_own(keyed, tmp_path):
    async with place(keyed, tmp_path, rates=["model=2/minute"]) as here:
        here.upstream.always(says("네"))
        client = here.client("raw")
        asked = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True}
        for _ in range(2):
            assert [chunk async for chunk in await client.chat.completions.create(**asked)]
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(**asked)
        assert len(here.upstream.requests) == 2


async def test_codes_of_printed_documents_are_not_tried_without_end(keyed, tmp_path):
    async with limited(keyed, tmp_path, "address=2/minute") as house:
        tried = [(await house.http.get(f"/verify/CL-2026-00000{number}")).status_code for number in range(4)]
        assert tried == [404, 404, 429, 429]
        assert (await house.get("owner", "/v1/me")).status_code == 200


async def test_a_window_moves_on():
    limiter, actor = Limiter([Limit.read("person=2/second")]), Actor(1, "김하은")
    await limiter.request(actor)
    await limiter.request(actor)
    with pytest.raises(RateLimited):
        await limiter.request(actor)
    await asyncio.sleep(1.1)
    await limiter.request(actor)


NO_LIMITS = ["", "person", "person=0/minute", "person:1=3/minute", "robot=1/minute", "key=1/week", "address:x=1/hour"]


@pytest.mark.parametrize("text", NO_LIMITS)
def test_what_is_no_limit_is_said(text):
    with pytest.raises(ValueError, match="is no limit"):
        Limit.read(text)
