"""LangChain as it comes, on a connection that breaks when the answer comes."""

from asked import AGENT, KEY, URL, tell
from langchain_openai import ChatOpenAI

tell(said=ChatOpenAI(model=AGENT, base_url=URL, api_key=KEY).invoke("새 과제를 등록해줘").text)
