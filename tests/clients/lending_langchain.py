"""LangChain, with functions of its own and a form of the answer, before an agent."""

from asked import AGENT, BALANCE, FORM, KEY, URL, tell
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


def looped(*, streams, **more):
    able = ChatOpenAI(model=AGENT, base_url=URL, api_key=KEY, max_retries=0, **more).bind_tools([balance])

    def said(messages):
        if not streams:
            return able.invoke(messages)
        first, *rest = able.stream(messages)
        for chunk in rest:
            first += chunk
        return first

    asked = said([HumanMessage(BALANCE)])
    [call] = asked.tool_calls
    result = ToolMessage(balance.invoke(call["args"]), tool_call_id=call["id"])
    return [call["name"], call["args"], said([HumanMessage(BALANCE), asked, result]).text]


chat = ChatOpenAI(model=AGENT, base_url=URL, api_key=KEY, max_retries=0)
tell(
    tools=looped(streams=False),
    tools_streamed=looped(streams=True),
    responses=looped(streams=False, use_responses_api=True),
    responses_streamed=looped(streams=True, use_responses_api=True, use_previous_response_id=True),
    form=chat.with_structured_output(Balance).invoke(FORM).model_dump(),
)
