"""OpenAI's own library for Python."""

import json

import openai
from asked import AGENT, BALANCE, FORM, HELLO, KEY, MODEL, TOOL, UNKNOWN, URL, tell
from pydantic import BaseModel

client = openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0)


class Balance(BaseModel):
    name: str
    days: float


def user(text):
    return [{"role": "user", "content": text}]


def streamed(model):
    options = {"include_usage": True}
    text, tokens = "", 0
    for chunk in client.chat.completions.create(model=model, messages=user(HELLO), stream=True, stream_options=options):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        tokens = chunk.usage.total_tokens if chunk.usage else tokens
    return [text, tokens]


def whole(model):
    reply = client.chat.completions.create(model=model, messages=user(HELLO))
    return [reply.choices[0].message.content, reply.usage.total_tokens]


def tools():
    messages = user(BALANCE)
    asked = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message
    [call] = asked.tool_calls
    messages += [asked, {"role": "tool", "tool_call_id": call.id, "content": "7.5"}]
    said = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message.content
    return [call.function.name, json.loads(call.function.arguments), said]


def form():
    reply = client.chat.completions.parse(model=MODEL, messages=user(FORM), response_format=Balance)
    return reply.choices[0].message.parsed.model_dump()


def refused(model=UNKNOWN, key=KEY):
    try:
        client.with_options(api_key=key).chat.completions.create(model=model, messages=user(HELLO))
    except openai.APIStatusError as error:
        return error.status_code
    return 200


tell(
    agent=whole(AGENT)[0],
    agent_streamed=streamed(AGENT)[0],
    raw=whole(MODEL),
    raw_streamed=streamed(MODEL),
    tools=tools(),
    form=form(),
    unknown=refused(),
    stranger=refused(key="dk_live_nobody"),
    responses=client.responses.create(model=AGENT, input=HELLO).output_text,
    models=sorted(model.id for model in client.models.list()),
)
