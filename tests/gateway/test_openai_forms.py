"""Agents that answer in the form their caller asks for: JSON that fits a schema, or an honest reason why not."""

import json
from collections.abc import AsyncIterator

import openai
import pytest
from pydantic import BaseModel, Field

from daeri.testing.model_server import Asked, calls, says
from gateway.planned_house import AGENT, UPSTREAM, Furnished, Planned, planned

pytestmark = pytest.mark.anyio
FITS = '{"name": "김하은", "days": 7.5}'


class Balance(BaseModel):
    name: str = Field(pattern="^[가-힣]+$")
    days: float


FORM = {"type": "json_schema", "json_schema": {"name": "balance", "schema": Balance.model_json_schema()}}


@pytest.fixture
async def here(furniture: Furnished, tmp_path) -> AsyncIterator[Planned]:
    async with planned(furniture, tmp_path / "data") as one:
        yield one


def user(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


async def test_the_librarys_parse_reads_an_agents_answer(here):
    here.model.always(calls(Asked("work__find", {"employee": "김하은"})), says(FITS))
    reply = await here.client().chat.completions.parse(
        model=AGENT, messages=user("며칠 남았어?"), response_format=Balance
    )
    assert reply.choices[0].message.parsed == Balance(name="김하은", days=7.5)
    told = here.model.requests[0].body
    assert "response_format" not in told, "the model does not say that it takes one beside tools"
    assert '"days"' in told["messages"][-1]["content"]
    assert (await here.run(reply.daeri["run_id"]))["answer"] == FITS


async def test_a_model_that_takes_a_form_beside_tools_is_sent_it(furniture, tmp_path, monkeypatch):
    monkeypatch.setenv("UPSTREAM", UPSTREAM)

    def table(url: str) -> str:
        return f'[models.m]\nurl = "{url}"\nmodel = "m"\nkey = "UPSTREAM"\nstructured = true\n'

    async with planned(furniture, tmp_path / "data", table) as here:
        here.model.always(says(FITS))
        await here.client().chat.completions.create(model=AGENT, messages=user("?"), response_format=FORM)
        sent = here.model.requests[0].body
        assert sent["response_format"] == FORM
        assert sent["tools"]
        await here.client().chat.completions.create(model=AGENT, messages=user("그냥"))
        assert "response_format" not in here.model.requests[1].body


@pytest.mark.parametrize("streams", [True, False])
async def test_an_answer_of_another_form_is_mended_once_and_never_heard(here, streams):
    here.model.always(says('{"name": "김하은"}'), says(f"```json\n{FITS}\n```"))
    reply = await here.client().chat.completions.create(
        model=AGENT, messages=user("며칠?"), response_format=FORM, stream=streams
    )
    if streams:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in [each async for each in reply])
    else:
        text = reply.choices[0].message.content
    assert text == FITS
    mended = here.model.requests[1].body
    assert "'days' is a required property" in mended["messages"][-1]["content"]
    assert "tools" not in mended


@pytest.mark.parametrize("streams", [True, False])
async def test_an_answer_that_stays_wrong_is_an_error_and_no_answer(here, streams):
    here.model.always(says("일곱 날 반이에요."))
    client = here.client()

    async def asked() -> str:
        reply = await client.chat.completions.create(
            model=AGENT, messages=user("?"), response_format=FORM, stream=streams
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in [each async for each in reply])

    with pytest.raises(openai.APIError, match="not JSON"):
        await asked()
    assert len(here.model.requests) == 2
    [run] = (await here.send("owner", "GET", "/v1/runs?limit=1")).json()["data"]
    assert (run["status"], run["answer"], run["error"]["code"]) == ("failed", None, "model-unavailable")


async def test_what_an_agent_did_before_it_failed_is_not_done_again_by_the_librarys_retries(here):
    here.model.always(calls(Asked("work__add_project", {"name": "과제 하나"})), says("아니요"))
    asked = {"messages": user("과제 하나 등록해줘"), "response_format": {"type": "json_object"}}
    patient = here.client().with_options(max_retries=1)
    with pytest.raises(openai.InternalServerError):
        await patient.chat.completions.create(model=AGENT, **asked)
    [run] = (await here.send("owner", "GET", "/v1/runs")).json()["data"]
    assert (run["status"], run["steps"][3]["name"], run["steps"][3]["status"]) == ("failed", "work.add_project", "done")


async def test_any_json_object_will_do_where_no_schema_is_named(here):
    here.model.always(says('["아니"]'), says('{"네": 1}'))
    reply = await here.client().chat.completions.create(
        model=AGENT, messages=user("?"), response_format={"type": "json_object"}
    )
    assert json.loads(reply.choices[0].message.content) == {"네": 1}


@pytest.mark.parametrize("streams", [True, False])
async def test_a_run_that_waits_for_people_refuses_in_words_instead_of_a_wrong_form(here, streams):
    here.model.always(calls(Asked("work__request", {"start": "2026-12-01"})), says(FITS))
    asked = {"model": AGENT, "messages": user("12월 1일 휴가 올려줘")}
    if streams:
        async with here.client().chat.completions.stream(**asked, response_format=Balance) as stream:
            reply = await stream.get_final_completion()
    else:
        reply = await here.client().chat.completions.parse(**asked, response_format=Balance)
    choice = reply.choices[0]
    assert (choice.finish_reason, choice.message.content or "", choice.message.parsed) == ("stop", "", None)
    assert "결재를 기다리고" in choice.message.refusal
    [run] = (await here.send("owner", "GET", "/v1/runs?limit=1")).json()["data"]
    decision = {"decision": "approve"}
    await here.send("lead", "POST", f"/v1/approvals/{run['approvals'][0]}/decisions", decision)
    ended = (await here.send("owner", "GET", f"/v1/runs/{run['run_id']}?wait=10")).json()
    assert (ended["status"], ended["answer"]) == ("succeeded", FITS), "the form is the run's, over its wait"


async def test_a_response_has_its_form_under_text_and_is_shown_again_in_it(here):
    here.model.always(says(FITS))
    reply = await here.client().responses.parse(model=AGENT, input="며칠?", text_format=Balance)
    assert reply.output_parsed == Balance(name="김하은", days=7.5)
    assert reply.text.format.type == "json_schema"
    again = await here.client().responses.retrieve(reply.id)
    assert (again.output_text, again.text.format.name) == (FITS, reply.text.format.name)


@pytest.mark.parametrize("streams", [True, False])
async def test_a_response_that_waits_for_people_refuses_too(here, streams):
    here.model.always(calls(Asked("work__request", {"start": "2026-12-01"})))
    if streams:
        async with here.client().responses.stream(model=AGENT, input="휴가 12월 1일", text_format=Balance) as stream:
            kinds = [event.type async for event in stream]
            reply = await stream.get_final_response()
        assert "response.refusal.done" in kinds
        assert "response.output_text.delta" not in kinds
    else:
        reply = await here.client().responses.parse(model=AGENT, input="휴가 12월 1일", text_format=Balance)
    [part] = reply.output[0].content
    assert part.type == "refusal"
    assert "결재를 기다리고" in part.refusal
    assert reply.output_parsed is None


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "http://127.0.0.1:1/x"}, "leads to no schema within it"),
        ({"$ref": "#"}, "without end"),
        ({"$id": "http://127.0.0.1:1/x"}, "$id is not taken"),
        ({"required": ["a"], "properties": {"a": {"$ref": "#/required"}}}, "leads to no schema within it"),
        ({"type": "strin"}, "no JSON Schema"),
        ({"type": "string", "pattern": "(?=a)"}, "pattern is not taken"),
        ({"type": "string", "description": "x" * 70_000}, "more than 64,000 characters"),
        ({"anyOf": [{"type": "null"}] * 501}, "more than 500 schemas"),
    ],
)
async def test_a_schema_that_is_not_taken_is_named_and_nothing_is_begun(here, schema, why):
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    with pytest.raises(openai.BadRequestError, match=why.replace("$", r"\$")) as refused:
        await here.client().chat.completions.create(model=AGENT, messages=user("?"), response_format=form)
    assert refused.value.param == "response_format"
    assert (await here.send("owner", "GET", "/v1/runs")).json()["data"] == []


async def test_a_schema_that_asks_for_hours_is_given_up_within_a_second(here):
    doubled = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    schema = {"$defs": doubled | {"d40": {"const": 1}}, "properties": {"a": {"$ref": "#/$defs/d0"}}}
    here.model.always(says('{"a": 2}'))
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    with pytest.raises(openai.InternalServerError, match="too large to be held against the schema"):
        await (
            here.client()
            .with_options(timeout=3)
            .chat.completions.create(model=AGENT, messages=user("?"), response_format=form)
        )


async def test_rest_and_json_rpc_ask_for_a_form_by_the_same_name(here):
    here.model.always(says("아니요"), says(FITS))
    asked = {"input": "며칠?", "response_format": FORM}
    run = (await here.send("owner", "POST", "/v1/runs?wait=10", asked)).json()
    assert (run["answer"], run["response_format"]) == (FITS, FORM)
    for method, params in (("runs.create", asked), ("get_response", {"prompt": "며칠?", "response_format": FORM})):
        sent = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"wait": 10}}
        result = (await here.send("owner", "POST", "/rpc", sent)).json()["result"]
        assert FITS in (result.get("answer"), result.get("response"))


async def test_a_turn_that_is_asked_again_keeps_its_form(here):
    here.model.always(says(FITS))
    run = (await here.send("owner", "POST", "/v1/runs?wait=10", {"input": "며칠?", "response_format": FORM})).json()
    again = await here.send("owner", "POST", f"/v1/runs/{run['run_id']}/edit", {"input": "몇 날?"})
    assert again.json()["response_format"] == FORM


ODD = (
    7,
    "x",
    [],
    {},
    [7],
    [{}],
    [[]],
    {"type": 7},
    {"type": "function"},
    {"type": "json_schema"},
    True,
    -1,
    {"format": 7},
)


@pytest.mark.parametrize(
    "member", ["response_format", "text", "tools", "tool_choice", "background", "messages", "input"]
)
async def test_whatever_a_member_holds_it_is_answered_or_refused_and_no_error_of_ours(here, member):
    here.model.always(says(FITS))
    for route, said in (("chat/completions", {"messages": user("?")}), ("responses", {"input": "?"})):
        for odd in ODD:
            sent = {"model": AGENT, **said, member: odd}
            got = await here.send("owner", "POST", f"/v1/{route}", sent)
            assert got.status_code in (200, 400), (sent, got.text)
    for odd in ODD:
        item = {"type": "function_call_output", "call_id": odd, "output": odd}
        got = await here.send("owner", "POST", "/v1/responses", {"model": AGENT, "input": [item]})
        assert got.status_code in (400, 404), got.text
        item = {"role": "tool", "tool_call_id": odd, "content": odd}
        got = await here.send("owner", "POST", "/v1/chat/completions", {"model": AGENT, "messages": [item]})
        assert got.status_code in (400, 404), got.text
