"""Pydantic AI, with functions of its own and a form of the answer, before an agent."""

import asyncio

from asked import AGENT, BALANCE, FORM, KEY, URL, tell
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Balance(BaseModel):
    name: str
    days: float


def agent(**more):
    return Agent(OpenAIChatModel(AGENT, provider=OpenAIProvider(base_url=URL, api_key=KEY)), **more)


def able():
    one = agent()

    @one.tool_plain
    def balance(name: str) -> str:
        """How many leave days are left."""
        return "7.5" if name == "김하은" else "0"

    return one


def seen(messages, said):
    [call] = [part for each in messages for part in each.parts if isinstance(part, ToolCallPart)]
    return [call.tool_name, call.args_as_dict(), said]


async def main():
    done = await able().run(BALANCE)
    async with able().run_stream(BALANCE) as stream:
        said = await stream.get_output()
    tell(
        tools=seen(done.all_messages(), done.output),
        tools_streamed=seen(stream.all_messages(), said),
        form=(await agent(output_type=NativeOutput(Balance)).run(FORM)).output.model_dump(),
    )


asyncio.run(main())
