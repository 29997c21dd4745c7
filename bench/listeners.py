"""Who listens to many streams at once? `python -m bench.listeners PORT STREAMS KEY MODEL`, told in JSON.

Every byte is looked at: a stream counts only if each of its tokens came once, in order, with the end after them.
"""

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

from bench.model_at_speed import TOKENS, word

ARRIVALS_PER_SECOND = 2_500
GIVEN_UP = 120.0
_WANTED = "".join(word(number) for number in range(TOKENS))


class Stream(asyncio.Protocol):
    """One request and its reply."""

    def __init__(self, request: bytes) -> None:
        """Take what to send."""
        self._request = request
        self._parts: list[bytes] = []
        self._tail = b""
        self.whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.began = self.first = self.last = 0.0
        self.gaps: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send."""
        self.transport = cast("asyncio.Transport", transport)
        self.began = time.perf_counter()
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Keep, and see whether it is the end."""
        now = time.perf_counter()
        if self.first:
            self.gaps.append(now - self.last)
        self.first, self.last = self.first or now, now
        self._parts.append(data)
        self._tail = (self._tail + data)[-7:]
        if self._tail == b"\r\n0\r\n\r\n" and not self.whole.done():
            self.whole.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """End, whatever there is."""
        del error
        if not self.whole.done():
            self.whole.set_result(None)

    def is_right(self) -> bool:
        """Say whether every token came, and the end."""
        lines = _body(b"".join(self._parts).split(b"\r\n\r\n", 1)[-1]).decode().splitlines()
        payloads = [line[6:] for line in lines if line.startswith("data: ")]
        if not payloads or payloads[-1] != "[DONE]":
            return False
        chunks = [json.loads(payload) for payload in payloads[:-1]]
        deltas = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
        return "".join(deltas) == _WANTED


def _body(chunks: bytes) -> bytes:
    """Return what stands in chunks; a relay may cut them where it likes."""
    body = []
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        end = int(size or b"0", 16)
        body.append(rest[:end])
        chunks = rest[end + 2 :] if end else b""
    return b"".join(body)


async def main(port: int, streams: int, key: str, model: str) -> None:
    """Listen to so many streams, which begin within a moment of each other."""
    body = json.dumps(
        {"model": model, "stream": True, "messages": [{"role": "user", "content": "안녕하세요"}]}
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    loop, request = asyncio.get_running_loop(), head.encode() + body

    async def listen(number: int) -> Stream:
        await asyncio.sleep(number / ARRIVALS_PER_SECOND)
        _, stream = await loop.create_connection(lambda: Stream(request), "127.0.0.1", port)
        await asyncio.wait_for(stream.whole, GIVEN_UP)
        stream.transport.close()
        return stream

    heard = await asyncio.gather(*(listen(number) for number in range(streams)))
    first = sorted((stream.first - stream.began) * 1000 for stream in heard)
    gaps = sorted(gap * 1000 for stream in heard for gap in stream.gaps) or [0.0]
    told = {
        "right": sum(stream.is_right() for stream in heard),
        "first_p50": first[len(first) // 2],
        "first_p99": first[min(len(first) - 1, len(first) * 99 // 100)],
        "gap_p50": gaps[len(gaps) // 2],
        "gap_p99": gaps[len(gaps) * 99 // 100],
        "seconds": max(stream.last - stream.began for stream in heard),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
