"""OpenAI's libraries ask again by themselves when a connection breaks: an agent then says the same, and acts once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import httpx
import openai
import pytest
from sqlalchemy import text

from daeri.errors import DaeriError, NotReady, RateLimited
from daeri.runs import callers
from daeri.testing.fault_proxy import FaultProxy, passes, reset_after
from daeri.testing.model_server import Asked, Received, Reply, calls, fails, says
from gateway.openai_house import ONCE
from gateway.planned_house import AGENT, Furnished, Planned, planned

pytestmark = pytest.mark.anyio
WORDS = "새 과제를 등록해줘"
DONE = "등록했어요."
ADDS = Asked("work__add_project", {"name": "새 과제"})
LEAVE = Asked("work__request", {"start": "2027-03-02", "reason": "쉼"})
KINDS = [(door, streams) for door in ("chat", "responses") for streams in (False, True)]


@pytest.fixture
async def here(furniture: Furnished, tmp_path) -> AsyncIterator[Planned]:
    async with planned(furniture, tmp_path / "data") as one:
        one.model.decides(added)
        yield one


@pytest.fixture
async def proxy(here: Planned) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(here.url) as one:
        yield one


def added(received: Received) -> Reply:
    """Add a project, then say so."""
    if received.body["messages"][-1]["role"] == "tool":
        return says(DONE)
    return calls(ADDS, characters=50)


def slowly(seconds: float) -> Callable[[Received], Reply]:
    """Do the same, and take that long for each piece of what is to be added."""

    def decide(received: Received) -> Reply:
        reply = added(received)
        return reply if received.body["messages"][-1]["role"] == "tool" else reply.slowly(seconds)

    return decide


async def asks(proxy: FaultProxy, here: Planned, door: str = "chat", streams: bool = False, **more: Any) -> str:
    """Ask as anyone would, with the library as it comes; return what it was told."""
    options = {name: more.pop(name) for name in ("max_retries", "timeout") if name in more}
    async with openai.AsyncOpenAI(api_key=here.keys["owner"], base_url=f"{proxy.base_url}/v1", **options) as client:
        if door == "chat":
            reply = await client.chat.completions.create(
                model=AGENT, messages=[{"role": "user", "content": WORDS}], stream=streams, **more
            )
            if not streams:
                return str(reply.choices[0].message.content)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in reply if chunk.choices])
        reply = await client.responses.create(model=AGENT, input=WORDS, stream=streams, **more)
        if not streams:
            return str(reply.output_text)
        return "".join([event.delta async for event in reply if event.type == "response.output_text.delta"])


async def sql(here: Planned, statement: str) -> list[Any]:
    return await here.daeri.store.read(lambda connection: list(connection.execute(text(statement)).all()))


async def projects(here: Planned) -> int:
    return int((await sql(here, "SELECT count(*) FROM w_project WHERE name = '새 과제'"))[0][0])


async def runs(here: Planned) -> list[Any]:
    return [row.status for row in await sql(here, "SELECT status FROM run ORDER BY id")]


@pytest.mark.parametrize(("door", "streams"), KINDS)
async def test_a_connection_that_breaks_when_the_answer_comes_costs_no_second_act(here, proxy, door, streams):
    proxy.does(reset_after(0), passes)
    assert await asks(proxy, here, door, streams) == DONE
    assert proxy.connections == 2, "the library has asked again"
    assert (await runs(here), await projects(here)) == (["succeeded"], 1)


@pytest.mark.parametrize("door", ["chat", "responses"])
async def test_a_caller_whose_patience_ends_gets_the_answer_of_the_run_that_goes_on(here, proxy, door):
    here.model.decides(slowly(0.4))
    timeout = openai.Timeout(20, read=0.5)
    assert await asks(proxy, here, door, timeout=timeout, max_retries=5) == DONE
    assert (await runs(here), await projects(here)) == (["succeeded"], 1)


async def test_two_equal_questions_that_are_wanted_are_two_acts(here, proxy):
    assert [await asks(proxy, here), await asks(proxy, here)] == [DONE, DONE]
    assert (len(await runs(here)), await projects(here)) == (2, 2)


async def test_two_equal_requests_at_once_that_both_break_are_two_acts(here, proxy):
    proxy.does(reset_after(0), reset_after(0), passes)
    assert await asyncio.gather(asks(proxy, here), asks(proxy, here)) == [DONE, DONE]
    assert (await runs(here), await projects(here)) == (["succeeded"] * 2, 2)


async def test_a_document_is_filed_once_though_the_answer_was_lost(here, proxy):
    here.model.decides(lambda _: calls(LEAVE))
    proxy.does(reset_after(0), passes)
    assert "결재를 올렸어요" in await asks(proxy, here)
    assert await runs(here) == ["waiting_approval"]
    assert (await sql(here, "SELECT count(*) FROM approval"))[0][0] == 1


async def test_a_key_of_the_callers_own_leads_to_the_same_run_that_was_left(here, proxy):
    proxy.does(reset_after(0), passes)
    named = {"Idempotency-Key": "mine-1"}
    assert await asks(proxy, here, streams=True, extra_headers=named) == DONE
    assert (await runs(here), await projects(here)) == (["succeeded"], 1)


@pytest.mark.parametrize("streams", [False, True])
async def test_a_client_that_repeats_with_a_key_and_counts_nothing_gets_the_run_that_it_left(here, proxy, streams):
    here.model.decides(slowly(0.2))
    proxy.does(reset_after(0), passes)
    named = {"Idempotency-Key": "mine-1", **ONCE}
    with pytest.raises(openai.APITimeoutError):
        await asks(proxy, here, timeout=0.3, max_retries=0, extra_headers=named)
    assert await asks(proxy, here, streams=streams, extra_headers=named) == DONE
    assert (await runs(here), await projects(here)) == (["succeeded"], 1)


async def test_an_error_that_a_run_ended_with_is_not_asked_for_again(here, proxy):
    here.model.decides(lambda _: fails(400, "no"))
    with pytest.raises(openai.APIError):
        await asks(proxy, here)
    assert len(await runs(here)) == 1


async def test_what_a_caller_who_left_for_good_asked_for_is_not_done(here, proxy, monkeypatch):
    here.model.decides(slowly(0.3))
    with pytest.raises(openai.APITimeoutError):
        await asks(proxy, here, timeout=0.3, max_retries=0)
    async with asyncio.timeout(5):
        while not await sql(here, "SELECT run_id FROM caller WHERE left_at IS NOT NULL"):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    assert (await runs(here), await projects(here)) == (["running"], 0), "it waits with what it would do"
    monkeypatch.setattr(callers, "PATIENCE", callers.PATIENCE * 0)
    await here.daeri.runs.dispatch.end_late()
    assert (await runs(here), await projects(here)) == (["cancelled"], 0)
    proxy.does(passes)
    monkeypatch.undo()
    assert await again(here) == DONE
    assert (await runs(here), await projects(here)) == (["cancelled", "succeeded"], 1)


async def test_who_comes_back_to_a_response_that_broke_off_hears_it_to_its_end(here, monkeypatch):
    here.model.decides(slowly(0.2))
    client = here.client()
    stream = await client.responses.create(model=AGENT, input=WORDS, stream=True)
    first = await anext(aiter(stream))
    await stream.close()
    async with asyncio.timeout(5):
        while not await sql(here, "SELECT run_id FROM caller WHERE left_at IS NOT NULL"):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)
    for person in ("colleague", "stranger"):
        with pytest.raises(openai.NotFoundError):
            await here.client(person).responses.retrieve(first.response.id)
    assert len(await sql(here, "SELECT run_id FROM caller WHERE left_at IS NOT NULL")) == 1, "nobody else comes back"
    rest = await client.responses.retrieve(first.response.id, stream=True, starting_after=first.sequence_number)
    monkeypatch.setattr(callers, "PATIENCE", callers.PATIENCE * 0)
    await here.daeri.runs.dispatch.end_late()
    assert [event.response.output_text async for event in rest if event.type == "response.completed"] == [DONE]
    assert await projects(here) == 1


async def again(here: Planned, who: str = "owner", number: str = "1", words: str = WORDS) -> str:
    """Ask as the library does when it asks again."""
    headers = {"Authorization": f"Bearer {here.keys[who]}", "X-Stainless-Retry-Count": number}
    body = {"messages": [{"role": "user", "content": words}], "model": AGENT, "stream": False}
    async with httpx.AsyncClient(base_url=here.url, headers=headers, timeout=20, trust_env=False) as http:
        told = (await http.post("/v1/chat/completions", json=body)).json()
        return str(told["choices"][0]["message"]["content"])


async def test_nobody_else_gets_an_answer_by_asking_again(here, proxy):
    assert await asks(proxy, here) == DONE
    assert await again(here, "owner") == DONE
    assert await projects(here) == 1
    for person, count in (("colleague", 2), ("stranger", 3)):
        assert await again(here, person) == DONE
        assert await projects(here) == count, "it is a request of their own"


async def test_other_words_or_a_count_that_is_none_are_a_request_of_their_own(here, proxy):
    await asks(proxy, here)
    await again(here, words="새 과제를 등록해줘!")
    await again(here, number="1.0")
    await again(here, number="-1")
    assert await projects(here) == 4


async def test_what_was_done_and_then_deleted_by_its_person_is_neither_told_nor_done_again(here, proxy):
    assert await asks(proxy, here) == DONE
    ((session_id,),) = await sql(here, "SELECT session_id FROM run")
    assert (await here.send("owner", "DELETE", f"/v1/conversations/{session_id}")).is_success
    headers = {"Authorization": f"Bearer {here.keys['owner']}", "X-Stainless-Retry-Count": "1"}
    body = {"messages": [{"role": "user", "content": WORDS}], "model": AGENT, "stream": False}
    async with httpx.AsyncClient(base_url=here.url, headers=headers, timeout=20, trust_env=False) as http:
        told = await http.post("/v1/chat/completions", json=body)
        assert told.status_code == httpx.codes.NOT_FOUND
        assert DONE not in told.text
    assert (len(await runs(here)), await projects(here)) == (1, 1)


def refuses(monkeypatch, what: Any, name: str, error: DaeriError, which: str) -> list[str]:
    """Have calls of a method refused where `which` has an x, in this order, and let through after that."""
    real, left = getattr(what, name), list(which)

    async def call(*arguments: Any, **more: Any) -> Any:
        if left and left.pop(0) == "x":
            raise error
        return await real(*arguments, **more)

    monkeypatch.setattr(what, name, call)
    return left


@pytest.mark.parametrize("door", ["chat", "responses"])
async def test_a_wanted_act_that_a_limit_held_up_is_done_though_the_same_was_done_before(
    here, proxy, monkeypatch, door
):
    assert await asks(proxy, here, door) == DONE
    left = refuses(monkeypatch, here.daeri.limiter, "request", RateLimited(extra={"retry_after": 1}), "xx")
    assert await asks(proxy, here, door) == DONE
    assert left == [], "the library has asked three times"
    assert (len(await runs(here)), await projects(here)) == (2, 2)


async def test_a_wanted_act_is_done_after_the_database_was_away_for_a_moment(here, proxy, monkeypatch):
    assert await asks(proxy, here) == DONE
    left = refuses(monkeypatch, here.daeri.runs, "create", NotReady(extra={"retry_after": 1}), "x")
    assert await asks(proxy, here) == DONE
    assert (left, await projects(here)) == ([], 2)
    proxy.does(reset_after(0), passes)
    assert await asks(proxy, here) == DONE
    assert await projects(here) == 3, "what is lost after that is told again, as ever"


async def test_an_answer_that_was_lost_is_told_though_a_limit_held_up_who_asks_again(here, proxy, monkeypatch):
    left = refuses(monkeypatch, here.daeri.limiter, "request", RateLimited(extra={"retry_after": 1}), ".x")
    proxy.does(reset_after(0), passes)
    assert await asks(proxy, here) == DONE
    assert (left, await runs(here), await projects(here)) == ([], ["succeeded"], 1)


async def test_what_a_limit_held_up_and_then_broke_off_is_done_once(here, proxy, monkeypatch):
    assert await asks(proxy, here) == DONE
    left = refuses(monkeypatch, here.daeri.limiter, "request", RateLimited(extra={"retry_after": 1}), "x")
    proxy.does(passes, reset_after(0), passes)
    async with httpx.AsyncClient(base_url=proxy.base_url, timeout=20, trust_env=False) as http:
        headers = {"Authorization": f"Bearer {here.keys['owner']}", "Connection": "close"}
        body = {"messages": [{"role": "user", "content": "하나 더 등록해줘"}], "model": AGENT}
        told = []
        for number in ("0", "1", "2"):
            with suppress(httpx.TransportError):
                sent = {**headers, "X-Stainless-Retry-Count": number}
                told.append((await http.post("/v1/chat/completions", json=body, headers=sent)).status_code)
    assert (left, told, await projects(here)) == ([], [429, 200], 2)


async def test_what_functions_returned_may_be_told_again_after_a_break(here, proxy):
    weather = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    here.model.always(calls(Asked("weather", {})), says("맑아요."))
    async with openai.AsyncOpenAI(api_key=here.keys["owner"], base_url=f"{proxy.base_url}/v1") as client:
        proxy.does(reset_after(0), reset_after(0), passes)
        question = {"role": "user", "content": "날씨?"}
        reply = await client.chat.completions.create(model=AGENT, messages=[question], tools=[weather])
        message = reply.choices[0].message
        told = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "맑음"}
        messages = [question, message.model_dump(exclude_none=True), told]
        proxy.does(reset_after(0), passes)
        await client.close()
    async with openai.AsyncOpenAI(api_key=here.keys["owner"], base_url=f"{proxy.base_url}/v1") as client:
        reply = await client.chat.completions.create(model=AGENT, messages=messages, tools=[weather])
    assert reply.choices[0].message.content == "맑아요."
    assert await runs(here) == ["succeeded"]
