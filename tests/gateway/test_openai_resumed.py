"""Who comes back to an agent's response hears the very same events under the same numbers, from where they left."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from typing import Any, get_args

import httpx
import openai
import pytest
from openai.types.responses import ResponseStreamEvent

from daeri.errors import NotReady
from daeri.gateway.openai import responses
from daeri.gateway.parts import part_of
from daeri.records.identity import SignedIn
from daeri.testing.model_server import Asked, calls, fails, says
from gateway.openai_house import ONCE
from gateway.planned_house import AGENT, Furnished, Planned, planned
from worlds import OWNER

pytestmark = pytest.mark.anyio
FLAT = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
ANSWER = "서울은 오늘 하루 종일 맑고 바람이 조금 불어요."


@pytest.fixture
async def here(furniture: Furnished, tmp_path) -> AsyncIterator[Planned]:
    async with planned(furniture, tmp_path / "data") as one:
        yield one


async def begun(here: Planned, **more: Any) -> Any:
    return await here.client().responses.create(model=AGENT, input="날씨 어때?", stream=True, **more)


async def told(stream: Any, most: int = 10_000) -> list[dict[str, Any]]:
    """The events of a stream, or its first ones."""
    heard: list[dict[str, Any]] = []
    async for event in stream:
        heard.append(event.model_dump())
        if len(heard) == most:
            break
    await stream.close()
    return heard


async def again(here: Planned, response: str, who: str = "owner", **more: Any) -> list[dict[str, Any]]:
    return await told(await here.client(who).responses.retrieve(response, stream=True, **more))


async def test_a_response_in_background_outlives_its_caller_who_hears_the_rest_later(here):
    here.model.always(says(ANSWER, characters=1).slowly(0.03))
    first = await told(await begun(here, background=True), 6)
    response = first[0]["response"]["id"]
    assert first[0]["response"]["background"]
    rest = await again(here, response, starting_after=first[-1]["sequence_number"])
    assert rest[-1]["response"]["status"] == "completed"
    assert rest[-1]["response"]["output"][0]["content"][0]["text"] == ANSWER
    assert [event["sequence_number"] for event in first + rest] == list(range(len(first + rest)))
    assert await again(here, response) == first + rest, "whoever hears it from the start hears the same"
    pieces = [event["delta"] for event in first + rest if event["type"] == "response.output_text.delta"]
    assert len(pieces) > 3
    assert "".join(pieces) == ANSWER
    assert await again(here, response, starting_after=rest[-1]["sequence_number"]) == []


async def test_every_place_to_go_on_from_gives_the_rest(here):
    here.model.always(says(ANSWER, characters=4).slowly(0.02))
    heard = await told(await begun(here))
    response = heard[0]["response"]["id"]
    for after in range(len(heard)):
        assert await again(here, response, starting_after=after) == heard[after + 1 :]


async def test_a_caller_who_leaves_a_response_that_is_not_in_background_stops_it(here):
    here.model.always(says(ANSWER, characters=1).slowly(0.05))
    first = await told(await begun(here, extra_headers=ONCE), 4)
    run_id = first[0]["response"]["id"].replace("resp_", "run_")
    async with asyncio.timeout(3):
        while (await here.run(run_id))["status"] != "cancelled":  # noqa: ASYNC110 - REST has no event for it
            await asyncio.sleep(0.02)
    rest = await again(here, first[0]["response"]["id"], starting_after=3)
    assert rest[-1]["response"]["status"] == "cancelled"


async def test_one_who_came_back_and_leaves_again_stops_nothing(here):
    here.model.always(says(ANSWER, characters=1).slowly(0.03))
    client = here.client()
    stream = await begun(here)
    opened = await anext(aiter(stream))
    await told(await client.responses.retrieve(opened.response.id, stream=True), 4)
    rest = await told(stream)
    assert rest[-1]["response"]["status"] == "completed"


async def test_a_response_in_background_is_answered_at_once_and_can_be_polled_and_stopped(here):
    here.model.always(says(ANSWER, characters=1).slowly(0.02))
    responses = here.client().responses
    reply = await responses.create(model=AGENT, input="날씨 어때?", background=True)
    assert (reply.status, reply.output, reply.background) == ("in_progress", [], True)
    async with asyncio.timeout(5):
        while reply.status == "in_progress":
            await asyncio.sleep(0.05)
            reply = await responses.retrieve(reply.id)
    assert reply.output_text == ANSWER
    other = await responses.create(model=AGENT, input="날씨?", background=True)
    assert (await responses.cancel(other.id)).status == "cancelled"


async def test_a_response_that_waited_for_people_is_told_as_it_waited_though_they_have_decided(here):
    here.model.always(calls(Asked("work__request", {"start": "2026-12-01"})), says("등록됐어요."))
    heard = await told(await begun(here))
    final = heard[-1]["response"]
    assert final["daeri"]["status"] == "waiting_approval"
    [approval] = final["daeri"]["approvals"]
    await here.send("lead", "POST", f"/v1/approvals/{approval}/decisions", {"decision": "approve"})
    run = (await here.send("owner", "GET", f"/v1/runs/{final['daeri']['run_id']}?wait=10")).json()
    assert run["status"] == "succeeded"
    assert await again(here, final["id"]) == heard
    assert (await here.client().responses.retrieve(final["id"])).output_text == "등록됐어요.", "as it stands now"


async def test_what_waited_for_people_is_told_as_it_waited_though_functions_were_called_since(here):
    here.model.always(calls(Asked("work__request", {"start": "2026-12-01"}), Asked("weather", {})), says("맑아요."))
    heard = await told(await begun(here, tools=[FLAT]))
    final = heard[-1]["response"]
    assert (final["daeri"]["status"], len(final["output"])) == ("waiting_approval", 1)
    [approval] = final["daeri"]["approvals"]
    await here.send("lead", "POST", f"/v1/approvals/{approval}/decisions", {"decision": "approve"})
    run = (await here.send("owner", "GET", f"/v1/runs/{final['daeri']['run_id']}?wait=10")).json()
    assert run["status"] == "waiting_input"
    assert await again(here, final["id"]) == heard
    [call] = (await here.client().responses.retrieve(final["id"])).output
    result = [{"type": "function_call_output", "call_id": call.call_id, "output": "맑음"}]
    reply = await here.client().responses.create(model=AGENT, input=result, tools=[FLAT])
    assert reply.output_text == "맑아요."
    assert await again(here, final["id"]) == heard


async def test_each_part_of_a_run_with_functions_is_told_again_by_itself(here):
    here.model.always(calls(Asked("weather", {}), text="볼게요. "), says("맑아요."))
    first = await told(await begun(here, tools=[FLAT]))
    [_, call] = first[-1]["response"]["output"]
    result = [{"type": "function_call_output", "call_id": call["call_id"], "output": "맑음"}]
    going_on = await here.client().responses.create(model=AGENT, input=result, tools=[FLAT], stream=True)
    second = await told(going_on)
    assert second[-1]["response"]["output"][0]["content"][0]["text"] == "맑아요."
    assert await again(here, first[0]["response"]["id"]) == first
    assert await again(here, second[0]["response"]["id"]) == second


async def test_every_event_is_one_as_the_library_describes_it(here):
    kinds = {
        get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(get_args(ResponseStreamEvent)[0])
    }
    here.model.always(calls(Asked("weather", {}), Asked("weather", {"city": "부산"}), text="볼게요. "))
    heard = await told(await begun(here, tools=[FLAT]))
    here.model.always(fails(400))
    for event in [*heard, *await told(await begun(here))]:
        kinds[event["type"]].model_validate(event, strict=True)


def numbers(piece: bytes) -> list[int]:
    return [json.loads(line[6:])["sequence_number"] for line in piece.split(b"\n") if line.startswith(b"data: ")]


async def test_a_stream_that_is_cut_takes_no_number_from_what_is_still_to_be_told(here):
    here.model.always(says(ANSWER))
    reply = await here.client().responses.create(model=AGENT, input="?")
    run = part_of(await here.run(reply.daeri["run_id"]), 0)

    async def silent() -> AsyncGenerator[None, None]:
        yield None

    fresh = responses.Events(responses.Shown("ko"), run)
    told = [number async for piece in fresh.of(silent()) for number in numbers(piece)]
    assert told == [0, 1]
    assert numbers(fresh.cut(NotReady())) == [1], "who goes on from the last number they saw misses nothing"
    assert numbers(responses.Events(responses.Shown("ko"), run, 5).cut(NotReady())) == [5], "and hears of the cut"


async def test_a_caller_who_tells_a_result_in_background_is_answered_at_once(here):
    here.model.always(calls(Asked("weather", {})), says(ANSWER, characters=1).slowly(0.02))
    first = await here.client().responses.create(model=AGENT, input="날씨 어때?", tools=[FLAT])
    result = [{"type": "function_call_output", "call_id": first.output[0].call_id, "output": "맑음"}]
    create = here.client().responses.create
    reply = await create(model=AGENT, input=result, tools=[FLAT], background=True)
    assert reply.status == "in_progress"
    heard = await told(await create(model=AGENT, input=result, tools=[FLAT], background=True, stream=True), 3)
    assert (await again(here, heard[0]["response"]["id"]))[-1]["response"]["status"] == "completed"


async def test_a_stream_whose_conversation_is_deleted_ends_with_the_reason(here):
    here.model.always(says(ANSWER, characters=1).slowly(0.05))
    stream = await begun(here)
    heard = [(await anext(aiter(stream))).model_dump()]
    run = await here.run(heard[0]["response"]["id"].replace("resp_", "run_"))
    assert (await here.send("owner", "DELETE", f"/v1/conversations/{run['session_id']}")).status_code == 204
    assert (await told(stream))[-1]["type"] == "error"
    here.model.always(says(ANSWER, characters=1).slowly(0.05))
    chat = await here.client().chat.completions.create(
        model=AGENT, messages=[{"role": "user", "content": "또"}], stream=True
    )
    await anext(aiter(chat))
    [run] = (await here.send("owner", "GET", "/v1/runs")).json()["data"]
    await here.send("owner", "DELETE", f"/v1/conversations/{run['session_id']}")
    with pytest.raises(openai.APIError):
        await told(chat)


async def test_a_response_that_failed_is_told_alike(here):
    here.model.always(fails(400))
    heard = await told(await begun(here))
    assert heard[-1]["type"] == "response.failed"
    assert await again(here, heard[0]["response"]["id"]) == heard


@pytest.mark.parametrize("who", ["colleague", "stranger", "lead"])
async def test_nobody_else_hears_it(here, who):
    here.model.always(says(ANSWER))
    heard = await told(await begun(here))
    for response in (heard[0]["response"]["id"], "resp_01KAJ0000000000000000000000"):
        with pytest.raises(openai.NotFoundError):
            await again(here, response, who)


@pytest.mark.parametrize("query", ["stream=true&starting_after=-1", "stream=true&starting_after=x", "stream=maybe"])
async def test_a_place_that_is_none_is_refused(here, query):
    here.model.always(says(ANSWER))
    reply = await here.client().responses.create(model=AGENT, input="?")
    assert (await here.send("owner", "GET", f"/v1/responses/{reply.id}?{query}")).status_code == 400


async def test_what_was_ignored_is_told_again_with_the_response(here):
    here.model.always(says(ANSWER))
    reply = await here.client().responses.create(model=AGENT, input="?", temperature=0.5, instructions="짧게")
    assert reply.daeri["ignored"] == ["instructions", "temperature"]
    assert (await here.client().responses.retrieve(reply.id)).model_dump() == reply.model_dump()


async def test_who_comes_for_a_response_is_looked_at_anew_for_its_run_goes_on_by_that(here):
    response = (await told(await begun(here, background=True), 1))[0]["response"]["id"]
    identity = here.daeri.identity
    await identity.add_account("owner", OWNER, demo=True)
    token, actor = await identity._start_session(OWNER, "demo")
    session = {"Cookie": f"daeri_session={token}"}

    class Stale:
        """Keeps a session hot that has ended, as long as Redis could not be told of it."""

        async def look(self, _name, _read) -> SignedIn:
            return SignedIn(actor, here.daeri.clock.now() + timedelta(hours=1))

    identity.hot = Stale()
    async with httpx.AsyncClient(base_url=here.url, headers=session, trust_env=False) as http:
        assert (await http.get(f"/v1/responses/{response}")).status_code == 200
        await identity.sign_out(token)
        assert (await http.get("/v1/models")).status_code == 200, "what only reads may go by it for its seconds"
        assert (await http.get(f"/v1/responses/{response}")).status_code == 401
