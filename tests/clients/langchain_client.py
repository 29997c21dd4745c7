"""LangChain, by langchain-openai."""

import openai
from asked import AGENT, BALANCE, FORM, HELLO, KEY, MODEL, UNKNOWN, URL, tell
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class Balance(BaseModel):
    name: str
    days: float


@tool
def balance(name: str) -> str:
    """How many leave days are left."""
    return "7.5" if name == "김하은" else "0"


def chat(model, key=KEY):
    return ChatOpenAI(model=model, base_url=URL, api_key=key, max_retries=0, stream_usage=True)


def whole(model):
    reply = chat(model).invoke(HELLO)
    return [reply.content, reply.usage_metadata["total_tokens"]]


def streamed(model):
    chunks = list(chat(model).stream(HELLO))
    tokens = [chunk.usage_metadata["total_tokens"] for chunk in chunks if chunk.usage_metadata]
    return ["".join(chunk.content for chunk in chunks), sum(tokens)]


def tools():
    able = chat(MODEL).bind_tools([balance])
    asked = able.invoke(BALANCE)
    [call] = asked.tool_calls
    result = ToolMessage(balance.invoke(call["args"]), tool_call_id=call["id"])
    return [call["name"], call["args"], able.invoke([HumanMessage(BALANCE), asked, result]).content]


def refused(model=UNKNOWN, key=KEY):
    try:
        chat(model, key).invoke(HELLO)
    except openai.APIStatusError as error:
        return error.status_code
    return 200


tell(
    agent=whole(AGENT)[0],
    agent_streamed=streamed(AGENT)[0],
    raw=whole(MODEL),
    raw_streamed=streamed(MODEL),
    tools=tools(),
    form=chat(MODEL).with_structured_output(Balance).invoke(FORM).model_dump(),
    unknown=refused(),
    stranger=refused(key="dk_live_nobody"),
)
