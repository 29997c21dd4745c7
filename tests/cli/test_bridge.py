"""Does the program between standard streams and a server carry on where the server is slow, asks or is gone a while?"""

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from daeri.cli import bridge

HELLO = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}}
ANSWER = {"jsonrpc": "2.0", "id": "ask_1", "result": {}}


class Server:
    """Answers as the test says; each list of statuses is for the streams that are opened one after the other."""

    def __init__(self, *streams: int) -> None:
        self.streams = list(streams)
        self.all_wait = threading.Barrier(bridge.AT_ONCE + 1)
        self.answered = threading.Event()
        self.heard = threading.Event()

    def post(self, message: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        if "method" not in message:
            self.answered.set()
            return 202, None
        if message["method"] == "tools/call":
            self.all_wait.wait(20)
            assert self.answered.wait(20)
        return 200, {"jsonrpc": "2.0", "id": message["id"], "result": {"protocolVersion": "2025-11-25"}}

    def get(self) -> tuple[int, dict[str, Any] | None]:
        status = self.streams.pop(0) if self.streams else 404
        if status == 404:
            self.heard.set()
        return status, {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"} if status == 200 else None


class Listening(ThreadingHTTPServer):
    """Lets all who come at once wait their turn: of five in a queue a busy machine drops some, for seconds."""

    request_queue_size = 4 * bridge.AT_ONCE


@contextmanager
def served(server: Server) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            self._tell("application/json", *server.post(json.loads(sent)))

        def do_GET(self) -> None:
            self._tell("text/event-stream", *server.get())

        def do_DELETE(self) -> None:
            self._tell("text/plain", 204, None)

        def _tell(self, kind: str, status: int, told: dict[str, Any] | None) -> None:
            text = "" if told is None else json.dumps(told)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Mcp-Session-Id", "mcs_1")
            self.end_headers()
            self.wfile.write((f"data: {text}\n\n" if kind == "text/event-stream" else text).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    one = Listening(("127.0.0.1", 0), Handler)
    threading.Thread(target=one.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{one.server_address[1]}"
    finally:
        one.shutdown()
        one.server_close()


def test_an_answer_gets_through_while_all_requests_wait_for_it() -> None:
    server, out = Server(), io.StringIO()
    calls = [{"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {}} for n in range(1, bridge.AT_ONCE + 1)]

    def lines() -> Iterator[str]:
        yield from (json.dumps(each) for each in (HELLO, *calls))
        server.all_wait.wait(20)
        yield json.dumps(ANSWER)
        assert server.answered.wait(5), "it stands behind those who wait for it"

    with served(server) as url:
        bridge.Bridge(url, {}, out).run(lines())
    assert sorted(json.loads(line)["id"] for line in out.getvalue().splitlines()) == list(range(bridge.AT_ONCE + 1))


def test_a_stream_is_opened_again_where_the_server_was_away_or_ended_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "AGAIN_SECONDS", 0.01)
    server, out = Server(200, 503, 429, 200), io.StringIO()

    def lines() -> Iterator[str]:
        yield json.dumps(HELLO)
        assert server.heard.wait(10)

    with served(server) as url:
        bridge.Bridge(url, {}, out).run(lines())
    assert out.getvalue().count("list_changed") == 2


def test_a_stream_that_ends_at_once_is_not_opened_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "AGAIN_SECONDS", 0.2)
    server = Server(200, 200, 200)

    def lines() -> Iterator[str]:
        yield json.dumps(HELLO)
        began = time.monotonic()
        assert server.heard.wait(10)
        assert time.monotonic() - began >= 0.5

    with served(server) as url:
        bridge.Bridge(url, {}, io.StringIO()).run(lines())
