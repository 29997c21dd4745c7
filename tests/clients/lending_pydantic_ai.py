"""Pydantic AI, with functions of its own and a form of the answer, before an agent."""

import asyncio

from asked import AGENT, BALANCE, FORM, KEY, URL, tell
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider


class Balance(BaseModel):
    name: str
    days: float


def agent(kind=OpenAIChatModel, **more):
    return Agent(kind(AGENT, provider=OpenAIProvider(base_url=URL, api_key=KEY)), **more)


def able(kind=OpenAIChatModel):
    one = agent(kind)

    @one.tool_plain
    def balance(name: str) -> str:
        """How many leave days are left."""
        return "7.5" if name == "김하은" else "0"

    return one


def seen(messages, said):
    [call] = [part for each in messages for part in each.parts if isinstance(part, ToolCallPart)]
    return [call.tool_name, call.args_as_dict(), said]


async def whole(kind):
    done = await able(kind).run(BALANCE)
    return seen(done.all_messages(), done.output)


async def streamed(kind):
    async with able(kind).run_stream(BALANCE) as stream:
        said = await stream.get_output()
        return seen(stream.all_messages(), said)


async def main():
    form = (await agent(output_type=NativeOutput(Balance)).run(FORM)).output
    assert (await agent(output_type=Balance).run(FORM)).output == form, (
        "as the arguments of a function that must be called"
    )
    tell(
        tools=await whole(OpenAIChatModel),
        tools_streamed=await streamed(OpenAIChatModel),
        responses=await whole(OpenAIResponsesModel),
        responses_streamed=await streamed(OpenAIResponsesModel),
        form=form.model_dump(),
    )


asyncio.run(main())
