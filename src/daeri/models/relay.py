"""May this caller use a model as it is, and what did it use? The raw models behind one service: rule and account.

A relayed reply is passed on as it came; beside the way only its usage is read. Here: who may, what goes upstream, what
is noted. Not here: connections (splice.py), rate limits and the callers' wire (gateway/), agents.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, Final, Literal

from daeri.errors import DaeriError, NotFound, PermissionDenied
from daeri.models.providers import provider_of
from daeri.models.sentences import Embedded, Sentences
from daeri.models.splice import Reply, Splice
from daeri.models.wire import EndpointFailed, Model, ModelRefused, Price, error_message
from daeri.operations.budgets import ANSWER_TOKENS, Budgets, Reservation
from daeri.records.actor import Actor
from daeri.records.usage import Outcome, Use, UseBook
from daeri.tracing import NOTHING, Span, here, within
from daeri.wording import Text

Kind = Literal["chat/completions", "responses", "embeddings"]

SCOPE: Final = "model."
"""What a key's scope must begin with to cover a raw model: "model.*", or "model.openai/gpt-4.1-mini"."""
OFFLINE: Final = "daeri/sentence-encoder"
"""The encoder that needs no endpoint."""
PASSED_ON: Final = frozenset({400, 404, 409, 413, 415, 422, 429})
"""Statuses that tell of the caller's own request; others tell of our key, our credit or the endpoint."""
HELD_MAX: Final = 256 * 1024
"""Bytes of one event that are held back until it is whole; a longer one is passed on in pieces, unread."""

_DOES: Final[Mapping[Kind, str]] = {"chat/completions": "chat", "responses": "chat", "embeddings": "embeddings"}
"""What traces call it."""
_USAGE: Final = re.compile(rb'"usage"(?!\s*:\s*null)')
"""Where a usage is told; many endpoints say "usage":null in every other event."""
_EVENT_END: Final = re.compile(rb"\n\r?\n|\r\r")
_NO_COUNT: Final = (0, 0)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class RelayRefused(ModelRefused):
    """The endpoint refused the caller's request; its status and words are the caller's to see."""


class Meter:
    """Lets a streamed reply through and reads its usage; drops the usage event that only Daeri asked for."""

    __slots__ = ("_drops_usage", "_held", "counted", "events")

    def __init__(self, *, drops_usage: bool) -> None:
        """Begin a stream; `drops_usage` when its caller did not ask for the usage event."""
        self.counted: tuple[int, int] = _NO_COUNT
        self.events = 0
        self._drops_usage = drops_usage
        self._held = b""

    def through(self, piece: bytes) -> bytes:
        """Return what goes to the caller now: nearly always the very piece."""
        data = self._held + piece
        named = data.find(b'"usage"')
        if named < 0 and data.endswith(b"\n\n"):
            self._held = b""
            self.events += data.count(b"\n\n")
            return data
        if b"\r" in data:
            return self._looked_at(data)
        told = _USAGE.search(data, named) if named >= 0 else None
        plain, end, _ = data[: told.start() if told else len(data)].rpartition(b"\n\n")
        plain += end
        self.events += plain.count(b"\n\n")
        return plain + self._looked_at(data[len(plain) :])

    def rest(self) -> bytes:
        """Return what was held back: an event that never became whole, or a reply that is no stream after all."""
        held, self._held = self._held, b""
        if held:
            self.counted = _counts(_object(held)) or self.counted
        return held

    def _looked_at(self, data: bytes) -> bytes:
        passed, start = [], 0
        for end in _EVENT_END.finditer(data):
            event = data[start : end.end()]
            start = end.end()
            self.events += 1
            if not _USAGE.search(event) or not self._is_ours(event):
                passed.append(event)
        self._held = data[start:]
        if len(self._held) > HELD_MAX:
            passed.append(self.rest())
        return b"".join(passed)

    def _is_ours(self, event: bytes) -> bool:
        """Read an event with usage; say whether it holds nothing else and its caller did not ask for it."""
        lines = (line[5:] for line in event.splitlines() if line.startswith(b"data:"))
        body = _object(b"\n".join(lines))
        self.counted = _counts(body) or self.counted
        return self._drops_usage and body.get("choices") == [] and isinstance(body.get("usage"), dict)


@dataclass(slots=True)
class Passage:
    """A relayed reply on its way, to be closed by whoever passes it on.

    Attributes:
        meter: for a streamed reply; None for one that is read whole.
    """

    reply: Reply
    meter: Meter | None
    reservation: Reservation
    price: Price | None = None
    asked: Span = NOTHING

    @property
    def media_type(self) -> str:
        """What the endpoint says the body is."""
        return self.reply.headers.get("content-type", "application/json")

    async def whole(self) -> bytes:
        """Return the body of a reply that does not stream.

        Raises:
            EndpointFailed, ModelTimeout: it does not come to its end.
        """
        body = await self.reply.whole()
        self._count(_counts(_object(body)) or _NO_COUNT)
        return body

    def close(self, outcome: Outcome) -> None:
        """End it, here and at the model, and note what was used."""
        self.reply.close()
        if self.meter is not None:
            # A stream that was cut has told no usage: about one token for each event is close enough to account for.
            self._count(self.meter.counted if any(self.meter.counted) else (0, self.meter.events))
        self.reservation.end(outcome)
        if outcome == "failed":
            self.asked.fail(outcome)
        self.asked.end()

    def _count(self, counted: tuple[int, int]) -> None:
        self.asked.note(gen_ai__usage__input_tokens=counted[0], gen_ai__usage__output_tokens=counted[1])
        self.reservation.came_to(*counted, self.price.of(*counted) if self.price else None)


class RawModels:
    """The models that may be used as they are."""

    def __init__(self, models: Sequence[Model], embedders: Sequence[Model], book: UseBook, budgets: Budgets) -> None:
        """Take the models for text and those for embeddings, where use is noted, and how much there may be of it."""
        self._models: Mapping[bool, Mapping[str, Model]] = {
            False: {model.name: model for model in models},
            True: {model.name: model for model in embedders},
        }
        self._book = book
        self._budgets = budgets
        self._splice = Splice()
        self._sentences = Sentences()

    @property
    def embeds_offline(self) -> bool:
        """Whether Daeri makes embeddings itself, as no endpoint is configured for them."""
        return not self._models[True]

    def offered(self, actor: Actor) -> list[str]:
        """Return the names of the models this caller may use."""
        names = [name for models in self._models.values() for name in models]
        return [name for name in (*names, *((OFFLINE,) if self.embeds_offline else ())) if may_use(actor, name)]

    def has(self, name: str, kind: Kind) -> bool:
        """Say whether there is such a model for this kind of request, whoever asks."""
        return name in self._models[kind == "embeddings"]

    async def close(self) -> None:
        """Close connections and write what is not yet written."""
        self._splice.close()
        self._sentences.close()
        await self._book.close()

    async def ask(self, actor: Actor, name: str, kind: Kind, sent: Mapping[str, Any]) -> Passage:
        """Send a request on as its caller worded it, and return the reply once it begins.

        Raises:
            NotFound: no such model.
            PermissionDenied: the caller's key does not name it in its scopes.
            BudgetExceeded: what may be spent is spent.
            RelayRefused: the endpoint refused the request itself.
            EndpointFailed, ModelTimeout: no reply.
        """
        model = self._models[kind == "embeddings"].get(name)
        if model is None:
            raise NotFound(Text(f"'{name}' 모델은 없어요.", f"There is no model '{name}'."))
        usd = model.price.of(0, ANSWER_TOKENS) if model.price else None
        reservation = await self._budgets.begin(self._permitted(actor, name), actor, usd=usd)
        streams = sent.get("stream") is True
        does = _DOES[kind]
        who = provider_of(model.base_url)
        asked_of = {"gen_ai__operation__name": does, "gen_ai__request__model": name, "gen_ai__provider__name": who}
        span = here().begin(f"{does} {name}", "client", **asked_of)
        try:
            with within(span):
                reply = await self._answered(model, kind, sent)
        except BaseException as error:
            span.fail(error.code if isinstance(error, DaeriError) else type(error).__name__)
            span.end()
            reservation.end("failed" if isinstance(error, DaeriError) else "cancelled")
            raise
        asked = sent.get("stream_options")
        wants_usage = kind != "chat/completions" or (isinstance(asked, dict) and asked.get("include_usage") is True)
        meter = Meter(drops_usage=not wants_usage) if streams else None
        return Passage(reply, meter, reservation, model.price, span)

    async def _answered(self, model: Model, kind: Kind, sent: Mapping[str, Any]) -> Reply:
        reply = await self._splice.ask(model, f"/{kind}", _body(model, kind, sent))
        if reply.status != HTTPStatus.OK:
            raise await _refusal(model, reply)
        return reply

    async def embed(self, actor: Actor, texts: Sequence[str]) -> Embedded:
        """Turn texts into vectors here, without any endpoint.

        Raises:
            PermissionDenied: the caller's key does not name the encoder in its scopes.
        """
        use = self._permitted(actor, OFFLINE)
        embedded = await self._sentences.embed(texts)
        self._book.note(use._replace(input_tokens=embedded.tokens, cost_usd=Decimal(0)))
        return embedded

    def _permitted(self, actor: Actor, name: str) -> Use:
        use = self._book.begin(actor, name)
        if may_use(actor, name):
            return use
        self._book.note(use._replace(outcome="refused"))
        raise PermissionDenied(
            Text(
                f"이 키로는 모델을 그대로 쓸 수 없어요. 키에 {SCOPE}{name} 범위가 필요해요",
                f"This key may not use models as they are; it needs the scope {SCOPE}{name}",
            )
        )


def may_use(actor: Actor, name: str) -> bool:
    """Say whether a credential covers a raw model: denied unless every limit of it says "model." in so many words."""
    wanted = SCOPE + name
    return bool(actor.scopes) and all(
        any(pattern.startswith(SCOPE) and fnmatchcase(wanted, pattern) for pattern in scope) for scope in actor.scopes
    )


def _body(model: Model, kind: Kind, sent: Mapping[str, Any]) -> bytes:
    members = {**model.extra, **sent, "model": model.model}
    if kind == "chat/completions" and sent.get("stream") is True:
        asked = sent.get("stream_options")
        members["stream_options"] = {**(asked if isinstance(asked, dict) else {}), "include_usage": True}
    return _ENCODER.encode(members).encode()


async def _refusal(model: Model, reply: Reply) -> EndpointFailed:
    try:
        said = error_message(await reply.whole())
    finally:
        reply.close()
    status = reply.status
    told = Text(f"HTTP {status} 오류로 답했어요", f"answered with HTTP status {status}")
    if status not in PASSED_ON:
        return EndpointFailed(model, told, http_status=status, upstream=said)
    wait = reply.headers.get("retry-after", "")
    seconds = float(wait) if wait.isascii() and wait.isdigit() else None
    return RelayRefused(model, told, http_status=status, upstream=said, wait_seconds=seconds)


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _counts(body: Mapping[str, Any]) -> tuple[int, int] | None:
    """Find the usage of chat completions, of embeddings, or of a response and its last event."""
    inner = body.get("response")
    usage = body.get("usage") or (inner.get("usage") if isinstance(inner, dict) else None)
    if not isinstance(usage, dict):
        return None
    return (
        _whole_number(usage.get("prompt_tokens", usage.get("input_tokens"))),
        _whole_number(usage.get("completion_tokens", usage.get("output_tokens"))),
    )


def _whole_number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0
