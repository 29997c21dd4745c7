"""How is a request carried over HTTP? By the standard library alone: one request, one reply, or a stream of events."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from daeri.cli.client import Reply, Request, Unreachable
from daeri.cli.trouble import of_problem

TIMEOUT_SECONDS: Final = 30
SILENCE_SECONDS: Final = 45
"""Longest silence of a stream of events; the server says something every 15 seconds."""
NO_CONTENT: Final = 204

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Remote:
    """A server on the other side of HTTP."""

    def __init__(self, address: str) -> None:
        """Take the server's address, e.g. http://127.0.0.1:8787."""
        self._address = address
        # A proxy of the company's network cannot reach this machine's own addresses.
        own = urlsplit(address).hostname in _LOOPBACK
        handlers = [urllib.request.ProxyHandler({})] if own else []
        self._opener = urllib.request.build_opener(*handlers)

    def send(self, request: Request) -> Reply:
        """Send a request.

        Raises:
            Unreachable: nobody answers.
        """
        try:
            with self._open(request, TIMEOUT_SECONDS) as response:
                return Reply(response.status, _decoded(response.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, _decoded(error.read()))
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise Unreachable(_reason(error)) from None

    def events(self, request: Request) -> Iterator[dict[str, Any]]:
        """Yield the events of a stream until it ends.

        Raises:
            Unreachable: nobody answers, or the connection broke.
            Trouble: the server refused.
        """
        try:
            with self._open(request, SILENCE_SECONDS) as response:
                if response.status != NO_CONTENT:
                    yield from events_of(response)
        except urllib.error.HTTPError as error:
            with error:
                raise of_problem(error.code, _decoded(error.read())) from None
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise Unreachable(_reason(error)) from None

    def close(self) -> None:
        """Nothing is held between requests."""

    def _open(self, request: Request, timeout: float) -> Any:
        asked = urllib.request.Request(  # noqa: S310 - place.py lets http and https through only
            self._address + request.path, data=request.content or None, method=request.method
        )
        for name, value in request.headers.items():
            asked.add_header(name, value)
        return self._opener.open(asked, timeout=timeout)


def events_of(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Read Server-Sent Events: the JSON of each event's data; comments and other fields are passed over."""
    data: list[str] = []
    for raw in lines:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield json.loads("\n".join(data))
            data = []


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {"title": "HTTP", "detail": content[:200].decode(errors="replace")}
    return found if isinstance(found, dict) else {"data": found}


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
