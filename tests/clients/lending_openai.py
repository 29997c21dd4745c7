"""OpenAI's own library for Python, with functions of its own and a form of the answer, before an agent."""

import json

import openai
from asked import AGENT, BALANCE, FORM, KEY, TOOL, URL, tell
from pydantic import BaseModel

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


tell(
    tools=looped(streams=False),
    tools_streamed=looped(streams=True),
    form=chat.parse(model=AGENT, messages=[{"role": "user", "content": FORM}], response_format=Balance)
    .choices[0]
    .message.parsed.model_dump(),
)
