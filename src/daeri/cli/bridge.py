"""How does a client that starts a program speak MCP? `daeri mcp`: standard streams on one side, /mcp on the other.

Every line is carried to the running server as it is, and what comes back is written as it came, so there is one
server, one permission and one audit whichever way a client connects. The standard library is all that loads.
"""

import base64
import http.client
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import IO, Any, Final
from urllib.parse import urlsplit

from daeri.cli.command import Desk
from daeri.cli.remote import events_of
from daeri.cli.words import Words

AT_ONCE: Final = 16
"""Requests carried at the same time; a client that sends more waits."""
SILENCE_SECONDS: Final = 90
"""Longest silence of the server; a stream says something every 15 seconds."""
PATH: Final = "/mcp"
SESSION: Final = "Mcp-Session-Id"
AGAIN_SECONDS: Final = 1.0
VERSION: Final = "io.modelcontextprotocol/protocolVersion"
_NAMED: Final[Mapping[str, str]] = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
_PLAIN: Final = re.compile(r"(?!=\?base64\?)[!-~]([ -~]*[!-~])?")
_OK, _ACCEPTED, _MISSING = 200, 202, 404
_OVER: Final = (401, 403, _MISSING, 405)
"""What a server says that lets nobody listen, or not in this session; all else may pass."""

Message = dict[str, Any]


def carry(desk: Desk) -> None:
    """Carry messages between standard input and output and the server, until the input ends."""
    address, key = desk.place.address(), desk.place.credential()
    desk.terminal.talk(
        Words(f"MCP를 {address}{PATH} 로 이어요 (Ctrl-D로 끝)", f"Carrying MCP to {address}{PATH} (Ctrl-D ends)"), "dim"
    )
    bridge = Bridge(address, {"Authorization": f"Bearer {key}", "Accept-Language": desk.terminal.lang}, sys.stdout)
    bridge.run(sys.stdin)


class Bridge:
    """Carries messages both ways; each request in a thread of its own."""

    def __init__(self, address: str, headers: Mapping[str, str], output: IO[str]) -> None:
        """Take the server's address, what every request carries, and where answers go."""
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connect: Callable[[], http.client.HTTPConnection] = lambda: kind(host, port, timeout=SILENCE_SECONDS)
        self._path = parts.path.rstrip("/") + PATH
        self._headers = dict(headers)
        self._output = output
        self._writing = threading.Lock()
        self._open: dict[Any, http.client.HTTPConnection] = {}
        self._version: str | None = None
        self._session: str | None = None
        self._heard: http.client.HTTPConnection | None = None

    def run(self, lines: Iterator[str] | IO[str]) -> None:
        """Carry every line; return when the last answer has come."""
        with ThreadPoolExecutor(AT_ONCE) as pool, ThreadPoolExecutor(1) as answering:
            for line in lines:
                message = _read(line)
                if message is None:
                    self._write({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}})
                elif message.get("method") == "notifications/cancelled":
                    self._cancel(message)
                elif message.get("method") == "initialize":
                    self._carry(message)  # what comes after it depends on the version that it settles
                else:  # all the requests may wait for an answer, so it does not stand behind them
                    (pool if "method" in message else answering).submit(self._carry, message)
        self._leave()

    def _carry(self, message: Message) -> None:
        connection = self._connect()
        request_id = message.get("id") if "method" in message else None  # an answer is answered by nothing
        if request_id is not None:
            self._open[request_id] = connection
        try:
            response = self._sent(connection, message)
            for answer in _answers(response, request_id):
                self._settle(message, answer, response)
                self._write(answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if request_id is not None and request_id in self._open:
                self._write(_failed(request_id, f"The server cannot be reached: {error}"))
        finally:
            self._open.pop(request_id, None)
            connection.close()

    def _sent(self, connection: http.client.HTTPConnection, message: Message) -> http.client.HTTPResponse:
        """Send a message; where the server has forgotten the session, go on without one: the client never had it."""
        body, session = json.dumps(message).encode(), self._session
        connection.request("POST", self._path, body, self._headers_of(message))
        response = connection.getresponse()
        if response.status != _MISSING or session is None:
            return response
        response.read()
        self._session = None
        connection.request("POST", self._path, body, self._headers_of(message))
        return connection.getresponse()

    def _cancel(self, message: Message) -> None:
        """Close the stream of a request: that is how it is cancelled on the other side."""
        connection = self._open.pop((message.get("params") or {}).get("requestId"), None)
        if connection is not None and connection.sock is not None:
            connection.sock.close()

    def _settle(self, message: Message, answer: Message, response: http.client.HTTPResponse) -> None:
        if message.get("method") == "initialize" and "result" in answer:
            self._version = answer["result"].get("protocolVersion")
            self._session = response.headers.get(SESSION)
            if self._session is not None:
                threading.Thread(target=self._hear, args=(self._session,), daemon=True).start()

    def _hear(self, session: str) -> None:
        """Write what the server tells without being asked, until the session ends; a server may be gone for a while."""
        while self._session == session:
            connection = self._heard = self._connect()
            with suppress(OSError, http.client.HTTPException, ValueError), closing(connection):
                connection.request("GET", self._path, headers=self._of_session("text/event-stream"))
                response = connection.getresponse()
                if response.status in _OVER:
                    return
                for told in events_of(response) if response.status == _OK else ():
                    self._write(told)
            time.sleep(AGAIN_SECONDS)

    def _leave(self) -> None:
        """Tell the server that the session is over; where it cannot be told, it forgets it by itself."""
        if self._session is None:
            return
        connection, headers = self._connect(), self._of_session("application/json")
        self._session = None
        if self._heard is not None and self._heard.sock is not None:
            self._heard.sock.close()
        with suppress(OSError, http.client.HTTPException):
            connection.request("DELETE", self._path, headers=headers)
            connection.getresponse()
        connection.close()

    def _of_session(self, accept: str) -> dict[str, str]:
        named = {SESSION: self._session} if self._session else {}
        version = {"MCP-Protocol-Version": self._version} if self._version else {}
        return {**self._headers, "Accept": accept, **version, **named}

    def _headers_of(self, message: Message) -> dict[str, str]:
        accepted, content = "application/json, text/event-stream", {"Content-Type": "application/json"}
        params, method = message.get("params") or {}, str(message.get("method", ""))
        newest = (params.get("_meta") or {}).get(VERSION)
        if newest is None:
            return self._of_session(accepted) | content
        headers = {**self._headers, "Accept": accepted, **content}
        name = params.get(_NAMED.get(method, ""))
        named = {"Mcp-Name": _encoded(name)} if isinstance(name, str) else {}
        return headers | {"MCP-Protocol-Version": str(newest), "Mcp-Method": method, **named}

    def _write(self, message: Message) -> None:
        with self._writing:
            self._output.write(json.dumps(message, ensure_ascii=False) + "\n")
            self._output.flush()


def _read(line: str) -> Message | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _answers(response: http.client.HTTPResponse, request_id: Any) -> Iterator[Message]:
    if response.status == _ACCEPTED:
        return
    if response.headers.get_content_type() == "text/event-stream":
        yield from events_of(response)
        return
    body = json.loads(response.read() or b"{}")
    if isinstance(body, dict) and "jsonrpc" in body:
        yield body | ({"id": request_id} if body.get("id") is None else {})
    elif request_id is not None:
        yield _failed(request_id, str(body.get("detail") or f"HTTP {response.status}"), body)


def _failed(request_id: Any, what: str, data: Any = None) -> Message:
    error = {"code": -32603, "message": what} | ({"data": data} if data else {})
    return {"jsonrpc": "2.0", "id": request_id, "error": error}


def _encoded(name: str) -> str:
    """Write a name so that a header can hold it (the protocol's own form for what is not plain ASCII)."""
    if _PLAIN.fullmatch(name):
        return name
    return f"=?base64?{base64.b64encode(name.encode()).decode()}?="
