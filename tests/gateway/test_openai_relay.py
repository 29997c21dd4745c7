"""Raw models through OpenAI's own client: who may, what is passed on, what is counted, what ends it."""

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import openai
import pydantic
import pytest

from daeri.models.relay import Meter
from daeri.testing.model_server import (
    Asked,
    Drop,
    Pause,
    Reply,
    Send,
    Silence,
    Spent,
    calls,
    completion,
    drops,
    event,
    fails,
    fails_midway,
    raw,
    says,
    silent,
    whole,
)
from gateway.gateway_house import Keys
from gateway.openai_house import MODEL, Place, place

pytestmark = pytest.mark.anyio
SERVERS = ("daeri.models", "daeri.gateway", "uvicorn", "starlette", "fastapi", "httptools")
KOREAN = "안녕하세요, 김하은 대리님! 남은 연차는 7.5일이에요 😀"


@pytest.fixture
async def here(keyed: Keys, tmp_path) -> AsyncIterator[Place]:
    async with place(keyed, tmp_path, idle_seconds=1.0) as one:
        yield one


def user(text: str = "hi") -> list[dict]:
    return [{"role": "user", "content": text}]


async def streamed(here: Place, **more):
    return await here.client("raw").chat.completions.create(model=MODEL, messages=user(), stream=True, **more)


async def gathered(stream) -> list:
    return [chunk async for chunk in stream]


def text_of(chunks: list) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def body_of(here: Place, **more) -> bytes:
    """The bytes of a streamed reply as they come to a caller."""
    headers = {"Authorization": f"Bearer {here.keys['raw']}"}
    sent = {"model": MODEL, "messages": user(), "stream": True, **more}
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        return (await http.post(f"{here.url}/v1/chat/completions", json=sent, headers=headers)).content


async def test_a_streamed_reply_is_passed_on_byte_for_byte(here):
    reply = says(KOREAN, characters=2)
    here.upstream.always(reply)
    assert await body_of(here, stream_options={"include_usage": True}) == reply.body
    sent = (await here.upstream.request(0)).body
    assert sent["model"] == "scripted-large"
    assert sent["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1000])
async def test_korean_split_over_pieces_arrives_whole(here, size):
    reply = says(KOREAN, characters=3).in_pieces(size)
    here.upstream.always(reply)
    assert await body_of(here, stream_options={"include_usage": True}) == reply.body
    chunks = await gathered(await streamed(here))
    assert text_of(chunks) == KOREAN


async def test_the_usage_event_goes_only_to_callers_who_asked_for_it_and_is_counted_for_all(here):
    here.upstream.always(says("하나", spent=Spent(11, 7)))
    without = await gathered(await streamed(here))
    assert all(chunk.usage is None for chunk in without)
    assert all(chunk.choices for chunk in without)
    with_usage = await gathered(await streamed(here, stream_options={"include_usage": True}))
    assert with_usage[-1].usage.completion_tokens == 7
    rows = await here.audited(f"model.{MODEL}")
    assert [row["detail"] for row in rows] == [{"input_tokens": 11, "output_tokens": 7}] * 2
    assert {row["outcome"] for row in rows} == {"done"}
    assert all(row["credential"].startswith("key_") and row["request_id"] for row in rows)


async def test_comments_and_mixed_line_ends_pass_through(here):
    reply = says("가나다라").with_keep_alives().with_crlf()
    here.upstream.always(reply)
    assert await body_of(here, stream_options={"include_usage": True}) == reply.body
    assert text_of(await gathered(await streamed(here))) == "가나다라"


async def test_a_whole_reply_is_passed_on_and_counted(here):
    here.upstream.always(completion("안녕", Spent(3, 4)))
    reply = await here.client("raw").chat.completions.create(model=MODEL, messages=user())
    assert reply.choices[0].message.content == "안녕"
    assert reply.usage.total_tokens == 7
    [row] = await here.audited(f"model.{MODEL}")
    assert row["detail"] == {"input_tokens": 3, "output_tokens": 4}


async def test_tools_go_both_ways_streamed_and_with_their_result(here):
    tool = {"type": "function", "function": {"name": "balance", "parameters": {"type": "object"}}}
    here.upstream.always(calls(Asked("balance", {"name": "김하은"}, "call_1")), says("7.5일이에요"))
    first = await gathered(await streamed(here, tools=[tool]))
    arguments = "".join(
        call.function.arguments or "" for chunk in first for call in chunk.choices[0].delta.tool_calls or ()
    )
    assert json.loads(arguments) == {"name": "김하은"}
    assert first[-1].choices[0].finish_reason == "tool_calls"
    told = [*user(), {"role": "tool", "tool_call_id": "call_1", "content": "7.5"}]
    second = await here.client("raw").chat.completions.create(model=MODEL, messages=told, tools=[tool], stream=True)
    assert text_of(await gathered(second)) == "7.5일이에요"
    assert (await here.upstream.request(1)).body["messages"][-1]["role"] == "tool"
    assert (await here.upstream.request(0)).body["tools"] == [tool]


class Balance(pydantic.BaseModel):
    name: str
    days: float


async def test_a_form_of_the_answer_is_passed_on_and_parsed_by_the_library(here):
    here.upstream.always(completion('{"name": "김하은", "days": 7.5}'))
    reply = await here.client("raw").chat.completions.parse(model=MODEL, messages=user(), response_format=Balance)
    assert reply.choices[0].message.parsed == Balance(name="김하은", days=7.5)
    assert (await here.upstream.request(0)).body["response_format"]["type"] == "json_schema"


async def test_a_cut_answer_keeps_its_reason(here):
    here.upstream.always(says("하나", finish_reason="length"))
    assert (await gathered(await streamed(here, max_tokens=1)))[-1].choices[0].finish_reason == "length"


@pytest.mark.parametrize("who", ["owner", "wide", "other"])
async def test_only_a_key_whose_scope_names_the_model_may_use_it(here, who):
    here.upstream.always(completion("no"))
    with pytest.raises(openai.PermissionDeniedError) as refused:
        await here.client(who).chat.completions.create(model=MODEL, messages=user())
    assert refused.value.type == "permission_error"
    assert "model.vendor/large" in refused.value.message
    assert here.upstream.requests == []
    [row] = await here.audited(f"model.{MODEL}")
    assert row["outcome"] == "refused"


async def test_a_key_whose_scope_names_one_model_may_use_that_one(here):
    here.upstream.always(completion("네"))
    await here.client("one").chat.completions.create(model=MODEL, messages=user())
    with pytest.raises(openai.PermissionDeniedError):
        await here.client("one").embeddings.create(model="vendor/embed", input="x")


async def test_a_signed_in_browser_may_not_use_raw_models(here):
    token, _ = await here.house.identity.sign_in_demo("owner")
    cookies = {"Cookie": f"daeri_session={token}"}
    sent = {"model": MODEL, "messages": user()}
    async with httpx.AsyncClient(trust_env=False) as http:
        reply = await http.post(f"{here.url}/v1/chat/completions", json=sent, headers=cookies)
    assert reply.status_code == 403
    assert reply.json()["error"]["type"] == "permission_error"


async def test_the_endpoints_words_on_the_request_reach_the_caller_and_its_key_does_not(here):
    here.upstream.always(fails(400, "context too long; sk-upstream"))
    with pytest.raises(openai.BadRequestError) as refused:
        await streamed(here)
    assert refused.value.type == "invalid_request_error"
    assert "context too long" in refused.value.message
    assert "sk-upstream" not in str(refused.value.body)


async def test_the_endpoints_own_limit_comes_with_its_time(here):
    here.upstream.always(fails(429, "slow down", retry_after="7"))
    with pytest.raises(openai.RateLimitError) as refused:
        await streamed(here)
    assert refused.value.response.headers["retry-after"] == "7"
    assert refused.value.type == "rate_limit_error"


@pytest.mark.parametrize("reply", [fails(401, "bad key sk-upstream"), fails(402), fails(500), fails(529), drops()])
async def test_what_is_no_fault_of_the_caller_is_503_without_insides(here, reply):
    here.upstream.always(reply)
    with pytest.raises(openai.InternalServerError) as failed:
        await streamed(here)
    assert failed.value.status_code == 503
    assert failed.value.code == "model-unavailable"
    assert "bad key" not in str(failed.value.body)


async def test_a_silent_endpoint_is_a_timeout(here):
    here.upstream.always(silent())
    with pytest.raises(openai.InternalServerError) as failed:
        await streamed(here)
    assert failed.value.status_code == 504


@pytest.mark.parametrize("then", [Drop(), Silence(), None])
async def test_a_stream_that_breaks_off_is_an_error_and_never_a_short_answer(here, then):
    reply = says("하나 둘 셋", characters=1)
    here.upstream.always(reply.cut(300, then) if then else Reply((Send(reply.body[:300]), Drop())))
    with pytest.raises(openai.APIError, match=r"AI|모델|model"):
        await gathered(await streamed(here))
    [row] = await here.audited(f"model.{MODEL}")
    assert row["outcome"] == "failed"


async def test_an_error_inside_the_stream_passes_through(here):
    here.upstream.always(fails_midway("하나"))
    with pytest.raises(openai.APIError, match="scripted failure"):
        await gathered(await streamed(here))


async def test_a_reply_longer_than_its_limit_is_ended(keyed: Keys, tmp_path):
    async with place(keyed, tmp_path, reply_bytes_max=2_000) as here:
        here.upstream.always(says("가" * 1_000))
        with pytest.raises(openai.APIError):
            await gathered(await streamed(here))


async def test_a_caller_who_leaves_stops_the_model_within_a_second(here):
    here.upstream.always(Reply((*says("하나").steps[:2], Pause(0.01), Silence())))
    stream = await streamed(here)
    await anext(aiter(stream))
    received = await here.upstream.request(0)
    await stream.close()
    async with asyncio.timeout(1):
        await received.left.wait()
    [row] = await here.audited(f"model.{MODEL}")
    assert row["outcome"] == "cancelled"
    assert row["detail"]["output_tokens"] >= 1


@pytest.mark.parametrize("streams", [True, False])
async def test_a_caller_who_gives_up_before_the_first_byte_stops_the_model(here, streams):
    here.upstream.always(silent())
    with pytest.raises(openai.APITimeoutError):
        await here.client("raw").chat.completions.create(model=MODEL, messages=user(), stream=streams, timeout=0.3)
    received = await here.upstream.request(0)
    async with asyncio.timeout(1):
        await received.left.wait()


async def test_a_key_that_ends_ends_the_stream_and_the_model(here):
    here.upstream.always(says("가" * 300, characters=1).slowly(0.05))
    stream = aiter(await streamed(here))
    await anext(stream)
    received = await here.upstream.request(0)
    await here.house.world.sql("UPDATE api_key SET revoked_at = created_at")
    ended = time.monotonic()
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass
    assert time.monotonic() - ended < 5
    async with asyncio.timeout(1):
        await received.left.wait()


async def test_a_slow_reader_holds_the_model_back_and_loses_nothing(here):
    parts = [Send(b"data: " + bytes([65 + number % 26]) * 65_000 + b"\n\n") for number in range(100)]
    here.upstream.always(Reply(tuple(parts)))
    writer_body = json.dumps({"model": MODEL, "messages": user(), "stream": True}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {here.url[7:]}\r\nAuthorization: Bearer {here.keys['raw']}\r\n"
        f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(writer_body)}\r\n\r\n"
    )
    host, port = here.url[7:].split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(head.encode() + writer_body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await asyncio.sleep(1.5)  # longer than the model may be silent: it is held back, not silent
    data = await reader.read()
    while more := await reader.read():
        data += more
    writer.close()
    assert data.count(b"data: ") == 100
    assert data.count(b"Z" * 1_000) > 0
    assert data.rstrip().endswith(b"0")


@pytest.fixture
def garbage() -> Iterator[list]:
    """What only a search for it finds, gathered from now on."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield gc.garbage
    gc.set_debug(0)
    gc.enable()
    gc.garbage.clear()


async def test_a_request_leaves_nothing_that_the_whole_server_would_have_to_stop_for(here, garbage):
    here.upstream.always(says(KOREAN, characters=2))
    for _ in range(3):
        assert await body_of(here)
    gc.collect()
    kinds = {f"{type(one).__module__}.{type(one).__name__}" for one in garbage}
    assert not {kind for kind in kinds if kind.startswith(SERVERS)}


async def test_connections_to_the_model_are_kept(here):
    here.upstream.always(says("하나"))
    for _ in range(3):
        await gathered(await streamed(here))
    assert len({received.client_port for received in here.upstream.requests}) == 1


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced(here):
    here.upstream.always(says("하나"))
    await gathered(await streamed(here))
    [kept] = here.house.services.raw._splice._idle.values()
    kept[0].transport.abort()
    assert text_of(await gathered(await streamed(here))) == "하나"


async def test_raw_responses_are_passed_on_with_their_events(here):
    done = {"type": "response.completed", "response": {"id": "r", "usage": {"input_tokens": 5, "output_tokens": 6}}}
    reply = raw(b"event: response.completed\n" + event(done).data)
    here.upstream.always(reply)
    headers = {"Authorization": f"Bearer {here.keys['raw']}"}
    sent = {"model": MODEL, "input": "hi", "stream": True}
    async with httpx.AsyncClient(trust_env=False) as http:
        got = await http.post(f"{here.url}/v1/responses", json=sent, headers=headers)
    assert got.content == reply.body
    [row] = await here.audited(f"model.{MODEL}")
    assert row["detail"] == {"input_tokens": 5, "output_tokens": 6}
    assert "stream_options" not in (await here.upstream.request(0)).body


async def test_embeddings_are_passed_on(here):
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
    here.upstream.always(whole({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 2}}))
    reply = await here.client("raw").embeddings.create(model="vendor/embed", input="안녕", encoding_format="float")
    assert reply.data[0].embedding == [0.5, 0.25]
    assert (await here.upstream.request(0)).body["model"] == "scripted-embed"
    with pytest.raises(openai.NotFoundError):
        await here.client("raw").embeddings.create(model=MODEL, input="x")


def metered(pieces: list[bytes], *, drops_usage: bool) -> tuple[bytes, Meter]:
    meter = Meter(drops_usage=drops_usage)
    return b"".join([*(meter.through(piece) for piece in pieces), meter.rest()]), meter


@pytest.mark.parametrize("size", [1, 2, 3, 10, 33, 100, 10_000])
@pytest.mark.parametrize("crlf", [True, False])
@pytest.mark.parametrize("beside", [b"", b'"usage": null, ', b'"usage":null,'])
def test_a_meter_reads_the_usage_wherever_the_bytes_are_cut(size, crlf, beside):
    reply = says(KOREAN + ' "usage": {"prompt_tokens": 99}', spent=Spent(12, 34))
    body = (reply.with_crlf() if crlf else reply).body.replace(b'"choices": [{', beside + b'"choices": [{')
    assert body.count(b"null, ") + body.count(b"null,") > 1 or not beside
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    kept, meter = metered(pieces, drops_usage=False)
    assert kept == body
    assert meter.counted == (12, 34)
    assert meter.events == body.count(b"\n\n")
    dropped, meter = metered(pieces, drops_usage=True)
    assert b'"prompt_tokens": 12' not in dropped
    assert b"[DONE]" in dropped
    assert meter.counted == (12, 34)


def test_a_meter_passes_on_what_is_no_event_at_all():
    body = b"x" * 600_000
    assert metered([body[:300_000], body[300_000:]], drops_usage=True)[0] == body
