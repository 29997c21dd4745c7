"""LiteLLM as a client of an OpenAI-compatible endpoint."""

import json

import litellm
import openai
from asked import AGENT, BALANCE, FORM, HELLO, KEY, MODEL, TOOL, UNKNOWN, URL, tell
from pydantic import BaseModel

litellm.suppress_debug_info = True


class Balance(BaseModel):
    name: str
    days: float


def complete(model, text, key=KEY, **more):
    messages = more.pop("messages", [{"role": "user", "content": text}])
    return litellm.completion(
        model=f"openai/{model}", api_base=URL, api_key=key, messages=messages, num_retries=0, max_retries=0, **more
    )


def whole(model):
    reply = complete(model, HELLO)
    return [reply.choices[0].message.content, reply.usage.total_tokens]


def streamed(model):
    text, tokens = "", 0
    for chunk in complete(model, HELLO, stream=True, stream_options={"include_usage": True}):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        tokens = chunk.usage.total_tokens if getattr(chunk, "usage", None) else tokens
    return [text, tokens]


def tools():
    asked = complete(MODEL, BALANCE, tools=[TOOL]).choices[0].message
    [call] = asked.tool_calls
    messages = [
        {"role": "user", "content": BALANCE},
        asked.model_dump(),
        {"role": "tool", "tool_call_id": call.id, "content": "7.5"},
    ]
    said = complete(MODEL, BALANCE, messages=messages, tools=[TOOL]).choices[0].message.content
    return [call.function.name, json.loads(call.function.arguments), said]


def refused(model=UNKNOWN, key=KEY):
    try:
        complete(model, HELLO, key=key)
    except openai.APIStatusError as error:
        return error.status_code
    return 200


tell(
    agent=whole(AGENT)[0],
    agent_streamed=streamed(AGENT)[0],
    raw=whole(MODEL),
    raw_streamed=streamed(MODEL),
    tools=tools(),
    form=json.loads(complete(MODEL, FORM, response_format=Balance).choices[0].message.content),
    unknown=refused(),
    stranger=refused(key="dk_live_nobody"),
)
