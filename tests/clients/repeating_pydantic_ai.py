"""Pydantic AI as it comes, on a connection that breaks when the answer comes."""

from asked import AGENT, KEY, URL, tell
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

agent = Agent(OpenAIChatModel(AGENT, provider=OpenAIProvider(base_url=URL, api_key=KEY)))
tell(said=agent.run_sync("새 과제를 등록해줘").output)
