"""How is a client that shook hands first asked something? Within the stream of its own request (until 2025-11-25).

The newest revision asks in its answers, and so do all tools here; for an older client the same questions are put into
the stream, and the call goes on with what came back. The answer is a request of its own that any server may get: the
handshake's row has it, so whoever asked finds it there.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import anyio
from starlette.types import Message, Send

from daeri.errors import DaeriError, InvalidRequest, NotFound, Refused, Timeout
from daeri.gateway.wire import encode
from daeri.records.actor import Actor
from daeri.runs.handshakes import Handshake, Handshakes
from daeri.wording import Text

SESSION: Final = "mcp-session-id"
LOOK_SECONDS: Final = 0.5
"""How often to look for an answer that another server may have got; one that came here is known at once."""
PATIENCE_SECONDS: Final = 600.0
"""How long a person may take to answer."""
_NEEDED: Final[Mapping[str, str]] = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}

Json = dict[str, Any]
Still = Callable[[], Awaitable[Actor]]
"""Returns who sent a request, as they stand now; raises where what they showed holds no longer."""


class Stream:
    """What is sent in answer to one request, into which more can be said on the way."""

    def __init__(self, send: Send) -> None:
        """Take where it goes."""
        self._send = send
        self._begun = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        """Send on."""
        await self._send(message)
        if message["type"] == "http.response.start":
            self._begun.set()

    async def say(self, message: Json) -> None:
        """Put a message of one's own between the others."""
        await self._begun.wait()
        piece = b"event: message\ndata: " + encode(message) + b"\n\n"
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})


class Answers:
    """Who on this server waits for which answer."""

    def __init__(self, handshakes: Handshakes) -> None:
        """Take the book of handshakes."""
        self.book = handshakes
        self._waiting: dict[str, asyncio.Event] = {}

    async def take(self, actor: Actor, name: str, message: Json) -> None:
        """Take what a client answered.

        Raises:
            InvalidRequest: nobody awaits it of this person.
        """
        question = str(message.get("id"))
        told = {key: message[key] for key in ("result", "error") if isinstance(message.get(key), dict)}
        try:
            await self.book.answer(actor, name, question, told)
        except NotFound:
            raise InvalidRequest(Text("기다리는 답이 아니에요", "Nobody awaits this answer")) from None
        if (event := self._waiting.get(question)) is not None:
            event.set()

    async def of(self, still: Still, name: str, question: str) -> Json:
        """Wait for an answer, wherever it comes in, while the asker is still let in.

        Raises:
            Timeout: none came.
            Unauthenticated: what the asker showed does not hold any more.
        """
        event = self._waiting[question] = asyncio.Event()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    try:
                        found = (await self.book.get(await still(), name)).answers.get(question)
                    except DaeriError as error:
                        if not error.retryable:
                            raise
                        found = None  # the database is away for a moment
                    if found is not None:
                        return dict(found)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await event.wait()
        except TimeoutError:
            raise Timeout from None
        finally:
            del self._waiting[question]


class Talking:
    """One request of a client that shook hands, which can be asked while it waits."""

    def __init__(
        self, still: Still, client: Handshake, answers: Answers, say: Callable[[Json], Awaitable[None]]
    ) -> None:
        """Take what tells who asks as long as they may, with which client, where answers are, how to speak to it."""
        self.client = client
        self._still = still
        self._answers = answers
        self._say = say

    async def ask(self, requests: Mapping[str, Any]) -> Json:
        """Ask everything, one after another as a person answers, and return the results by their names.

        Raises:
            Refused: the client cannot be asked that, or gave no answer.
            Timeout: it answered too late.
            Unauthenticated: the asker is let in no longer.
        """
        return {name: await self._one(request) for name, request in requests.items()}

    async def _one(self, request: Mapping[str, Any]) -> Json:
        method = str(request.get("method"))
        if self.client.capabilities.get(_NEEDED.get(method, "")) is None:
            raise Refused(Text(f"이 클라이언트에는 물을 수 없어요: {method}", f"This client cannot be asked: {method}"))
        question = f"ask_{secrets.token_urlsafe(24)}"
        actor = await self._still()
        await self._answers.book.expect(actor, self.client.id, question)
        try:
            await self._say({"jsonrpc": "2.0", "id": question, **request})
            told = await self._answers.of(self._still, self.client.id, question)
        finally:
            # Whoever was left without an answer awaits it no more, also where the caller has gone.
            with anyio.CancelScope(shield=True), suppress(NotFound):
                await self._answers.book.settle(actor, self.client.id, question)
        if "result" not in told:
            why = str(told.get("error", {}).get("message", ""))[:200]
            raise Refused(Text(f"클라이언트가 답하지 않았어요: {why}", f"The client gave no answer: {why}"))
        return dict(told["result"])
