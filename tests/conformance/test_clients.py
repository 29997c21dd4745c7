"""Do the clients that people have work as they are? Each is run as its own process, in an environment of its own.

The scripts in tests/clients say what a client saw; all of them are to see the same. Their environment is made of
requirements-clients.lock; where its packages cannot be had there is nothing to test.
"""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from sqlalchemy import text

from daeri.testing.fault_proxy import FaultProxy, passes, reset_after
from daeri.testing.model_server import Asked, Received, Reply, calls, completion, says
from gateway.gateway_house import Keys, with_keys
from gateway.openai_house import MODEL, Place, place
from gateway.planned_house import Planned, furnished_with_keys, planned

pytestmark = [pytest.mark.anyio, pytest.mark.night]

SCRIPTS = Path(__file__).parents[1] / "clients"
NODE_PACKAGE = "openai@7"
SEEN: dict[str, Any] = {
    "agent": "들었어요: 안녕하세요",
    "agent_streamed": "들었어요: 안녕하세요",
    "raw": ["안녕, 김하은 님", 18],
    "raw_streamed": ["안녕, 김하은 님", 18],
    "tools": ["balance", {"name": "김하은"}, "7.5일 남았어요"],
    "form": {"name": "김하은", "days": 7.5},
    "unknown": 404,
    "stranger": 401,
}
"""What every client sees."""
MORE: dict[str, dict[str, Any]] = {
    name: {"responses": "들었어요: 안녕하세요", "models": ["agent/assistant", "agent/reader", "vendor/embed", MODEL]}
    for name in ("openai_client.py", "openai_client.mjs")
}
"""What only OpenAI's own libraries can ask for."""


def answered(received: Received) -> Reply:
    """Answer as a model would, in the form that is asked for."""
    streams = bool(received.body.get("stream"))
    if "양식" in received.last_question:
        assert received.body["response_format"]["type"] == "json_schema"
        text = '{"name": "김하은", "days": 7.5}'
    elif "도구" in received.last_question:
        if received.body["messages"][-1]["role"] != "tool":
            asked = Asked("balance", {"name": "김하은"}, "call_1")
            called = {"name": asked.name, "arguments": json.dumps(asked.arguments)}
            tool_calls = [{"id": asked.id, "type": "function", "function": called}]
            return calls(asked) if streams else completion("", tool_calls=tool_calls)
        text = f"{received.body['messages'][-1]['content']}일 남았어요"
    else:
        text = "안녕, 김하은 님"
    return says(text) if streams else completion(text)


@pytest.fixture(scope="module")
def keyed(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return with_keys(furnished, tmp_path_factory.mktemp("keyed"))


@pytest.fixture
async def here(keyed: Keys, tmp_path: Path) -> AsyncIterator[Place]:
    async with place(keyed, tmp_path) as one:
        one.upstream.decides(answered)
        yield one


def planning(received: Received) -> Reply:
    """Plan a run as a model would: call what its caller lends, and answer in the form that is asked for."""
    last = received.body["messages"][-1]
    balance = {"name": "김하은", "days": 7.5}
    if "양식" in received.last_question:
        choice = received.body.get("tool_choice")
        return calls(Asked("final_result", balance)) if choice else says(json.dumps(balance, ensure_ascii=False))
    if last["role"] != "tool":
        return calls(Asked("balance", {"name": "김하은"}))
    return says(f"{'7.5' if '7.5' in last['content'] else '?'}일 남았어요")


async def seen(here: Place | Planned, *command: str) -> dict[str, Any]:
    """Run a client and return what it saw."""
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")},
        "DAERI_URL": here.url,
        "DAERI_KEY": here.keys.get("raw", here.keys["owner"]),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_PROXY": "127.0.0.1",
    }
    done = await anyio.run_process(command, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    return found


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*_client.py")))
async def test_a_client_for_python_works_as_it_is(clients, here, script):
    assert await seen(here, str(clients), str(SCRIPTS / script)) == SEEN | MORE.get(script, {})


async def test_openais_client_for_node_works_as_it_is(npm, here):
    node = npm(NODE_PACKAGE)
    script = node / "openai_client.mjs"  # a module finds its packages beside itself
    script.write_bytes((SCRIPTS / script.name).read_bytes())
    assert await seen(here, "node", str(script)) == SEEN | MORE[script.name]


LOOPED = ["balance", {"name": "김하은"}, "7.5일 남았어요"]
LENDING: dict[str, Any] = {
    **dict.fromkeys(("tools", "tools_streamed", "responses", "responses_streamed"), LOOPED),
    "form": {"name": "김하은", "days": 7.5},
}
"""What clients see that lend an agent functions of their own, and want its answer in a form."""


LACKING = {"lending_llm.py": ("responses", "responses_streamed")}
"""What a client cannot do: `llm` asks the models that one adds for chat completions alone."""


@pytest.fixture
async def lent(tmp_path: Path) -> AsyncIterator[Planned]:
    furniture = await anyio.to_thread.run_sync(furnished_with_keys, tmp_path / "first")
    async with planned(furniture, tmp_path / "data") as here:
        here.model.decides(planning)
        yield here


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("lending_*.py")))
async def test_a_client_lends_an_agent_functions_as_it_lends_them_to_a_model(clients, lent, script):
    expected = {name: value for name, value in LENDING.items() if name not in LACKING.get(script, ())}
    assert await seen(lent, str(clients), str(SCRIPTS / script)) == expected


async def test_openais_client_for_node_lends_an_agent_functions_too(npm, lent):
    script = npm(NODE_PACKAGE) / "lending_openai.mjs"
    script.write_bytes((SCRIPTS / script.name).read_bytes())
    assert await seen(lent, "node", str(script)) == LENDING


def adding(received: Received) -> Reply:
    """Plan a run that adds a project."""
    told = received.body["messages"][-1]["role"] == "tool"
    return says("등록했어요.") if told else calls(Asked("work__add_project", {"name": "새 과제"}))


async def added_once(here: Planned, *command: str) -> None:
    """Run a client on a connection that breaks when the answer comes: it gets it, and one project is there."""
    here.model.decides(adding)
    async with FaultProxy(here.url) as proxy:
        proxy.does(reset_after(0), passes)
        assert await seen(replace(here, url=proxy.base_url), *command) == {"said": "등록했어요."}
        assert proxy.connections == 2, "it has asked again"
    made = text("SELECT count(*) FROM w_project WHERE name = '새 과제'")
    assert await here.daeri.store.read(lambda connection: connection.execute(made).scalar_one()) == 1


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("repeating_*.py")))
async def test_a_client_that_asks_again_by_itself_has_an_agent_act_once(clients, lent, script):
    await added_once(lent, str(clients), str(SCRIPTS / script))


async def test_openais_client_for_node_that_asks_again_by_itself_has_an_agent_act_once(npm, lent):
    script = npm(NODE_PACKAGE) / "repeating_openai.mjs"
    script.write_bytes((SCRIPTS / script.name).read_bytes())
    await added_once(lent, "node", str(script))
