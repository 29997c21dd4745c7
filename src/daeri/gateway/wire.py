"""How do bytes become values, and values bytes? JSON both ways, bodies, queries, conditional headers, languages.

Strict where readers could disagree: one meaning for each body, bounded depth, no numbers that JSON does not have.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from daeri.errors import DaeriError, FieldError, InvalidRequest, ValidationFailed
from daeri.gateway.refusals import UnsupportedMediaType
from daeri.operations.misfits import misfits
from daeri.wording import Lang, Text

JSON_BLANK: Final = b" \t\r\n"
"""What JSON calls white space (RFC 8259); a form feed is none."""
DEPTH_MAX: Final = 32
"""Levels of a body; the deepest input schema of an operation stays far below."""
INTEGER_MAX: Final = 2**63 - 1
"""The largest integer a database takes; larger ones are refused at the door."""
KEY_MAX: Final = 255
KEY_PATTERN: Final = rf"^[!-~]{{1,{KEY_MAX}}}$"
"""What an Idempotency-Key may be: printable ASCII without spaces."""

M = TypeVar("M", bound=BaseModel)
MARK_OCTETS: Final = 12
_SUSPECT: Final = re.compile(rb"\\u[dD][89a-fA-F]|\d{%d}" % len(str(INTEGER_MAX)))
"""Half a surrogate pair, or an integer that may be too large."""
_MARK: Final = re.compile(rf"-h[0-9a-f]{{{2 * MARK_OCTETS}}}\Z")
_TAG: Final = re.compile(r'(?:W/)?"(?P<quoted>[^"]*)"|(?P<bare>\d+)')


class Sent(BaseModel):
    """The base of bodies and parameters: unknown members are refused, types are not bent."""

    model_config = ConfigDict(extra="forbid", strict=True)


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class Unreadable(InvalidRequest):
    """The bytes are not JSON, or not JSON that every reader reads alike."""

    rpc_code = -32700


def encode(value: Any) -> bytes:
    """Write a value as compact JSON in UTF-8."""
    return _ENCODER.encode(value).encode()


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a value as JSON."""
    return Response(encode(value), status, headers=headers, media_type="application/json")


def decode(body: bytes) -> Any:
    """Read JSON.

    Raises:
        Unreadable: not UTF-8, not JSON, too deep, a member twice, or a number or text that no JSON reader shares.
    """
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Unreadable(Text(f"JSON이 아니에요: {error}", f"Not JSON: {error}")) from None
    if _is_suspect(body):
        _check(value)
    return value


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is not a JSON number"
    raise ValueError(msg)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        msg = "a number is out of range"
        raise ValueError(msg)
    return number


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        msg = "a member is named twice"
        raise ValueError(msg)
    return members


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique)


def _is_suspect(body: bytes) -> bool:
    """Say whether a walk could find anything; most bodies show by their bytes alone that it could not."""
    return body.count(b"{") + body.count(b"[") >= DEPTH_MAX or _SUSPECT.search(body) is not None


def _too_deep() -> Unreadable:
    return Unreadable(Text(f"{DEPTH_MAX}단계보다 깊은 JSON이에요", f"JSON deeper than {DEPTH_MAX} levels"))


def _check(value: Any) -> None:
    """Walk a decoded value without recursion."""
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                below += item.keys()
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif isinstance(item, int) and not -INTEGER_MAX <= item <= INTEGER_MAX:
                raise Unreadable(Text("정수가 너무 커요", "An integer is too large"))
        if not below:
            return
        level = below
    raise _too_deep()


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unreadable(Text("짝이 없는 서로게이트 문자가 있어요", "A text holds a lone surrogate")) from None


async def read_json(request: Request) -> bytes:
    """Read a body that may be JSON; the caller decodes it.

    Raises:
        UnsupportedMediaType: it says that it is something else.
    """
    body = await request.body()
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if body and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType
    return body


async def read_object(request: Request) -> dict[str, Any]:
    """Read a body that is one JSON object; an empty body is an empty object.

    Raises:
        UnsupportedMediaType: it is no JSON.
        Unreadable: see decode.
        InvalidRequest: JSON, but no object.
    """
    body = await read_json(request)
    value = decode(body) if body.strip(JSON_BLANK) else {}
    if not isinstance(value, dict):
        raise InvalidRequest(Text("본문은 JSON 객체여야 해요", "The body must be a JSON object"))
    return value


def again(body: bytes, receive: Receive, state: dict[str, Any]) -> Receive:
    """Give a body that was read already, then what comes after it; note when it was the client that left."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            message = await receive()
            state["gone"] = message["type"] == "http.disconnect"
            return message
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def fitted(model: type[M], sent: Mapping[str, Any]) -> M:
    """Return what was sent as the model that describes it.

    Raises:
        ValidationFailed: with a pointer for each member that does not fit.
    """
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise ValidationFailed(errors=misfits(error)) from None


def language(headers: Mapping[str, str]) -> Lang:
    """Choose Korean or English by Accept-Language; Korean where it asks for neither."""
    best: Lang = "ko"
    weight = 0.0
    for part in headers.get("accept-language", "").split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        quality = _quality(parameter)
        lang = _known(tag)
        if lang is not None and quality > weight:
            best, weight = lang, quality
    return best


def _known(tag: str) -> Lang | None:
    primary = tag.strip().lower().split("-")[0]
    if primary == "en":
        return "en"
    return "ko" if primary == "ko" else None


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    return float(value) if re.fullmatch(r"[01](\.\d{0,3})?", value) else 0.0


def idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key.

    Raises:
        InvalidRequest: it is empty, too long or not printable.
    """
    return checked_key(request.headers.get("idempotency-key"))


def checked_key(key: str | None) -> str | None:
    """Return an idempotency key, however it came.

    Raises:
        InvalidRequest: it is empty, too long or not printable.
    """
    if key is not None and not re.fullmatch(KEY_PATTERN, key):
        raise InvalidRequest(
            Text(
                f"Idempotency-Key는 공백 없는 ASCII {KEY_MAX}자까지예요",
                f"Idempotency-Key takes up to {KEY_MAX} printable ASCII characters without spaces",
            )
        )
    return key


def marked(version: str, digest: str) -> str:
    """Return the tag of a content, behind its version where it has one."""
    return f"{version}-h{digest}" if version else f"h{digest}"


def versions(header: str | None) -> list[str] | None:
    """Return the versions that an If-Match names, whatever content they were read with; None for any."""
    named = tags(header)
    return None if named is None else [_MARK.sub("", tag) for tag in named]


def tags(header: str | None) -> list[str] | None:
    """Return the tags that an If-Match or If-None-Match names, weak ones like strong ones; None for any."""
    if header is None or header.strip() == "*":
        return None
    return [found["quoted"] or found["bare"] or "" for found in _TAG.finditer(header)]


def _invalid(name: str, detail: Text) -> DaeriError:
    told = Text(f"{name}: {detail.ko}", f"{name}: {detail.en}")
    return ValidationFailed(told, errors=[FieldError(f"/{name}", detail.en)])


class Query:
    """The query of a request, of which every parameter is known: a misspelt one is refused, not passed over."""

    def __init__(self, request: Request, *known: str, passed: Collection[str] = ()) -> None:
        """Take the request, the parameters it may have, and those that someone else reads.

        Raises:
            ValidationFailed: an unknown parameter, or one that stands twice.
        """
        self._values: dict[str, str] = {}
        for name, value in request.query_params.multi_items():
            if name in passed:
                continue
            if name not in known:
                takes = ", ".join(known) or "-"
                raise _invalid(name[:60], Text(f"모르는 매개변수예요 ({takes})", f"unknown parameter; known: {takes}"))
            if name in self._values:
                raise _invalid(name, Text("두 번 적혀 있어요", "stands twice"))
            self._values[name] = value

    def text(self, name: str) -> str | None:
        """Return a parameter as it is, None where it is missing or empty."""
        return self._values.get(name) or None

    def word(self, name: str) -> str | None:
        """Return a parameter that is one of some words, or a day; None where it is missing. Its reader knows which.

        Raises:
            ValidationFailed: it is empty.
        """
        value = self._values.get(name)
        if value == "":
            raise _invalid(name, Text("비어 있어요", "is empty"))
        return value

    def integer(self, name: str, default: int, *, least: int = 1) -> int:
        """Return a whole number.

        Raises:
            ValidationFailed: it is not one, or below `least`.
        """
        value = self._values.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"\d{1,19}", value, re.ASCII) or not least <= int(value) <= INTEGER_MAX:
            raise _invalid(name, Text(f"{least} 이상의 정수여야 해요", f"must be an integer of at least {least}"))
        return int(value)

    def seconds(self, name: str, most: float) -> float:
        """Return a length of time, 0 where it is missing, `most` where it is longer.

        Raises:
            ValidationFailed: it is not a number of seconds.
        """
        value = self._values.get(name, "0")
        if not re.fullmatch(r"\d{1,20}(\.\d{1,20})?([eE]\+?\d{1,3})?", value, re.ASCII):
            raise _invalid(name, Text("초 단위의 수여야 해요", "must be a number of seconds"))
        return min(float(value), most)

    def flag(self, name: str) -> bool:
        """Return a switch, off where it is missing.

        Raises:
            ValidationFailed: it is neither true nor false.
        """
        value = self._values.get(name, "false")
        if value not in ("true", "false", "1", "0"):
            raise _invalid(name, Text("true 또는 false예요", "must be true or false"))
        return value in ("true", "1")
