"""The command line tool `llm`."""

import json
import re

from asked import AGENT, BALANCE, FORM, HELLO, MODEL, UNKNOWN, tell
from llm_tool import FORMED, TOOL, asks, logged


def counted(*arguments):
    said = asks(*arguments)
    [last] = logged()
    return [said, last["input_tokens"] + last["output_tokens"]]


def refused(*arguments, **more):
    return int(re.search(r"Error code: (\d+)", asks(*arguments, status=1, **more))[1])


tell(
    agent=asks("-m", AGENT, "--no-stream", HELLO),
    agent_streamed=asks("-m", AGENT, HELLO),
    raw=counted("-m", MODEL, "--no-stream", HELLO),
    raw_streamed=counted("-m", MODEL, HELLO),
    tools=["balance", {"name": "김하은"}, asks("-m", MODEL, "--functions", TOOL, BALANCE)],
    form=json.loads(asks("-m", MODEL, "--schema", json.dumps(FORMED), FORM)),
    unknown=refused("-m", UNKNOWN, HELLO),
    stranger=refused("-m", AGENT, HELLO, key="dk_live_nobody"),
)
