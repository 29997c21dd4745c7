"""How is an HTTP service called? Values encoded so that they stay values, addresses by weight and health, bounded.

A request goes to the operator's addresses and nowhere else: redirects are not followed, no proxy or cookie is used.
What was certainly not sent is told apart from what may have had its effect, for an effect must never happen twice.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from random import Random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog

from daeri.errors import FieldError, ValidationFailed
from daeri.log import HOPS, hops, trace_headers
from daeri.models.route import Health, Retries
from daeri.outbound.certificates import certificates
from daeri.upstream.shape import Parameter, Shape, as_json
from daeri.upstream.table import Address
from daeri.wording import Text

if TYPE_CHECKING:
    import httpx2

AGAIN: Final = frozenset({502, 503, 504})
"""Answers of a server that could not do it now; another one may."""
HOPS_MAX: Final = 3
"""Servers like this one that a request may come through; a company's own may stand behind one another, but no more."""
KEPT: Final = 20
"""Connections of reads that are kept open."""
CONNECT_SECONDS: Final = 3.0
"""An address that takes longer to be connected to is taken for dead, and nothing was sent there."""

log = structlog.get_logger()


class Unsent(Exception):
    """Nothing reached the service; the message says why."""


class Lost(Exception):
    """The service may have acted, but its answer did not come whole; the message says why."""


class Late(Lost):
    """The time for the call ran out."""


class Bad(Lost):
    """It answered what no other of its addresses would answer better."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, apart from where."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        is_later: an earlier try of the same request was lost, and may have been carried out.
    """

    status: int
    body: bytes
    kind: str
    is_later: bool = False

    @property
    def is_good(self) -> bool:
        """Whether the service says that it did it."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


def request_of(shape: Shape, arguments: Mapping[str, Any]) -> Request:
    """Return the request for a call.

    Raises:
        ValidationFailed: a value cannot stand where it belongs.
    """
    path, query, headers, fields, body = shape.path, [], {}, {}, None
    for parameter in shape.parameters:
        value = arguments.get(parameter.name)
        if value is None and not parameter.required:
            continue
        if parameter.at == "path":
            path = path.replace(f"{{{parameter.sent}}}", _segment(parameter, value))
        elif parameter.at == "query":
            values = value if isinstance(value, list) else [value]
            query += [f"{quote(parameter.sent, safe='')}={quote(_plain(each), safe='')}" for each in values]
        elif parameter.at == "header":
            headers[parameter.sent] = _header(parameter, value)
        elif parameter.at == "field":
            fields[parameter.sent] = as_json(parameter, value)
        else:
            body = as_json(parameter, value)
    in_body = any(parameter.at == "field" for parameter in shape.parameters)
    content = None
    if body is not None or in_body:
        content = json.dumps(body if body is not None else fields, ensure_ascii=False, allow_nan=False).encode()
        headers["Content-Type"] = "application/json"
    return Request(shape.method, path + (f"?{'&'.join(query)}" if query else ""), headers, content)


def _segment(parameter: Parameter, value: Any) -> str:
    """Return a value as one part of a path: one that could become another path is refused, however it is decoded."""
    text = _plain(value)
    if text.partition(";")[0].strip() in ("", ".", "..") or any(each in text for each in "/\\") or _odd(text):
        raise _refused(parameter, Text("주소에 쓸 수 없는 값이에요", "It cannot be a part of an address"))
    return quote(text, safe="")


def _header(parameter: Parameter, value: Any) -> str:
    text = _plain(value)
    if _odd(text) or not text.isascii() or text != text.strip():
        raise _refused(parameter, Text("머리글에 쓸 수 없는 값이에요", "It cannot be a part of a header"))
    return text


def _odd(text: str) -> bool:
    return any(ord(each) < ord(" ") or ord(each) in range(0x7F, 0xA0) for each in text)


def _refused(parameter: Parameter, detail: Text) -> ValidationFailed:
    return ValidationFailed(detail, errors=[FieldError(f"/{parameter.name}", detail)])


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Upstream:
    """The servers that answer for one service."""

    def __init__(self, name: str, addresses: Sequence[Address], headers: Mapping[str, str], answer_max: int) -> None:
        """Take the service's name, its addresses, the headers with its key, and how much of an answer is read."""
        self._name = name
        self._addresses = tuple(addresses)
        self._headers = dict(headers)
        self._answer_max = answer_max
        self._health = {address.url: Health() for address in addresses}
        self._retries = Retries()
        self._chance = Random()  # noqa: S311 - spreads load, guards nothing
        self._clients: dict[bool, httpx2.AsyncClient] = {}

    def health(self) -> dict[str, Health]:
        """Return what is known of each address."""
        return dict(self._health)

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def send(self, request: Request, seconds: float, *, again: bool) -> Reply:
        """Send a request to one address; to another one where nothing was sent, or where it may be sent `again`.

        Raises:
            Unsent: nobody was reached, or all addresses rest.
            Lost: it may have been carried out.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        if hops() >= HOPS_MAX:
            raise Unsent(f"the call came through {hops()} servers already: it goes round in a loop")
        self._retries.ask(clock())
        failure: Unsent | Lost = Unsent("all of its addresses rest")
        for address in self._order():
            health = self._health[address.url]
            health.begin()
            started = clock()
            try:
                reply = await self._once(address, request, deadline - started, again=again)
            except Bad:
                health.answered(clock() - started)
                raise
            except (Unsent, Lost) as error:
                health.failed(clock())
                failure = failure if isinstance(failure, Lost) else error  # what may have arrived stays so
                log.warning("service.failed", service=self._name, address=address.url, error=str(error))
                if isinstance(error, Lost) and not (again and self._retries.takes(clock())):
                    raise
            else:
                if reply.status not in AGAIN:
                    health.answered(clock() - started)
                    return replace(reply, is_later=isinstance(failure, Lost))
                health.failed(clock())
                failure = Lost(f"HTTP {reply.status}")
                log.warning("service.failed", service=self._name, address=address.url, error=str(failure))
                if not (again and self._retries.takes(clock())):
                    return reply
            finally:
                health.is_tried = False
            if clock() >= deadline:
                break
        raise failure

    def _order(self) -> Iterator[Address]:
        """Yield the addresses that are not resting when their turn comes, drawn by weight."""
        left, clock = list(self._addresses), asyncio.get_running_loop().time
        while left:
            drawn = self._chance.choices(left, [address.weight for address in left])[0]
            left.remove(drawn)
            if self._health[drawn.url].is_open_at(clock()):
                yield drawn

    def _client(self, *, again: bool) -> "httpx2.AsyncClient":
        """Return the connections; what must not be sent twice gets a new one, which nobody has given up meanwhile."""
        import httpx2  # noqa: PLC0415 - takes a third of a second, and a server without services has no use for it

        if again not in self._clients:
            kept = KEPT if again else 0
            self._clients[again] = httpx2.AsyncClient(
                limits=httpx2.Limits(max_connections=100, max_keepalive_connections=kept),
                timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
                follow_redirects=False,
                trust_env=False,
                verify=certificates(),
            )
        return self._clients[again]

    async def _once(self, address: Address, request: Request, seconds: float, *, again: bool) -> Reply:
        import httpx2  # noqa: PLC0415 - as above

        headers = {
            "Accept": "application/json, text/*;q=0.5",
            "Accept-Encoding": "identity",
            HOPS: str(hops() + 1),
            **trace_headers(),
            **request.headers,
            **self._headers,
        }
        client, url = self._client(again=again), address.url + request.target
        try:
            async with (
                asyncio.timeout(max(seconds, 0.001)),
                client.stream(request.method, url, content=request.body, headers=headers) as response,
            ):
                client.cookies.clear()
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise Bad("its answer is compressed, which was not asked for")
                kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Reply(response.status_code, await self._bounded(response), kind)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise Unsent(f"cannot be reached: {type(error).__name__}") from None
        except TimeoutError:
            raise Late("did not answer in time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError) as error:
            raise Lost(f"broke off: {type(error).__name__}") from None

    async def _bounded(self, response: "httpx2.Response") -> bytes:
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > self._answer_max:
                raise Bad(f"its answer is larger than {self._answer_max} bytes")
        return bytes(content)
