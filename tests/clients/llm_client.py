"""The command line tool `llm`."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from asked import AGENT, BALANCE, FORM, HELLO, KEY, MODEL, UNKNOWN, URL, tell

HOME = Path(tempfile.mkdtemp())
TOOL = 'def balance(name: str) -> str:\n    """How many leave days are left."""\n    return "7.5"\n'
FORMED = {"type": "object", "properties": {"name": {"type": "string"}, "days": {"type": "number"}}}


def llm(*arguments, key=KEY, status=0):
    """Run the tool and return what it says, or its complaint."""
    environment = {**os.environ, "LLM_USER_PATH": str(HOME)}
    command = [str(Path(sys.executable).with_name("llm")), *arguments, "--key", key]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    if done.returncode != status:
        raise SystemExit(done.stderr)
    return (done.stderr if status else done.stdout).strip()


def logged():
    """What it wrote down of its last question."""
    environment = {**os.environ, "LLM_USER_PATH": str(HOME)}
    command = [str(Path(sys.executable).with_name("llm")), "logs", "--json", "--count", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=120)
    return json.loads(done.stdout)[0]


def counted(*arguments):
    said = llm(*arguments)
    last = logged()
    return [said, last["input_tokens"] + last["output_tokens"]]


def refused(*arguments, key=KEY):
    return int(re.search(r"Error code: (\d+)", llm(*arguments, key=key, status=1))[1])


(HOME / "extra-openai-models.yaml").write_text(
    json.dumps(  # JSON is YAML
        [
            {
                "model_id": name,
                "model_name": name,
                "api_base": URL,
                "api_key_name": "daeri",
                "supports_tools": True,
                "supports_schema": True,
            }
            for name in (AGENT, MODEL, UNKNOWN)
        ]
    )
)
tell(
    agent=llm("-m", AGENT, "--no-stream", HELLO),
    agent_streamed=llm("-m", AGENT, HELLO),
    raw=counted("-m", MODEL, "--no-stream", HELLO),
    raw_streamed=counted("-m", MODEL, HELLO),
    tools=["balance", {"name": "김하은"}, llm("-m", MODEL, "--functions", TOOL, BALANCE)],
    form=json.loads(llm("-m", MODEL, "--schema", json.dumps(FORMED), FORM)),
    unknown=refused("-m", UNKNOWN, HELLO),
    stranger=refused("-m", AGENT, HELLO, key="dk_live_nobody"),
)
