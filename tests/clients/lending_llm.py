"""The command line tool `llm`, with functions of its own and a form of the answer, before an agent."""

import json

from asked import AGENT, BALANCE, FORM, tell
from llm_tool import FORMED, TOOL, asks, logged


def looped(*more):
    said = asks("-m", AGENT, "--functions", TOOL, *more, BALANCE)
    [call] = [call for turn in logged(2) for call in turn["tool_calls"]]
    return [call["name"], call["arguments"], said]


tell(
    tools=looped("--no-stream"),
    tools_streamed=looped(),
    form=json.loads(asks("-m", AGENT, "--schema", json.dumps(FORMED), FORM)),
)
