"""Who asks an agent, many at once, and listens? `python -m bench.run_listeners PORT RUNS KEY`, told in JSON.

Each asks, then listens to the run's events over the same connection, as a screen does. Every byte is looked at: a run
counts only if each token of its answer came once, in order, its events were told without a gap, and it succeeded.
"""

import asyncio
import contextlib
import json
import sys
import time
from typing import Any, cast

import uvloop

from bench.model_at_speed import TOKENS, word

ARRIVALS_PER_SECOND = 200
GIVEN_UP = 300.0
_WANTED = "".join(word(number) for number in range(TOKENS))
_END = b"\r\n0\r\n\r\n"


class Asking(asyncio.Protocol):
    """One request to an agent, and what comes of it."""

    def __init__(self, port: int, key: str) -> None:
        """Take where to ask, and as whom."""
        self._head = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        self._accepted = b""
        self._parts: list[bytes] = []
        self._run = ""
        self.whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.began = self.taken = self.first = self.last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = cast("asyncio.Transport", transport)
        body = json.dumps({"input": "안녕하세요, 반가워요"}).encode()
        self.began = time.perf_counter()
        told = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(f"POST /v1/runs{self._head}{told}".encode() + body)

    def data_received(self, data: bytes) -> None:
        """Listen once the run is accepted; keep what is told until its end."""
        self.last = time.perf_counter()
        if not self._run:
            self._accepted += data
            head, _, body = self._accepted.partition(b"\r\n\r\n")
            if body.endswith(b"}"):
                if b" 202 " not in head[:20]:
                    self.transport.close()
                    return
                self.taken = self.last
                self._run = json.loads(body)["run_id"]
                self.transport.write(f"GET /v1/runs/{self._run}/events{self._head}\r\n".encode())
            return
        self._parts.append(data)
        if not self.first and b"event: message.delta" in data:
            self.first = self.last
        if data.endswith(_END) and not self.whole.done():
            self.whole.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """End, whatever there is."""
        del error
        if not self.whole.done():
            self.whole.set_result(None)

    def why_wrong(self) -> str:
        """Say what is not as it must be; nothing where all is."""
        events = self._events()
        if not events or events[-1]["type"] != "stream.end" or events[-1]["status"] != "succeeded":
            refused = "" if self._run else self._accepted[:300].decode(errors="replace")
            return f"it did not succeed: {events[-1:]}{refused}"
        text = "".join(event["text"] for event in events if event["type"] == "message.delta")
        if text != _WANTED:
            return f"its text is not whole: {text[:200]}"
        numbers = [event["seq"] for event in events if "place" not in event]
        return "" if numbers == list(range(numbers[0], len(numbers) + numbers[0])) else f"events are missing: {numbers}"

    def _events(self) -> list[dict[str, Any]]:
        lines = b"".join(self._parts).split(b"\r\n\r\n", 1)[-1].decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


async def main(port: int, runs: int, key: str) -> None:
    """Ask so many times, one after another within seconds, and tell how it went."""
    loop = asyncio.get_running_loop()

    async def ask(number: int) -> Asking:
        await asyncio.sleep(number / ARRIVALS_PER_SECOND)
        _, asking = await loop.create_connection(lambda: Asking(port, key), "127.0.0.1", port)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asking.whole, GIVEN_UP)
        asking.transport.close()
        return asking

    heard = await asyncio.gather(*(ask(number) for number in range(runs)))
    wrong = [why for each in heard if (why := each.why_wrong())]
    first = sorted((each.first - each.began) * 1000 for each in heard)
    told = {
        "right": len(heard) - len(wrong),
        "wrong": wrong[:3],
        "first_p50": first[len(first) // 2],
        "first_p99": first[min(len(first) - 1, len(first) * 99 // 100)],
        "seconds": max(each.last for each in heard) - min(each.began for each in heard),
        "at_once": _at_once(heard),
    }
    print(json.dumps(told, ensure_ascii=False))


def _at_once(heard: list[Asking]) -> int:
    """Return how many were being told their answers at one time, at most."""
    marks = sorted([(each.first, 1) for each in heard] + [(each.last, -1) for each in heard])
    most = now = 0
    for _, change in marks:
        now += change
        most = max(most, now)
    return most


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
