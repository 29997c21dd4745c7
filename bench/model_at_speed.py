"""What would a model send, as fast as a test needs it? `python -m bench.model_at_speed PORT GAP_MILLISECONDS`.

Every chat completion streams 100 Korean tokens, one every GAP milliseconds, then its usage and [DONE]. The model
`one-call` takes no time: it asks for one operation, and once it is told what came of it, it answers with 20 tokens.
Written for many streams at little cost: the bytes are made once, and one clock serves all streams. GET anything answers
200.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

import uvloop

TOKENS = 100
ONE_CALL = "one-call"
ANSWER_TOKENS = 20
SLOTS = 10
"""Streams are spread over so many moments of each gap, as streams of a real endpoint are."""
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


def word(number: int) -> str:
    """Return a token."""
    return f" 토큰{number:03}"


def _event(payload: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _delta(delta: Mapping[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    head = {"id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUv", "object": "chat.completion.chunk", "created": 1763700000}
    return _event({**head, "model": "at-speed", "system_fingerprint": "fp_1", "choices": [choice]})


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_USAGE = {"prompt_tokens": 10, "completion_tokens": TOKENS, "total_tokens": TOKENS + 10}
_LAST = _delta({}, "stop") + _event({"object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
PIECES = [
    _chunk(_delta({"role": "assistant", "content": ""})),
    *(_chunk(_delta({"content": word(number)})) for number in range(TOKENS)),
    _chunk(_LAST + b"data: [DONE]\n\n") + b"0\r\n\r\n",
]
"""A whole reply, as it is written piece by piece."""
_CALLED = {"name": "leave__balance", "arguments": "{}"}
_ASKED = {"role": "assistant", "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": _CALLED}]}
_DONE = _event({"object": "chat.completion.chunk", "choices": [], "usage": _USAGE}) + b"data: [DONE]\n\n"
ASKS = _chunk(_delta(_ASKED) + _delta({}, "tool_calls") + _DONE) + b"0\r\n\r\n"
"""A reply that asks for an operation, all at once."""
ANSWERS = (
    b"".join(_chunk(_delta({"content": word(number)})) for number in range(ANSWER_TOKENS))
    + _chunk(_delta({}, "stop") + _DONE)
    + b"0\r\n\r\n"
)
"""A short answer, all at once."""


class Connection(asyncio.Protocol):
    """One connection, with one reply at a time."""

    def __init__(self, live: list[set["Connection"]]) -> None:
        """Take the streams under way, by their moment."""
        self._live = live
        self._received = b""
        self._slot = (id(self) >> 6) % SLOTS
        self.next = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer once a request is whole."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        if len(body) < int(length.partition(b":")[2]):
            return
        self._received = b""
        if head.startswith(b"GET"):
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        if b'"model":"one-call"' in body:
            self.transport.write(_HEAD + (ANSWERS if b'"role":"tool"' in body else ASKS))
            return
        self.transport.write(_HEAD + PIECES[0])
        self.next = 1
        self._live[self._slot].add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the stream."""
        del error
        self._live[self._slot].discard(self)

    def go_on(self) -> None:
        """Send the next piece."""
        self.transport.write(PIECES[self.next])
        self.next += 1
        if self.next == len(PIECES):
            self._live[self._slot].discard(self)


async def main(port: int, gap: float) -> None:
    """Serve until the process is ended."""
    live: list[set[Connection]] = [set() for _ in range(SLOTS)]
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Connection(live), "127.0.0.1", port, backlog=4096)
    due = loop.time()
    while True:
        for slot in live:
            due += gap / SLOTS
            await asyncio.sleep(max(0.0, due - loop.time()))
            for stream in list(slot):
                stream.go_on()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
