"""Is the API what its description says? Schemathesis makes requests of the description and judges what comes back.

By day a few requests for each operation; at night many more, for each of several people, and chains of requests.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import Server

ALLOWED = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def demo(read_demo: Path, tmp_path: Path) -> Iterator[Server]:
    """The sample company, with nobody too quick for it."""
    folder = tmp_path / "demo"
    shutil.copytree(read_demo, folder)
    server = Server(folder, "demo", more={"DAERI_RATE_LIMITS": ""}).start()
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
    options = ("--phases", "fuzzing", "--max-examples", "2", "--generation-deterministic", "--no-shrink")
    made, wrong = judged(demo, "deputy", *options, seconds=110)
    assert not wrong, wrong
    assert made > 250


@pytest.mark.night
@pytest.mark.parametrize("who", ["deputy", "lead", "hr", "admin"])
def test_thousands_of_requests_are_answered_as_described(demo, who):
    options = ("--phases", "coverage,fuzzing,stateful", "--max-examples", "30", "--generation-database", "none")
    made, wrong = judged(demo, who, *options, seconds=1800)
    assert not wrong, wrong
    assert made > 9_000
