"""LiteLLM, which has OpenAI's library ask again, on a connection that breaks when the answer comes."""

import litellm
from asked import AGENT, KEY, URL, tell

litellm.suppress_debug_info = True
messages = [{"role": "user", "content": "새 과제를 등록해줘"}]
reply = litellm.completion(model=f"openai/{AGENT}", api_base=URL, api_key=KEY, messages=messages, max_retries=2)
tell(said=reply.choices[0].message.content)
