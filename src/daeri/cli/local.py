"""How is data read while no server runs? The same application, called in this process instead of over a socket.

Nothing is worked on and no port is opened. This file imports the server when it is imported, so commands import it
inside the function that needs it.
"""

import asyncio
import json
from typing import Any, cast
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from daeri.app import Daeri, application
from daeri.cli.client import Reply, Request
from daeri.cli.company import company_of, settings_of, trouble_of
from daeri.cli.place import Place
from daeri.errors import DaeriError
from daeri.log import set_up


class Local:
    """The application of a data folder, without a server."""

    def __init__(self, place: Place) -> None:
        """Open the folder's data."""
        set_up("ERROR")
        self._runner = asyncio.Runner()
        self._daeri = Daeri(company_of(None), settings_of(place))
        try:
            self._runner.run(self._daeri.open(working=False))
        except DaeriError as error:
            raise trouble_of(error) from error
        self._app = application(self._daeri, working=False)
        self._host = next(iter(self._daeri.settings.known_hosts), "localhost")

    def send(self, request: Request) -> Reply:
        """Carry one request through the application."""
        return self._runner.run(called(self._app, request, self._host))

    def close(self) -> None:
        """Close the data."""
        self._runner.run(self._daeri.close())
        self._runner.close()


async def called(app: ASGIApp, request: Request, host: str) -> Reply:
    """Call an ASGI application once and gather its answer."""
    path, _, query = request.path.partition("?")
    headers = {"Host": host, "Content-Length": str(len(request.content)), **request.headers}
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
        "state": {},
    }
    told: list[Message] = [{"type": "http.request", "body": request.content, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return told.pop(0) if told else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Reply(int(sent[0]["status"]), cast("dict[str, Any]", json.loads(content) if content else {}))
