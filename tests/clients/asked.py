"""What each client is asked to do, and with which words; run by another Python, so it needs nothing but itself."""

import json
import os
import sys

URL = os.environ["DAERI_URL"] + "/v1"
KEY = os.environ["DAERI_KEY"]
AGENT = "agent/assistant"
MODEL = "vendor/large"
UNKNOWN = "vendor/nothing"
HELLO = "안녕하세요"
BALANCE = "김하은의 남은 연차를 도구로 알아봐 줘"
FORM = "김하은의 남은 연차를 양식으로 알려 줘"
TOOL = {
    "type": "function",
    "function": {
        "name": "balance",
        "description": "How many leave days are left.",
        "parameters": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}


def tell(**facts: object) -> None:
    """Say what the client saw, for the test to compare."""
    sys.stdout.write(json.dumps(facts, ensure_ascii=False))
