"""How does a command reach Daeri? By HTTP as any client does; where nobody answers, reading goes to the data itself.

Only the standard library, because every command pays for what this file imports.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode, urlsplit

from daeri.cli.place import DATABASE, Place
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble, of_problem
from daeri.cli.words import Words

TIMEOUT_SECONDS: Final = 30
SILENCE_SECONDS: Final = 45
"""Longest silence of a stream of events; the server says something every 15 seconds."""
RECONNECT_SECONDS: Final = 60
"""How long a broken stream is tried again: a server that restarts is back long before."""
RETRY_SECONDS: Final = 0.5
NO_CONTENT: Final = 204
BAD: Final = 400

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Unreachable(Exception):
    """Nobody answers at the server's address, or stopped answering."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the API."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status and the JSON body."""

    status: int
    body: dict[str, Any]


class Line(Protocol):
    """Whoever carries a request to the application and the reply back."""

    def send(self, request: Request) -> Reply:
        """Carry one request."""

    def close(self) -> None:
        """Let go of what is held."""


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


class Api:
    """The server's API as commands use it: JSON in and out, problems raised as Trouble."""

    def __init__(self, place: Place, terminal: Terminal, make_local: Callable[[Place], Line]) -> None:
        """Take where and who, and what answers in place of a server that is not there.

        Args:
            place: where the server and the data are, and whose key is used.
            terminal: told when the data is read without a server.
            make_local: opens the application in this process.
        """
        self._place = place
        self._terminal = terminal
        self._make_local = make_local
        self._line: Line | None = None

    def get(self, path: str, query: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
        """Read something; without a server, from the data folder itself.

        Raises:
            Trouble: the server's problem, or nobody answers and there is no data to read.
        """
        parameters = urlencode(list(query))
        request = Request("GET", f"{path}?{parameters}" if parameters else path, headers=self._headers())
        if self._line is None:
            self._line = Remote(self._place.address())
        try:
            reply = self._line.send(request)
        except Unreachable as error:
            if self._place.names_server or not (self._place.folder() / DATABASE).is_file():
                raise self._unreachable(error) from None
            self._terminal.talk(
                Words(
                    f"(서버가 꺼져 있어 {self._place.folder()} 데이터를 바로 읽어요)",
                    f"(no server is running: reading {self._place.folder()} directly)",
                ),
                "dim",
            )
            self._line = self._make_local(self._place)
            reply = self._line.send(request)
        return _checked(reply).body

    def post(
        self, path: str, body: Mapping[str, Any], *, version: int | None = None, query: str = ""
    ) -> Reply:
        """Change something or ask for work; each call carries a key that makes it happen once.

        Raises:
            Trouble: the server's problem, or nobody answers.
        """
        headers = {**self._headers(), "Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        try:
            reply = Remote(self._place.address()).send(Request("POST", path + query, body, headers))
        except Unreachable as error:
            raise self._unreachable(error) from None
        return _checked(reply)

    def events(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield a run's events to the end of its stream, across restarts of the server.

        Raises:
            Trouble: the server refused, or stayed away too long.
        """
        after, patience = 0, _Patience()
        while True:
            headers = {**self._headers(), "Accept": "text/event-stream", "Last-Event-ID": str(after)}
            request = Request("GET", f"/v1/runs/{quote(run_id)}/events", headers=headers)
            try:
                # Asked anew each time: a server that restarts may come back at another port.
                for event in Remote(self._place.address()).events(request):
                    after = event["seq"]
                    patience = _Patience()
                    yield event
                    if event["type"] == "stream.end":
                        return
            except Unreachable as error:
                if not after:
                    raise self._unreachable(error) from None
                if patience.is_new:
                    self._terminal.talk(
                        Words("연결이 끊겼어요. 다시 이어 볼게요…", "The connection broke. Trying again…"), "dim"
                    )
            if not patience.wait():
                raise self._unreachable(Unreachable("the stream broke off"))

    def close(self) -> None:
        """Let go of what is held."""
        if self._line is not None:
            self._line.close()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._place.credential()}", "Accept-Language": self._terminal.lang}

    def _unreachable(self, error: Unreachable) -> Trouble:
        address = self._place.address()
        return Trouble(
            "server-unreachable",
            Words("서버에 연결하지 못했어요", "The server cannot be reached"),
            why=Words(f"{address} 에서 답이 없어요 ({error})", f"Nobody answers at {address} ({error})"),
            fix=Words(
                f"서버를 켜 주세요:  daeri demo --dir {self._place.folder()}   (주소가 다르면 --server URL)",
                f"Start the server:  daeri demo --dir {self._place.folder()}   (another address: --server URL)",
            ),
            code=Code.UNREACHABLE,
        )


class _Patience:
    """How long a broken stream is tried again."""

    def __init__(self) -> None:
        self.is_new = True
        self._until = 0.0

    def wait(self) -> bool:
        """Wait a little; False when it was long enough."""
        now = time.monotonic()
        if self.is_new:
            self.is_new, self._until = False, now + RECONNECT_SECONDS
        time.sleep(RETRY_SECONDS)
        return now < self._until


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


def _checked(reply: Reply) -> Reply:
    if reply.status >= BAD:
        raise of_problem(reply.status, reply.body)
    return reply


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {"title": "HTTP", "detail": content[:200].decode(errors="replace")}
    return found if isinstance(found, dict) else {"data": found}


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
