"""Is the work of a company's own MCP tool done although its server was killed? A real server, and kill -9."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from crash.lasting import FILE
from databases import copied
from gateway.mcp_client import TASKS, headers_of, message
from servers import Server

TESTS = Path(__file__).parents[1]


def ask(server: Server, who: str, method: str, **params: Any) -> dict[str, Any]:
    sent = message(method, params, TASKS)
    headers = headers_of(sent, server.keys()[who])
    return dict(server.call("POST", "/mcp", sent, headers=headers).body)


@pytest.mark.night
def test_work_that_a_kill_broke_off_is_done_by_the_next_server(read_demo: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    more = {"DAERI_MCP_EXTRAS": "crash.lasting:extras", FILE: str(begun)}
    more["PYTHONPATH"] = f"{TESTS}:{os.environ.get('PYTHONPATH', '')}"
    server = Server(copied(read_demo, tmp_path / "demo"), more=more).start()
    try:
        task = ask(server, "deputy", "tools/call", name="count", arguments={})["result"]
        until = time.monotonic() + 30
        while not begun.exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        server.kill()
        server.start()
        assert ask(server, "deputy", "tasks/get", taskId=task["taskId"])["result"]["status"] == "working"
        assert ask(server, "lead", "tasks/get", taskId=task["taskId"])["error"]["code"] == -32602
        until = time.monotonic() + 60
        while (told := ask(server, "deputy", "tasks/get", taskId=task["taskId"])["result"])["status"] == "working":
            assert time.monotonic() < until, told
            time.sleep(0.5)
    finally:
        server.stop()
    assert told["status"] == "completed"
    assert told["result"]["content"][0]["text"] == "counted at try 2"
    first, second = begun.read_text(encoding="utf-8").split()
    assert first == second
