"""OpenAI's own library for Python, with functions of its own and a form of the answer, before an agent."""

import json

import openai
from asked import AGENT, BALANCE, FORM, KEY, TOOL, URL, tell
from pydantic import BaseModel

FLAT = {"type": "function", **TOOL["function"]}
client = openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0)
chat = client.chat.completions


class Balance(BaseModel):
    name: str
    days: float


def said(messages, *, streams):
    if not streams:
        return chat.create(model=AGENT, messages=messages, tools=[TOOL]).choices[0].message
    with chat.stream(model=AGENT, messages=messages, tools=[TOOL]) as stream:
        return stream.get_final_completion().choices[0].message


def looped(*, streams):
    messages = [{"role": "user", "content": BALANCE}]
    asked = said(messages, streams=streams)
    [call] = asked.tool_calls
    messages += [asked, {"role": "tool", "tool_call_id": call.id, "content": "7.5"}]
    return [call.function.name, json.loads(call.function.arguments), said(messages, streams=streams).content]


def respond(*, streams, **sent):
    if not streams:
        return client.responses.create(model=AGENT, tools=[FLAT], **sent)
    with client.responses.stream(model=AGENT, tools=[FLAT], **sent) as stream:
        return stream.get_final_response()


def responses(*, streams):
    asked = respond(streams=streams, input=BALANCE)
    [call] = asked.output
    result = [{"type": "function_call_output", "call_id": call.call_id, "output": "7.5"}]
    done = respond(streams=streams, input=result, previous_response_id=asked.id)
    return [call.name, json.loads(call.arguments), done.output_text]


tell(
    tools=looped(streams=False),
    tools_streamed=looped(streams=True),
    responses=responses(streams=False),
    responses_streamed=responses(streams=True),
    form=chat.parse(model=AGENT, messages=[{"role": "user", "content": FORM}], response_format=Balance)
    .choices[0]
    .message.parsed.model_dump(),
)
