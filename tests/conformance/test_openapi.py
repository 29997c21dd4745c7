"""Is the API what its description says? Schemathesis makes requests of the description and judges what comes back.

By day a few requests for each operation; at night many more, for each of several people, and chains of requests,
and linters and a generated client too.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import copied
from servers import Server

ALLOWED = Path(__file__).with_name("schemathesis.toml")
SCRIPT = Path(__file__).parents[1] / "clients/generated.py"
REDOCLY = "@redocly/cli@2"


@pytest.fixture
def demo(read_demo: Path, tmp_path: Path) -> Iterator[Server]:
    """The sample company, with nobody too quick for it."""
    server = Server(copied(read_demo, tmp_path / "demo"), "demo", more={"DAERI_RATE_LIMITS": ""}).start()
    yield server
    server.stop()


def judged(server: Server, who: str, *options: str, seconds: int) -> tuple[int, str]:
    """Return how many requests were made as someone, and what was wrong with the answers."""
    tool = str(Path(sys.executable).with_name("schemathesis"))
    command = [tool, "--config-file", str(ALLOWED), "run", f"{server.url}/openapi.json", "--no-color"]
    command += ["--header", f"Authorization: Bearer {server.keys()[who]}"]
    command += ["--warnings", "off", "--continue-on-failure", "--request-timeout", "60", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds, cwd=server.folder)
    made = re.search(r"(\d[\d,]*) generated", done.stdout)
    assert made, done.stdout[-3000:] + done.stderr[-3000:]
    return int(made[1].replace(",", "")), "" if done.returncode == 0 else done.stdout[-20_000:]


def test_a_few_requests_of_every_kind_are_answered_as_described(demo):
    options = ("--phases", "fuzzing", "--max-examples", "1", "--generation-deterministic", "--no-shrink")
    made, wrong = judged(demo, "deputy", *options, seconds=110)
    assert not wrong, wrong
    assert made > 170


@pytest.mark.night
@pytest.mark.parametrize("who", ["deputy", "lead", "hr", "admin"])
def test_thousands_of_requests_are_answered_as_described(demo, who):
    options = ("--phases", "coverage,fuzzing,stateful", "--max-examples", "30", "--generation-database", "none")
    made, wrong = judged(demo, who, *options, seconds=1800)
    assert not wrong, wrong
    assert made > 9_000


@pytest.fixture
def described(demo: Server) -> Path:
    """The description as a file."""
    file = demo.folder / "openapi.json"
    file.write_text(json.dumps(demo.call("GET", "/openapi.json").body))
    return file


@pytest.mark.night
def test_linters_find_no_error_in_the_description(clients, npm, described):
    redocly = npm(REDOCLY) / "node_modules/.bin/redocly"
    rules = ("--extends", "recommended", "--max-problems", "1000")
    for command in (
        [str(clients), "-m", "openapi_spec_validator", str(described)],
        [str(redocly), "lint", str(described), *rules],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=described.parent)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]


@pytest.mark.night
def test_a_client_that_is_made_of_the_description_imports_and_works(clients, demo, described, tmp_path):
    environment = {**os.environ, "PATH": f"{clients.parent}:{os.environ['PATH']}", "PYTHONPATH": ""}
    made = subprocess.run(
        ["openapi-python-client", "generate", "--meta", "none", "--path", described, "--output-path", "daeri_client"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert "WARNING" not in made.stdout, made.stdout
    environment |= {"DAERI_URL": demo.url, "DAERI_KEY": demo.keys()["deputy"]}
    done = subprocess.run(
        [str(clients), str(SCRIPT), str(tmp_path)], check=False, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert seen.pop("modules") > 500
    assert seen == {
        "me": "김하은",
        "balance": ["LeaveBalanceResult", "leave.balance"],
        "held": ["HeldCall", "in_progress"],
        "refused": ["Problem", "not-found"],
        "rows": 5,
    }
