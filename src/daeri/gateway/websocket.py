"""How does JSON-RPC travel over a WebSocket? The same methods as POST /rpc, and runs that are followed as they go.

Each message is a call or a batch, answered by its id; several may be under way. Who the caller is, is asked anew for
each message. The connection counts against their limits, and so does each message, well formed or not. What waits to be
read by a slow client is bounded: nothing is produced that cannot be sent. A client is asked every 20 seconds whether it
is still there (a ping) and has 20 to answer: one that fell silent is let go within 40, with code 1011.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter
from pydantic import AliasChoices, Field
from starlette.websockets import WebSocket, WebSocketDisconnect

from daeri.errors import DaeriError, RateLimited, Unauthenticated
from daeri.gateway.bodies import RunNamed
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.jsonrpc import Caller, Count, Dispatcher, Find, Method
from daeri.gateway.lifelines import Cut, Ended, Lifelines, Reason, WhileHeld, end
from daeri.gateway.problems import problem_response
from daeri.gateway.wire import INTEGER_MAX, encode, fitted, language
from daeri.log import bind, new_request_id
from daeri.records.actor import Actor
from daeri.runs.runs import Runs
from daeri.wording import Lang, Text

DOOR: Final = "ws"
PATH: Final = "/ws"
SOCKETS_MAX: Final = 20
"""Connections one person may have open at once: a few browsers with a few pages each."""
CALLS_MAX: Final = 16
"""Messages under way on one connection; the next ones wait until one of these is answered."""
WAITING_MAX: Final = 256 * 1024
"""How much may wait so, in characters; beyond that nothing more is read, not even that the client is still there."""
MESSAGE_WEIGHS: Final = 1024
"""What a message that waits takes beside its text."""
FOLLOWED_MAX: Final = 32
"""Runs one connection may follow at once."""
SEND_SECONDS: Final = 30.0
"""How long a client may take to read what it was sent, before it is taken for gone."""
PING_SECONDS: Final = 20.0
"""How often the server asks whether a client is still there, and how long that may take to answer."""
DRAIN_SECONDS: Final = 1.5
"""How long calls may still take when the server stops."""

GOING_AWAY, UNSUPPORTED, POLICY, RESTARTING = 1001, 1003, 1008, 1012
"""Close codes (RFC 6455 section 7.4.1, and its registry)."""
CODES: Final[Mapping[Reason, int]] = {"gone": GOING_AWAY, "revoked": POLICY, "stopping": RESTARTING}


class Followed(RunNamed):
    """runs.subscribe: a run, the number of the last event that was heard of it, and how many letters of its answer."""

    after: Annotated[
        int,
        Field(
            ge=0, le=INTEGER_MAX, validation_alias=AliasChoices("after", "after_seq"), description="마지막 이벤트 번호"
        ),
    ] = 0
    heard: Annotated[int | None, Field(ge=0, le=INTEGER_MAX, description="이미 들은 답의 글자 수")] = None


class Sockets:
    """The door at /ws."""

    def __init__(self, find: Find, runs: Runs, keeper: Doorkeeper, lines: Lifelines) -> None:
        """Take what finds a method, the runs to follow, who the callers are, and what ends their connections."""
        self._find = find
        self._runs = runs
        self._keeper = keeper
        self._lines = lines
        self._open: Counter[int] = Counter()

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter()
        router.add_websocket_route(PATH, self.serve)
        return router

    async def serve(self, socket: WebSocket) -> None:
        """Take a connection, if its caller may have one, and keep it until either side ends it."""
        lang = language(socket.headers)
        try:
            self._keeper.check_page(socket)
            credential = self._keeper.credential(socket, DOOR)
            actor = await self._keeper.actor_of(credential)
            await self._keeper.count(actor)
            if self._open[actor.person_id] >= SOCKETS_MAX:
                raise RateLimited(
                    Text(
                        f"연결은 한 사람에 {SOCKETS_MAX}개까지예요", f"At most {SOCKETS_MAX} connections for one person"
                    )
                )
        except DaeriError as error:
            await socket.send_denial_response(problem_response(error, lang))
            return
        self._open[actor.person_id] += 1
        try:
            await socket.accept()
            with self._lines.hold(credential) as ended:
                who = partial(self._keeper.actor_of, credential)
                await Session(socket, self._find, self._keeper.count, self._runs, who, ended).run(lang)
        finally:
            self._open[actor.person_id] -= 1
            self._open += Counter()  # forgets those who have none


WhoIsIt = Callable[[], Awaitable[Actor]]


class Session:
    """One connection."""

    def __init__(self, socket: WebSocket, find: Find, count: Count, runs: Runs, who: WhoIsIt, ended: Ended) -> None:
        """Take the socket, the methods, what counts calls and tells who calls, and what ends it all."""
        self._socket = socket
        self._runs = runs
        self._who = who
        self._ended = ended
        self._own = {
            "runs.subscribe": Method(("run_id", "after", "heard"), self._subscribe),
            "runs.unsubscribe": Method(("run_id",), self._unsubscribe),
        }
        self._dispatcher = Dispatcher(lambda name: self._own.get(name) or find(name), count, one_is_counted=False)
        self._places = asyncio.Semaphore(CALLS_MAX)
        self._waiting = 0
        self._room = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._followed: dict[str, asyncio.Task[None]] = {}
        self._to_follow: list[tuple[Actor, Followed]] = []

    async def run(self, lang: Lang) -> None:
        """Read and answer until the client leaves, reads nothing any more, or may not go on."""
        code = GOING_AWAY
        try:
            async with WhileHeld(self._ended):
                code = await self._read(lang)
        except Cut as cut:
            code = CODES[cut.reason]
            if cut.reason == "stopping" and self._calls:
                await asyncio.wait(self._calls, timeout=DRAIN_SECONDS)
        finally:
            tasks = [*self._calls, *self._followed.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._close(code)

    async def _read(self, lang: Lang) -> int:
        """Take messages; return the code to close with."""
        while True:
            while self._waiting > WAITING_MAX:
                self._room.clear()
                await self._room.wait()
            try:
                message = await self._socket.receive()
            except (WebSocketDisconnect, RuntimeError):
                return GOING_AWAY
            if message["type"] == "websocket.disconnect":
                return GOING_AWAY
            text = message.get("text")
            if text is None:
                return UNSUPPORTED
            self._waiting += len(text) + MESSAGE_WEIGHS
            call = asyncio.get_running_loop().create_task(self._in_turn(text, lang))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _in_turn(self, text: str, lang: Lang) -> None:
        async with self._places:
            self._waiting -= len(text) + MESSAGE_WEIGHS
            self._room.set()
            await self._answer(text, lang)

    async def _answer(self, text: str, lang: Lang) -> None:
        request_id = new_request_id()
        bind(request_id=request_id)
        try:
            actor = await self._who()
        except Unauthenticated:
            end(self._ended, "revoked")
            return
        response = await self._dispatcher.handle(text.encode(), Caller(actor, lang, request_id))
        if response is not None:
            await self._send(response)
        while self._to_follow:
            self._follow(*self._to_follow.pop())

    async def _subscribe(self, caller: Caller, params: dict[str, Any]) -> Any:
        """Follow a run from an event on; its events come as notifications after this call's answer."""
        asked = fitted(Followed, params)
        run = await self._runs.get(caller.actor, asked.run_id, caller.lang)
        if len(self._followed) >= FOLLOWED_MAX and asked.run_id not in self._followed:
            raise RateLimited(
                Text(f"한 연결에서 실행 {FOLLOWED_MAX}개까지 볼 수 있어요", f"At most {FOLLOWED_MAX} runs at once")
            )
        self._to_follow.append((caller.actor, asked))
        return {"run_id": asked.run_id, "status": run["status"], "after": asked.after}

    async def _unsubscribe(self, caller: Caller, params: dict[str, Any]) -> Any:
        """Stop following a run."""
        del caller
        followed = self._followed.pop(fitted(RunNamed, params).run_id, None)
        if followed is not None:
            followed.cancel()
        return {"unsubscribed": followed is not None}

    def _follow(self, actor: Actor, asked: Followed) -> None:
        run_id = asked.run_id
        before = self._followed.pop(run_id, None)
        if before is not None:
            before.cancel()
        task = asyncio.get_running_loop().create_task(self._tell(actor, asked))
        self._followed[run_id] = task

        def done(ended: asyncio.Task[None]) -> None:
            if self._followed.get(run_id) is ended:
                del self._followed[run_id]

        task.add_done_callback(done)

    async def _tell(self, actor: Actor, asked: Followed) -> None:
        heard = self._runs.events(actor, asked.run_id, asked.after, asked.heard)
        events = cast("AsyncGenerator[dict[str, Any] | None, None]", heard)
        with suppress(DaeriError):  # the run, or the right to it, is gone: there is nothing more to tell
            async with aclosing(events) as sequence:
                async for event in sequence:
                    if event is not None:
                        await self._send({"jsonrpc": "2.0", "method": "event", "params": event})

    async def _send(self, value: Any) -> None:
        """Send a message; a client who does not read it in time is taken for gone."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_text(encode(value).decode())
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            end(self._ended, "gone")

    async def _close(self, code: int) -> None:
        with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(1):
                await self._socket.close(code)
