"""Pydantic AI."""

import asyncio

from asked import AGENT, BALANCE, FORM, HELLO, KEY, MODEL, UNKNOWN, URL, tell
from pydantic import BaseModel
from pydantic_ai import Agent, ModelHTTPError, NativeOutput
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Balance(BaseModel):
    name: str
    days: float


def agent(model, key=KEY, **more):
    return Agent(OpenAIChatModel(model, provider=OpenAIProvider(base_url=URL, api_key=key)), **more)


async def whole(model):
    done = await agent(model).run(HELLO)
    return [done.output, done.usage.total_tokens]


async def streamed(model):
    async with agent(model).run_stream(HELLO) as stream:
        text = "".join([piece async for piece in stream.stream_text(delta=True, debounce_by=None)])
        return [text, stream.usage.total_tokens]


async def tools():
    able = agent(MODEL)

    @able.tool_plain
    def balance(name: str) -> str:
        """How many leave days are left."""
        return "7.5" if name == "김하은" else "0"

    done = await able.run(BALANCE)
    [call] = [part for each in done.all_messages() for part in each.parts if isinstance(part, ToolCallPart)]
    return [call.tool_name, call.args_as_dict(), done.output]


async def refused(model=UNKNOWN, key=KEY):
    try:
        await agent(model, key).run(HELLO)
    except ModelHTTPError as error:
        return error.status_code
    return 200


async def main():
    tell(
        agent=(await whole(AGENT))[0],
        agent_streamed=(await streamed(AGENT))[0],
        raw=await whole(MODEL),
        raw_streamed=await streamed(MODEL),
        tools=await tools(),
        form=(await agent(MODEL, output_type=NativeOutput(Balance)).run(FORM)).output.model_dump(),
        unknown=await refused(),
        stranger=await refused(key="dk_live_nobody"),
    )


asyncio.run(main())
