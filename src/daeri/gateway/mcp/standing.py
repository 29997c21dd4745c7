"""What does a client that shook hands first hear without asking? One standing stream (GET /mcp, until 2025-11-25).

It looks every few seconds, as the caller it is: whose tools or prompts are others now, and whether what is watched has
changed. Each client opens one whether it listens or not, so it looks less often than a stream that was asked for what
it tells (`listen.py`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.requests import Request

from daeri.errors import DaeriError, NotFound
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp.prompts import Prompts
from daeri.gateway.mcp.resources import Resources
from daeri.gateway.mcp.tools import Tools
from daeri.gateway.wire import encode
from daeri.runs.handshakes import Handshakes

LOOK_SECONDS: Final = 3.0
GONE: Final = "gone"
PING: Final = b": ping\n\n"
STREAMS_MAX: Final = 256
EACH_MAX: Final = 32
"""Streams of one person: whose clients never leave takes no place from the others."""

Lists = tuple[tuple[str, ...], tuple[str, ...]]


class Standing:
    """Serves the streams."""

    def __init__(
        self, tools: Tools, prompts: Prompts, resources: Resources, book: Handshakes, keeper: Doorkeeper
    ) -> None:
        """Take what is told of, what the clients watch, and who checks the credential again."""
        self._tools = tools
        self._prompts = prompts
        self._resources = resources
        self._book = book
        self._keeper = keeper
        self._open: Counter[int] = Counter()

    def has_room(self, person: int) -> bool:
        """Say whether one more of a person's may be open: each is looked after every few seconds."""
        return self._open.total() < STREAMS_MAX and self._open[person] < EACH_MAX

    async def pieces(self, request: Request, caller: Caller, name: str) -> AsyncGenerator[bytes, None]:
        """Tell what changes, until the credential or the handshake ends."""
        person = caller.actor.person_id
        self._open[person] += 1
        lists, marks = self.lists(caller), dict[str, str]()
        try:
            yield PING
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                try:
                    caller = Caller(await self._keeper.still(request, caller.actor.door), caller.lang)
                    watched = (await self._book.get(caller.actor, name)).uris
                    now = {uri: await self.mark(caller, uri) for uri in watched}
                except DaeriError as error:
                    if error.retryable:  # the database is busy for a moment
                        continue
                    return
                # What was not looked at here before may have changed since it was named.
                changed = [uri for uri in now if marks.get(uri, watched[uri]) != now[uri]]
                before, lists, marks = lists, self.lists(caller), now
                yield b"".join([*map(_updated, changed), *_listed(before, lists)]) or PING
        finally:
            self._open -= Counter([person])

    def lists(self, caller: Caller) -> Lists:
        """Return the names of the caller's tools and prompts, which follow from what they may do."""
        tools = self._tools.of(caller.actor, caller.lang)
        return tuple(tool["name"] for tool in tools), tuple(each["name"] for each in self._prompts.listed(caller))

    async def mark(self, caller: Caller, uri: str) -> str:
        """Return what changes when that which is at an address does."""
        try:
            return await self._resources.mark(caller, uri)
        except NotFound:
            return GONE


def _updated(uri: str) -> bytes:
    return _news("notifications/resources/updated", {"uri": uri})


def _listed(before: Lists, now: Lists) -> list[bytes]:
    whose = zip(("tools", "prompts"), before, now, strict=True)
    return [_news(f"notifications/{what}/list_changed") for what, old, new in whose if old != new]


def _news(method: str, params: dict[str, Any] | None = None) -> bytes:
    told = {"jsonrpc": "2.0", "method": method} | ({"params": params} if params else {})
    return b"event: message\ndata: " + encode(told) + b"\n\n"
