"""How is a model's reply worded on the wire? OpenAI's chat completions: messages, events, fragments of tool calls.

Here: what goes over the wire and its errors, as values and parsers that do no I/O: bytes in, items out.
Not here: connections, deadlines, repeats (client.py); which model answers (route.py).
"""

import json
import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit

from daeri.errors import ModelUnavailable, Timeout
from daeri.operations.sensitivity import SENSITIVE
from daeri.wording import Text

Json = Mapping[str, Any]

TOOL_CALLS_MAX = 64  # more in one reply is a model that runs away, not a plan
UPSTREAM_CHARACTERS_MAX = 300
CUT_SHORT = frozenset({"length", "content_filter"})


MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in US dollars for a million tokens."""

    input_usd: Decimal
    output_usd: Decimal

    def of(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Return the cost of a reply in US dollars."""
        return (self.input_usd * input_tokens + self.output_usd * output_tokens) / MILLION


@dataclass(frozen=True, slots=True)
class Model:
    """One language model behind an OpenAI-compatible endpoint.

    Attributes:
        name: what Daeri calls it, e.g. "main".
        base_url: up to and with the version, e.g. "https://openrouter.ai/api/v1"; no credentials, no query.
        api_key: sent as a bearer token; "" for local servers that want none. Never in repr.
        model: what the endpoint calls it, e.g. "qwen/qwen3-32b".
        tier: which models are asked first, the lowest number; None = its place among the models that are given.
        weight: how much of its tier's load it takes.
        price: None where it is not known; then a cost is unknown unless the endpoint tells it.
        context: tokens that fit into a request and its reply; None where it is not known.
        at_once: requests of agents that one server sends to it at a time; None = all there are.
        cache_seconds: for how long its replies are remembered; None for not at all.
        structured: whether it takes `response_format` beside tools; others are told in words what form an answer has.
        sees: the sensitive data classes that may be sent to it; what is public or internal always may.
        referer, title: names of this server for OpenRouter's lists; sent only when set.
        extra: further members of each request body, e.g. {"temperature": 0}; None leaves a member out.
        connect_seconds, idle_seconds: without a connection, without a single byte.
        total_seconds: for the whole reply with all repeats.
        reply_bytes_max: of the reply on the wire.
        retry_wait_seconds: before the first repeat when the endpoint names no time; four times that before the second.
        retry_wait_seconds_max: the longest wait that an endpoint's Retry-After can ask for.
    """

    name: str
    base_url: str
    api_key: str = field(repr=False)
    model: str
    _: KW_ONLY
    tier: int | None = None
    weight: float = 1.0
    price: Price | None = None
    context: int | None = None
    at_once: int | None = None
    cache_seconds: float | None = None
    structured: bool = False
    sees: frozenset[str] = frozenset(SENSITIVE)
    referer: str = ""
    title: str = ""
    extra: Json = field(default_factory=dict, hash=False)
    connect_seconds: float = 10
    idle_seconds: float = 60
    total_seconds: float = 300
    reply_bytes_max: int = 8 * 2**20
    retry_wait_seconds: float = 0.25
    retry_wait_seconds_max: float = 20

    def __post_init__(self) -> None:
        """Refuse an address that is none, or that hides a secret where errors and logs would show it."""
        address = urlsplit(self.base_url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise ValueError(f"base_url of model {self.name} must begin with http:// or https:// and name a host")
        if "@" in address.netloc or address.query or address.fragment:
            raise ValueError(f"base_url of model {self.name} must not hold credentials or a query; use api_key")
        if not (self.api_key + self.referer + self.title).isprintable():
            raise ValueError(f"api_key, referer and title of model {self.name} go into headers: no line breaks")


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A complete call that the model asks for; the arguments are a JSON object, not yet checked against any schema."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class InvalidToolCall:
    """A call that cannot be run; the reason is worded for the model, to be sent back for repair.

    Attributes:
        id: usable in messages even if the model gave none or used one twice.
        name: "" if the model named no tool.
        arguments: the text as it came.
        reason: one English sentence.
    """

    id: str
    name: str
    arguments: str
    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the reply used, as the endpoint counts it; the cost in US dollars only if the endpoint tells."""

    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a complete reply, always the last item.

    Attributes:
        reason: the endpoint's word: stop, tool_calls, length, content_filter.
        name: Daeri's name of the model that answered.
        model: the model the endpoint says it used.
    """

    reason: str
    name: str
    model: str


Item = TextDelta | ToolCall | InvalidToolCall | Usage | Finished


class EndpointFailed(ModelUnavailable):
    """One model's endpoint gave no complete reply.

    Attributes:
        model: Daeri's name of the model.
        http_status: what the endpoint answered, None if it did not.
        upstream: the endpoint's own message or the kind of network error, for administrators; without the key.
        repeatable: nothing of a reply had come, so the same request may be sent again.
        wait_seconds: how long the endpoint asks to wait, if it does.
    """

    def __init__(
        self,
        model: Model,
        detail: Text,
        *,
        http_status: int | None = None,
        upstream: str = "",
        repeatable: bool = False,
        wait_seconds: float | None = None,
    ) -> None:
        """Take the model by name only; its key is struck from the endpoint's message."""
        self.model = model.name
        self.http_status = http_status
        self.upstream = _without_key(upstream, model)[:UPSTREAM_CHARACTERS_MAX]
        self.repeatable = repeatable
        self.wait_seconds = wait_seconds
        super().__init__(Text(f"모델 {model.name}: {detail.ko}", f"model {model.name}: {detail.en}"))


class ModelRefused(EndpointFailed):
    """The endpoint understood and said no: key, credit, name of the model or form of the request are wrong."""

    retryable: ClassVar[bool] = False


class ModelTimeout(Timeout):
    """A model took longer than its limits."""

    title = Text("AI 모델이 시간 안에 답하지 않았어요", "The AI model did not answer in time")

    def __init__(self, model: Model, detail: Text) -> None:
        """Take the model by name only."""
        self.model = model.name
        super().__init__(Text(f"모델 {model.name}: {detail.ko}", f"model {model.name}: {detail.en}"))


def assistant_message(text: str, calls: Iterable[ToolCall | InvalidToolCall]) -> dict[str, Any]:
    """Word the model's own turn for the next request; invalid arguments become {}, which every endpoint accepts."""
    asked = [
        {
            "id": call.id,
            "type": "function",
            "function": {
                "name": call.name or "unknown",
                "arguments": json.dumps(call.arguments, ensure_ascii=False) if isinstance(call, ToolCall) else "{}",
            },
        }
        for call in calls
    ]
    return {"role": "assistant", "content": text or None} | ({"tool_calls": asked} if asked else {})


def tool_message(call: ToolCall | InvalidToolCall, content: str) -> dict[str, Any]:
    """Word what came of a call for the next request."""
    return {"role": "tool", "tool_call_id": call.id, "content": content}


class EventLines:
    """Cuts a body of server-sent events into its data payloads, wherever the network cut the bytes."""

    def __init__(self) -> None:
        """Begin with nothing left over."""
        self._rest: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the payloads that this chunk completes; comments, other fields and empty data are left out."""
        if b"\n" not in chunk and b"\r" not in chunk:
            self._rest.append(chunk)
            return []
        lines = b"".join((*self._rest, chunk)).splitlines()
        self._rest = [] if chunk.endswith((b"\n", b"\r")) else [lines.pop()]
        return _payloads(lines)

    def rest(self) -> list[bytes]:
        """Return the payload of a last line that nothing ended."""
        return _payloads([b"".join(self._rest)])


class WholeBody:
    """Holds back a JSON body, which some endpoints send although a stream was asked for."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._body: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Keep the chunk; nothing is complete before the end."""
        self._body.append(chunk)
        return []

    def rest(self) -> list[bytes]:
        """Return the whole body as one payload."""
        return [b"".join(self._body)]


@dataclass(slots=True)
class _Slot:
    """One tool call while its fragments arrive."""

    id: str
    name: str
    arguments: list[str]


class ReplyReader:
    """Turns the payloads of one reply into items; calls leave it only when the whole reply has come."""

    def __init__(self, model: Model) -> None:
        """Begin a reply of this model."""
        self.done = False
        self._model = model
        self._served_by = model.model
        self._reason = ""
        self._usage: Usage | None = None
        self._slots: list[_Slot] = []
        self._slot_at: dict[int | None, _Slot] = {}
        self._half_character = ""

    def read(self, payload: bytes) -> TextDelta | None:
        """Take one payload and return the text in it.

        Raises:
            EndpointFailed: it is no chat completion chunk, or it reports an error.
        """
        if self.done:
            return None
        if payload == b"[DONE]":
            self.done = True
            return None
        try:
            chunk = json.loads(payload.decode())
        except (ValueError, RecursionError):
            raise self._broken(Text("읽을 수 없는 응답을 보냈어요", "sent a reply that is not JSON")) from None
        if not isinstance(chunk, dict):
            raise self._broken(Text("읽을 수 없는 응답을 보냈어요", "sent a reply that is not an object"))
        if error := chunk.get("error"):
            raise _reported(self._model, error)
        self._usage = _usage(chunk.get("usage")) or self._usage
        self._served_by = _string(chunk.get("model")) or self._served_by
        return self._read_choice(next((_dict(choice) for choice in _list(chunk.get("choices"))), {}))

    def _read_choice(self, choice: dict[str, Any]) -> TextDelta | None:
        if error := choice.get("error"):
            raise _reported(self._model, error)
        if choice.get("index") not in (None, 0):
            return None
        delta = _dict(choice.get("delta") or choice.get("message"))
        for fragment in _list(delta.get("tool_calls")):
            self._read_fragment(_dict(fragment))
        self._reason = self._reason or _string(choice.get("finish_reason"))
        text = self._whole_characters(_string(delta.get("content")) or _string(delta.get("refusal")))
        return TextDelta(text) if text else None

    def _read_fragment(self, fragment: dict[str, Any]) -> None:
        function = _dict(fragment.get("function"))
        name, call_id = _string(function.get("name")), _string(fragment.get("id"))
        index = fragment.get("index") if isinstance(fragment.get("index"), int) else None
        slot = self._slot_at.get(index)
        # Some endpoints give no index, or 0 to every call: a name with another id begins another call.
        if slot is None or (name and slot.name and (index is None or (call_id and slot.id and call_id != slot.id))):
            if len(self._slots) == TOOL_CALLS_MAX:
                raise self._broken(Text("한 번에 너무 많은 도구를 불렀어요", "asked for too many calls in one reply"))
            slot = _Slot("", "", [])
            self._slots.append(slot)
            self._slot_at[index] = slot
        slot.id = slot.id or call_id
        slot.name = slot.name or name
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            slot.arguments.append(json.dumps(arguments, ensure_ascii=False))
        else:
            slot.arguments.append(_string(arguments))

    def _whole_characters(self, content: str) -> str:
        """Join a character that came as two escaped surrogates in two pieces; a lone one would break every encoder."""
        text = self._half_character + content
        self._half_character = ""
        try:
            text.encode()
        except UnicodeEncodeError:
            if "\ud800" <= text[-1] <= "\udbff":
                self._half_character, text = text[-1], text[:-1]
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return text

    def finish(self) -> list[Item]:
        """Return what stays to say at the end of the body: calls, usage, Finished.

        Raises:
            EndpointFailed: the body ended before the reply did; no call is handed out then.
        """
        if not self._reason or self._reason == "error":
            raise self._broken(Text("응답이 도중에 끊겼어요", "broke off in the middle of a reply"))
        items: list[Item] = [TextDelta("\ufffd")] if self._half_character else []
        taken: set[str] = set()
        for slot in self._slots:
            items.append(self._call(slot, taken))
            taken.update({slot.id} - {""})
        if self._usage is not None:
            items.append(self._usage)
        items.append(Finished(self._reason, self._model.name, self._served_by))
        return items

    def _call(self, slot: _Slot, taken: set[str]) -> ToolCall | InvalidToolCall:
        text = "".join(slot.arguments)
        fresh = f"call_{secrets.token_hex(8)}"
        call_id = fresh if not slot.id or slot.id in taken else slot.id
        problem = ""
        if not slot.name:
            problem = "The call names no tool."
        elif slot.id in taken:
            problem = "The id of this call was already used in the same reply; ask for the call again."
        elif self._reason in CUT_SHORT:
            problem = f"The reply was cut off ({self._reason}) before its calls were complete; ask for fewer at once."
        try:
            arguments = _parse_arguments(text)
        except (ValueError, TypeError, RecursionError) as error:
            problem = problem or f"The arguments are not a valid JSON object: {error}"
            arguments = {}
        if problem:
            return InvalidToolCall(call_id, slot.name, text, problem)
        return ToolCall(call_id, slot.name, arguments)

    def _broken(self, detail: Text) -> EndpointFailed:
        return EndpointFailed(self._model, detail)


def _reported(model: Model, error: object) -> EndpointFailed:
    """Word an error object that came inside a reply with status 200."""
    code = _dict(error).get("code")
    return EndpointFailed(
        model,
        Text("응답하다가 오류가 났어요", "reported an error in the middle of a reply"),
        http_status=code if isinstance(code, int) else None,
        upstream=_string(_dict(error).get("message")) or _string(error),
    )


def error_message(body: bytes) -> str:
    """Find the sentence in an error's body: OpenAI's form, FastAPI's form, or the text itself."""
    text = body.decode("utf-8", "replace")
    try:
        members = _dict(json.loads(text))
    except (ValueError, RecursionError):
        return text.strip()
    error = members.get("error")
    return _string(_dict(error).get("message")) or _string(error) or _string(members.get("detail"))


def _without_key(text: str, model: Model) -> str:
    return text.replace(model.api_key, "***") if model.api_key else text


def _payloads(lines: Iterable[bytes]) -> list[bytes]:
    found = (line[5:].strip() for line in lines if line.startswith(b"data:"))
    return [payload for payload in found if payload]


def _parse_arguments(text: str) -> dict[str, Any]:
    """Read a call's arguments strictly; what later layers cannot store or hash is no JSON here.

    Raises:
        ValueError: no JSON, or with NaN, infinity or half a character.
        TypeError: not an object.
        RecursionError: nested too deep.
    """
    arguments = json.loads(text.strip() or "{}")  # many models send nothing for a tool without parameters
    if not isinstance(arguments, dict):
        raise TypeError("an object is needed")
    json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    return arguments


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    cost = value.get("cost")
    known = isinstance(cost, int | float) and not isinstance(cost, bool) and math.isfinite(cost) and cost >= 0
    return Usage(
        _count(value.get("prompt_tokens")),
        _count(value.get("completion_tokens")),
        Decimal(str(cost)) if known else None,
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
