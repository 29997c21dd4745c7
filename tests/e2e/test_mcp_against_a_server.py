"""A real server process, and the SDK's own client: over HTTP in both revisions, and over standard streams."""

import asyncio
import io
import json
import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.inbound import decode_header_value
from mcp_types import ElicitResult, ResourceUpdatedNotification

from daeri.cli import bridge
from databases import copied
from gateway.mcp_client import ERAS, client, message
from servers import Server

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server(read_demo, tmp_path_factory):
    one = Server(copied(read_demo, tmp_path_factory.mktemp("mcp") / "demo"), "demo").start()
    yield one
    one.stop()


async def _work(mcp: Client) -> None:
    tools = {tool.name: tool for tool in (await mcp.list_tools()).tools}
    assert tools["leave.balance"].annotations is not None
    balance = await mcp.call_tool("leave.balance", {})
    assert balance.structured_content is not None
    assert balance.structured_content["say"] in balance.content[0].text  # type: ignore[union-attr]
    asked = await mcp.call_tool("runs.create", {"input": "휴가 며칠 남았어?"})
    assert asked.structured_content is not None
    assert asked.structured_content["status"] == "succeeded"
    assert asked.structured_content["answer"].startswith(balance.structured_content["say"])


@pytest.mark.parametrize("era", ERAS)
async def test_a_server_answers_the_official_client(server, era):
    async with client(server.url, server.keys()["deputy"], era) as mcp:
        await _work(mcp)


@pytest.mark.parametrize("era", ERAS)
async def test_a_program_carries_mcp_between_standard_streams_and_the_server(server, era):
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "daeri.cli", "mcp", "--server", server.url],
        env={**os.environ, "DAERI_KEY": server.keys()["deputy"]},
    )
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: ASYNC230, PTH123 - the client wants a stream
        async with Client(stdio_client(parameters, errlog=nowhere), mode=era) as mcp:
            await _work(mcp)
            names = [tool.name for tool in (await mcp.list_tools()).tools]
            assert "runs.create" in names


@pytest.mark.filterwarnings("ignore:resources/subscribe is removed")
async def test_a_person_is_asked_back_and_told_of_changes_through_the_program(server):
    asked: list[str] = []
    told = asyncio.Event()

    async def choose(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        labels = params.requested_schema["properties"]["choice"]["enum"]
        return ElicitResult(action="accept", content={"choice": labels[0]})

    async def hear(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            told.set()

    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "daeri.cli", "mcp", "--server", server.url],
        env={**os.environ, "DAERI_KEY": server.keys()["deputy"]},
    )
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: ASYNC230, PTH123 - the client wants a stream
        reached = stdio_client(parameters, errlog=nowhere)
        async with Client(reached, mode="legacy", elicitation_callback=choose, message_handler=hear) as mcp:
            run = (await mcp.call_tool("runs.create", {"input": "영업1팀 김대리 휴가 며칠 남았어?"})).structured_content
            assert len(asked) == 1, run
            assert run["input"] != "영업1팀 김대리 휴가 며칠 남았어?"
            filed = (await mcp.call_tool("runs.create", {"input": "다음 주 금요일 연차 올려줘"})).structured_content
            (approval_id,) = filed["approvals"]
            await mcp.subscribe_resource(f"daeri://approvals/{approval_id}")
            await mcp.call_tool("approvals.withdraw", {"approval_id": approval_id})
            await asyncio.wait_for(told.wait(), 20)


def test_a_program_without_a_server_says_so_to_its_client():
    lines = ['{"jsonrpc": "2.0", "id": 7, "method": "tools/list"}', "junk", '{"jsonrpc": "2.0", "method": "n"}']
    done = subprocess.run(
        [sys.executable, "-m", "daeri.cli", "mcp", "--server", "http://127.0.0.1:9"],
        input="\n".join(lines).encode(),
        env={**os.environ, "DAERI_KEY": "dk_live_x"},
        capture_output=True,
        check=True,
    )
    answers = sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda answer: str(answer["id"]))
    assert [answer["id"] for answer in answers] == [7, None]
    assert "cannot be reached" in answers[0]["error"]["message"]
    assert answers[1]["error"]["code"] == -32700


def test_the_program_goes_on_where_the_server_has_forgotten_its_session(server):
    out = io.StringIO()
    carried = bridge.Bridge(server.url, {"Authorization": f"Bearer {server.keys()['deputy']}"}, out)
    carried._version, carried._session = "2025-11-25", "mcs_forgotten"
    call = {"name": "leave.balance", "arguments": {}}
    lines = [{"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call} for number in (1, 2)]
    carried.run([json.dumps(line) for line in lines])
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert sorted(answer["id"] for answer in answers) == [1, 2]
    assert not [answer for answer in answers if answer["result"]["isError"]]


def test_names_that_no_header_holds_are_encoded():
    assert bridge._encoded("work.find") == "work.find"
    for name in ("휴가", " x", "=?base64?eA==?=", "a\nb"):
        assert decode_header_value(bridge._encoded(name)) == name


async def test_a_cancellation_of_something_else_stops_nothing(server):
    parts = os.pipe()
    out = io.StringIO()
    carried = bridge.Bridge(server.url, {"Authorization": f"Bearer {server.keys()['deputy']}"}, out)
    run = message("tools/call", {"name": "runs.create", "arguments": {"input": "휴가 며칠 남았어?"}})
    stop = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}}
    with os.fdopen(parts[1], "w", encoding="utf-8") as given, os.fdopen(parts[0], encoding="utf-8") as taken:
        thread = threading.Thread(target=carried.run, args=(taken,))
        thread.start()
        given.writelines(json.dumps(each) + "\n" for each in (run, stop))
        given.close()
        await asyncio.to_thread(thread.join)
    assert json.loads(out.getvalue())["result"]["structuredContent"]["status"] == "succeeded"
