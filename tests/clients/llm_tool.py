"""How the command line tool `llm` is asked, with the models of the server it is tried against."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from asked import AGENT, KEY, MODEL, UNKNOWN, URL

HOME = Path(tempfile.mkdtemp())
TOOL = 'def balance(name: str) -> str:\n    """How many leave days are left."""\n    return "7.5"\n'
FORMED = {"type": "object", "properties": {"name": {"type": "string"}, "days": {"type": "number"}}}


def asks(*arguments, key=KEY, status=0):
    """Run the tool and return what it says, or its complaint."""
    environment = {**os.environ, "LLM_USER_PATH": str(HOME)}
    command = [str(Path(sys.executable).with_name("llm")), *arguments, "--key", key]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    if done.returncode != status:
        raise SystemExit(done.stderr)
    return (done.stderr if status else done.stdout).strip()


def logged(turns=1):
    """What it wrote down of its last questions, the last one first."""
    environment = {**os.environ, "LLM_USER_PATH": str(HOME)}
    command = [str(Path(sys.executable).with_name("llm")), "logs", "--json", "--count", str(turns)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=120)
    return json.loads(done.stdout)[::-1]


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
