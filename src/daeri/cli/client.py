"""How does a command reach Daeri? By HTTP as any client does; where nobody answers, reading goes to the data itself.

Here is what all ways have in common: requests, replies, who asks, what a silence means. `remote.py` speaks HTTP,
`local.py` calls the application in this process.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote, urlencode

from daeri.cli.place import Place
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble, of_problem
from daeri.cli.words import Words

if TYPE_CHECKING:
    from daeri.cli.remote import Remote

RECONNECT_SECONDS: Final = 600
"""How long a broken stream is tried again: a server that is updated is back long before."""
RETRY_SECONDS: Final = 0.5
BAD: Final = 400


class Unreachable(Exception):
    """Nobody answers at the server's address, or stopped answering."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the API."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        if self.raw:
            return self.raw
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
        self._local: Line | None = None
        self._has_answered = False

    def get(self, path: str, query: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
        """Read something; without a server, from the data folder itself.

        Raises:
            Trouble: the server's problem, or nobody answers and there is no data to read.
        """
        parameters = urlencode(list(query))
        request = Request("GET", f"{path}?{parameters}" if parameters else path, headers=self._headers())
        if self._local is not None:
            return _checked(self._local.send(request)).body
        try:
            return self._sent(request).body
        except Unreachable as error:
            if self._place.names_server or not self._place.has_data():
                raise self._unreachable(error) from None
            self._terminal.talk(
                Words(
                    f"(서버가 꺼져 있어 {self._place.folder()} 데이터를 바로 읽어요)",
                    f"(no server is running: reading {self._place.folder()} directly)",
                ),
                "dim",
            )
            self._local = self._make_local(self._place)
            return _checked(self._local.send(request)).body

    def post(self, path: str, body: Mapping[str, Any], *, version: int | None = None, query: str = "") -> Reply:
        """Change something or ask for work; each call carries a key that makes it happen once.

        Raises:
            Trouble: the server's problem, or nobody answers.
        """
        headers = {"Idempotency-Key": os.urandom(16).hex()}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        return self._written("POST", path + query, body, headers)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change what is there.

        Raises:
            Trouble: the server's problem, or nobody answers.
        """
        return self._written("PATCH", path, body, {}).body

    def delete(self, path: str) -> None:
        """Throw something away.

        Raises:
            Trouble: the server's problem, or nobody answers.
        """
        self._written("DELETE", path, None, {})

    def _written(self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Reply:
        sent = {**self._headers(), "Content-Type": "application/json", **headers}
        try:
            return self._sent(Request(method, path, body, sent))
        except Unreachable as error:
            raise self._unreachable(error) from None

    def upload(self, path: str, file: Path, fields: Mapping[str, str], kind: str) -> dict[str, Any]:
        """Send a file in a form.

        Raises:
            Trouble: the file cannot be read, the server's problem, or nobody answers.
        """
        mark = os.urandom(12).hex()
        try:
            content = form_of(file, fields, kind, mark)
        except OSError as error:
            said = error.strerror or str(error)
            raise Trouble("unreadable", Words(f"{file}: {said}", f"{file}: {said}")) from None
        headers = {**self._headers(), "Content-Type": f"multipart/form-data; boundary={mark}"}
        try:
            return self._sent(Request("POST", path, headers=headers, raw=content)).body
        except Unreachable as error:
            raise self._unreachable(error) from None

    def events(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield a run's events to the end of its stream, across restarts of the server.

        Raises:
            Trouble: the server refused, or stayed away too long.
        """
        after, broken_since = "0", 0.0
        while True:
            try:
                for event in self._remote().events(self._stream_of(run_id, after)):
                    after, broken_since = str(event.get("place", event["seq"])), 0.0
                    yield event
                    if event["type"] == "stream.end":
                        return
                error = Unreachable("end of stream")
            except Unreachable as broken:
                error = broken
            if not self._has_answered or (broken_since and time.monotonic() - broken_since > RECONNECT_SECONDS):
                raise self._unreachable(error)
            if not broken_since:
                broken_since = time.monotonic()
                self._terminal.talk(
                    Words("연결이 끊겼어요. 다시 이어 볼게요…", "The connection broke. Trying again…"), "dim"
                )
            time.sleep(RETRY_SECONDS)

    def close(self) -> None:
        """Let go of what is held."""
        if self._local is not None:
            self._local.close()

    def _sent(self, request: Request) -> Reply:
        reply = self._remote().send(request)
        self._has_answered = True
        return _checked(reply)

    def _remote(self) -> "Remote":
        """Return the way to the server; asked for anew each time, for a restarted one may be at another port."""
        from daeri.cli.remote import Remote  # noqa: PLC0415 - HTTP and TLS load only for commands that speak

        return Remote(self._place.address())

    def _stream_of(self, run_id: str, after: str) -> Request:
        headers = {**self._headers(), "Accept": "text/event-stream", "Last-Event-ID": after}
        return Request("GET", f"/v1/runs/{quote(run_id)}/events", headers=headers)

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


def form_of(file: Path, fields: Mapping[str, str], kind: str, mark: str) -> bytes:
    """Write a form with one file as `multipart/form-data`."""
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    name = file.name.replace("\\", "_").replace('"', "%22").replace("\r", "").replace("\n", "")
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    return b"".join([*parts, head.encode(), file.read_bytes(), f"\r\n--{mark}--\r\n".encode()])


def _checked(reply: Reply) -> Reply:
    if reply.status >= BAD:
        raise of_problem(reply.status, reply.body)
    return reply
