"""What would a language model send? A scripted OpenAI-compatible server over real HTTP and server-sent events.

    async with ModelServer() as server:
        server.when("휴가", calls(Asked("leave.balance", {"employee": 12})), says("7.5일 남았어요."))
        ...  # point a client at server.base_url; read server.requests afterwards

Here: scripts of replies, good and bad, and the server that plays them. Nothing here decides like a model does, except
for `obeys`: what a model sends that believes everything it reads.
"""

import asyncio
import json
import re
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from aiohttp import web

SHUTDOWN_SECONDS = 0.5  # replies that stay silent for ever must not hold up the end of a test
MESSAGE_BYTES_MAX = 64 * 2**20
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings")


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes of the body at once."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before the next step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Send nothing more and keep the connection until the client leaves."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Reset the connection in the middle of the reply."""


Step = Send | Pause | Silence | Drop


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted reply: the steps of its body, its status and headers. The methods return changed copies."""

    steps: tuple[Step, ...]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream; charset=utf-8"})

    @property
    def body(self) -> bytes:
        """All bytes that the steps send."""
        return b"".join(step.data for step in self.steps if isinstance(step, Send))

    def in_pieces(self, size: int) -> Self:
        """Send the same bytes in pieces of this size, through the middle of lines and characters."""
        body = self.body
        return replace(self, steps=tuple(Send(body[at : at + size]) for at in range(0, len(body), size)))

    def cut(self, at: int, then: Step | None = None) -> Self:
        """Send only the first `at` bytes, then end the body, or `then` Drop() or Silence()."""
        return replace(self, steps=(Send(self.body[:at]), *((then,) if then else ())))

    def slowly(self, seconds: float) -> Self:
        """Pause before every step, as a model does between tokens."""
        return replace(self, steps=tuple(each for step in self.steps for each in (Pause(seconds), step)))

    def with_keep_alives(self) -> Self:
        """Put the comments between the events that OpenRouter sends while a model is busy."""
        comment = Send(b": OPENROUTER PROCESSING\n\n")
        return replace(self, steps=tuple(each for step in self.steps for each in (comment, step)))

    def with_crlf(self) -> Self:
        """End every other line with CRLF and leave the others as they are."""
        lines = self.body.split(b"\n")
        mixed = b"".join(line + (b"\r\n", b"\n")[number % 2] for number, line in enumerate(lines[:-1]))
        return replace(self, steps=(Send(mixed + lines[-1]),))


@dataclass(frozen=True, slots=True)
class Asked:
    """A tool call for the model to ask for; `arguments` may be text, to be sent as it is, however wrong."""

    name: str
    arguments: Mapping[str, Any] | str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """The usage a reply reports; no cost is reported if it is None."""

    input_tokens: int = 11
    output_tokens: int = 7
    cost_usd: float | None = None


def event(payload: Mapping[str, Any]) -> Send:
    """Write one server-sent event; Korean text stays UTF-8, so that pieces can cut through it."""
    return Send(b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n")


def chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> Send:
    """Write one chat completion chunk with this delta."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "scripted", "choices": [choice]})


def stream(*deltas: Mapping[str, Any], finish_reason: str | None = "stop", spent: Spent | None = None) -> Reply:
    """Send these deltas, the finish reason (None leaves it out), the usage and [DONE]."""
    used = spent or Spent()
    usage = _usage(used)
    if used.cost_usd is not None:
        usage["cost"] = used.cost_usd
    steps = [chunk({"role": "assistant", "content": ""}), *(chunk(delta) for delta in deltas)]
    if finish_reason is not None:
        steps.append(chunk({}, finish_reason))
    steps.append(event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage}))
    return Reply((*steps, Send(b"data: [DONE]\n\n")))


def _usage(spent: Spent) -> dict[str, Any]:
    total = spent.input_tokens + spent.output_tokens
    return {"prompt_tokens": spent.input_tokens, "completion_tokens": spent.output_tokens, "total_tokens": total}


def says(text: str, *, characters: int = 3, finish_reason: str = "stop", spent: Spent | None = None) -> Reply:
    """Answer with this text, some characters in each chunk."""
    pieces = (text[at : at + characters] for at in range(0, len(text), characters))
    return stream(*({"content": piece} for piece in pieces), finish_reason=finish_reason, spent=spent)


def calls(
    *asked: Asked,
    characters: int = 5,
    interleaved: bool = False,
    text: str = "",
    finish_reason: str = "tool_calls",
    spent: Spent | None = None,
) -> Reply:
    """Ask for these calls, their arguments in fragments; interleaved: a fragment of each call in turn."""
    streams = [list(_fragments(index, call, characters)) for index, call in enumerate(asked)]
    if interleaved:
        longest = max(len(fragments) for fragments in streams)
        order = [fragments[turn] for turn in range(longest) for fragments in streams if turn < len(fragments)]
    else:
        order = [fragment for fragments in streams for fragment in fragments]
    spoken = [{"content": text}] if text else []
    fragments = ({"tool_calls": [fragment]} for fragment in order)
    return stream(*spoken, *fragments, finish_reason=finish_reason, spent=spent)


def fails(status: int, message: str = "scripted failure", *, retry_after: str | None = None) -> Reply:
    """Answer with an error status and OpenAI's error body."""
    headers = {"Content-Type": "application/json"} | ({} if retry_after is None else {"Retry-After": retry_after})
    body = json.dumps({"error": {"message": message, "type": "scripted", "code": status}}).encode()
    return Reply((Send(body),), status, headers)


def fails_midway(text: str, message: str = "scripted failure", code: int = 502) -> Reply:
    """Begin to answer, then report an error inside the stream, as OpenRouter does."""
    return Reply((chunk({"content": text}), event({"error": {"code": code, "message": message}, "choices": []})))


def silent() -> Reply:
    """Accept the request and never send anything, not even headers."""
    return Reply((Silence(),))


def drops() -> Reply:
    """Reset the connection before the first byte."""
    return Reply((Drop(),))


def raw(body: bytes, content_type: str = "text/event-stream") -> Reply:
    """Send exactly these bytes."""
    return Reply((Send(body),), headers={"Content-Type": content_type})


def whole(payload: Mapping[str, Any]) -> Reply:
    """Answer with one JSON object, as for a request that does not stream."""
    return raw(json.dumps(payload, ensure_ascii=False).encode(), "application/json")


def completion(text: str, spent: Spent | None = None, **message: Any) -> Reply:
    """Answer with a whole chat completion."""
    used = spent or Spent()
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, **message},
        "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
    }
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "scripted"}
    return whole({**head, "choices": [choice], "usage": _usage(used)})


@dataclass(slots=True)
class Received:
    """A request as the server got it.

    Attributes:
        client_port: the same for requests over one kept connection.
        left: set when the client hung up before the reply was complete.
    """

    headers: Mapping[str, str]
    body: dict[str, Any]
    client_port: int
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def last_text(self) -> str:
        """The text of the last message with text, whoever wrote it."""
        texts = [message.get("content") for message in self.body.get("messages", [])]
        return next((text for text in reversed(texts) if isinstance(text, str)), "")

    @property
    def last_question(self) -> str:
        """The text of the last message of the user."""
        asked = [m.get("content") for m in self.body.get("messages", []) if m.get("role") == "user"]
        asked.append(self.body.get("input"))
        return next((text for text in reversed(asked) if isinstance(text, str)), "")


Decide = Callable[[Received], Reply]
_ORDER = re.compile(r"CALL (\w+)\((\{.*?\})\)")


def obeys(received: Received) -> Reply:
    """Carry out every order that stands anywhere in the conversation, once each: `CALL leave__request({"days": 2})`.

    Whoever wrote it is believed, and what stands around it is not looked at; so whatever holds an agent back from a
    planted order, it is not its model.
    """
    messages = received.body.get("messages", [])
    asked = [call["function"] for message in messages for call in message.get("tool_calls") or ()]
    done = [(call["name"], json.loads(call["arguments"])) for call in asked]
    said = "\n".join(str(message.get("content") or "").replace('\\"', '"') for message in messages)
    orders = [Asked(name, json.loads(arguments)) for name, arguments in dict.fromkeys(_ORDER.findall(said))]
    left = [order for order in orders if (order.name, order.arguments) not in done]
    return calls(left[0]) if left else says("시키는 대로 했어요.")


class ModelServer:
    """Plays scripted replies at /v1/chat/completions, /v1/responses and /v1/embeddings on a free port of loopback.

    Attributes:
        requests: every such request in order of arrival, also refused ones.
        arrived: notified at each request; `await server.request(0)` waits on it.
    """

    def __init__(self, *, api_key: str | None = None) -> None:
        """Ask for this bearer token, or for none; a wrong one is answered 401 with the key told back, as some do."""
        self.requests: list[Received] = []
        self.arrived = asyncio.Condition()
        self._api_key = api_key
        self._scripts: list[tuple[str, list[Reply] | Decide]] = []
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """The address to give to a client, with /v1."""
        return f"http://127.0.0.1:{self._port}/v1"

    def when(self, text: str, *replies: Reply) -> None:
        """Play these replies, one a request, when the user's last message contains the text.

        The last one is played again and again. Scripts given later are tried first; "" fits every message.
        """
        if not replies:
            raise ValueError("a script needs at least one reply")
        self._scripts.insert(0, (text, list(replies)))

    def decides(self, decide: "Decide") -> None:
        """Let a function make the reply to whatever is asked, from the request."""
        self._scripts.insert(0, ("", decide))

    def always(self, *replies: Reply) -> None:
        """Play these replies whatever is asked."""
        self.when("", *replies)

    async def request(self, number: int) -> Received:
        """Wait for the request of this number, from 0, and return it."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) > number)
        return self.requests[number]

    async def __aenter__(self) -> Self:
        """Listen."""
        application = web.Application(client_max_size=MESSAGE_BYTES_MAX)
        for path in PATHS:
            application.router.add_post(path, self._chat)
        application.router.add_get("/v1/models", self._list_models)
        self._runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and hang up."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _list_models(self, _: web.Request) -> web.Response:
        models = [{"id": "scripted", "object": "model", "created": 0, "owned_by": "daeri"}]
        return web.json_response({"object": "list", "data": models})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peername") if request.transport is not None else ("", 0)
        received = Received(dict(request.headers), await request.json(), peer[1])
        async with self.arrived:
            self.requests.append(received)
            self.arrived.notify_all()
        sent_key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        reply = self._script_for(received)
        if self._api_key is not None and sent_key != self._api_key:
            reply = fails(401, f"Incorrect API key provided: {sent_key}.")
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        try:
            for step in reply.steps:
                await _play(step, request, response)
            if not response.prepared:
                await response.prepare(request)
            await response.write_eof()
        except (asyncio.CancelledError, ConnectionError):
            received.left.set()
            raise
        return response

    def _script_for(self, received: Received) -> Reply:
        question = received.last_question
        for text, replies in self._scripts:
            if text in question:
                if callable(replies):
                    return replies(received)
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return fails(400, f"no script fits: {question}")


async def _play(step: Step, request: web.Request, response: web.StreamResponse) -> None:
    match step:
        case Send(data):
            if not response.prepared:
                await response.prepare(request)
            await response.write(data)
            await asyncio.sleep(0)  # a client in the same loop sees each piece by itself
        case Pause(seconds):
            await asyncio.sleep(seconds)
        case Silence():
            await asyncio.Event().wait()
        case Drop():
            if request.transport is not None:
                reset_at_close = struct.pack("ii", 1, 0)
                request.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, reset_at_close
                )
                request.transport.abort()
            raise ConnectionResetError("scripted")


def _fragments(index: int, call: Asked, characters: int) -> Sequence[dict[str, Any]]:
    """Cut one call as OpenAI does: the first fragment has id and name, the others only pieces of the arguments."""
    text = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments, ensure_ascii=False)
    call_id = call.id or f"call_{index}"
    first = {"index": index, "id": call_id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    pieces = [text[at : at + characters] for at in range(0, len(text), characters)]
    return [first, *({"index": index, "function": {"arguments": piece}} for piece in pieces)]
