"""LiteLLM, with functions of its own and a form of the answer, before an agent."""

import json

import litellm
from asked import AGENT, BALANCE, FORM, KEY, TOOL, URL, tell
from pydantic import BaseModel

litellm.suppress_debug_info = True
FLAT = {"type": "function", **TOOL["function"]}
MINE = {"model": f"openai/{AGENT}", "api_base": URL, "api_key": KEY, "num_retries": 0, "max_retries": 0}


class Balance(BaseModel):
    name: str
    days: float


def said(messages, *, streams):
    reply = litellm.completion(messages=messages, tools=[TOOL], stream=streams, **MINE)
    return (litellm.stream_chunk_builder(list(reply)) if streams else reply).choices[0].message


def looped(*, streams):
    messages = [{"role": "user", "content": BALANCE}]
    asked = said(messages, streams=streams)
    [call] = asked.tool_calls
    messages += [asked.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": "7.5"}]
    return [call.function.name, json.loads(call.function.arguments), said(messages, streams=streams).content]


def respond(*, streams, **sent):
    reply = litellm.responses(tools=[FLAT], stream=streams, **sent, **MINE)
    if not streams:
        return reply
    *_, last = reply
    assert last.type == "response.completed", last
    return last.response


def responses(*, streams):
    asked = respond(streams=streams, input=BALANCE)
    [call] = asked.output
    result = [{"type": "function_call_output", "call_id": call.call_id, "output": "7.5"}]
    done = respond(streams=streams, input=result, previous_response_id=asked.id)
    return [call.name, json.loads(call.arguments), done.output[0].content[0].text]


form = litellm.completion(messages=[{"role": "user", "content": FORM}], response_format=Balance, **MINE)
tell(
    tools=looped(streams=False),
    tools_streamed=looped(streams=True),
    responses=responses(streams=False),
    responses_streamed=responses(streams=True),
    form=json.loads(form.choices[0].message.content),
)
