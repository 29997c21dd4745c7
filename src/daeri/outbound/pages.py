"""How is a page of the web fetched? Hop by hop over the guard, within limits of size, time and hops; read by others.

A redirect is another address: it is resolved and checked like the first, and it stays on its side. From a host that the
deployer listed it leads to listed hosts only, from the internet to the internet only, so neither can a page send the
server into the network, nor can an open redirect of the company's own carry what stands in an address out of it.
"""

import asyncio
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from daeri.errors import FieldError, ValidationFailed
from daeri.log import trace_headers
from daeri.outbound.guard import Target, Unsent, resolved
from daeri.wording import Text

REDIRECTS: Final = (301, 302, 303, 307, 308)
HEADER_MAX: Final = 8_190
HEADERS_MAX: Final = 100
PIECE: Final = 65_536
ACCEPTED: Final = "text/html, application/xhtml+xml, application/pdf, text/plain;q=0.9, */*;q=0.5"
CHARSETS: Final = frozenset(
    {"utf-8", "euc-kr", "cp949", "ks_c_5601-1987", "iso-8859-1", "windows-1252", "shift_jis", "euc-jp", "gbk", "big5"}
)
"""Encodings that a server may name; of others the reader finds out by itself."""

_WBITS: Final[Mapping[str, int]] = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_PATH: Final = "/%:@!$&'()*+,;=~-._"
_OTHER_PORT: Final = Text("웹의 포트가 아니에요", "It is not a port of the web")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one page may cost.

    Attributes:
        bytes_max: of its content, after it was expanded.
        seconds: for everything, redirects too.
        hops: redirects.
    """

    bytes_max: int = 8 * 1024 * 1024
    seconds: float = 20.0
    hops: int = 5


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came.

    Attributes:
        url: where it was in the end.
        media: its media type, as its server says.
    """

    url: str
    status: int
    media: str
    content: bytes


class Hosts:
    """The hosts that a deployer listed: `wiki.example.com`, `*.example.com`, `10.0.0.5:8080`."""

    def __init__(self, listed: tuple[str, ...], ports: tuple[int, ...] = (80, 443)) -> None:
        """Take the hosts, and the ports that may be called where none is named with them."""
        self._exact: dict[str, set[int]] = {}
        self._below: dict[str, set[int]] = {}
        self._ports = frozenset(ports)
        for entry in listed:
            parts = urlsplit(f"//{entry}")
            name = (parts.hostname or "").rstrip(".")
            kept = self._below if name.startswith("*.") else self._exact
            kept.setdefault(name.removeprefix("*."), set()).update({parts.port} if parts.port else ports)

    def has(self, url: str) -> bool:
        """Say whether an address is of a listed host, at one of its ports."""
        name, port = _place(url)
        above = (name.split(".", count)[-1] for count in range(1, name.count(".") + 1))
        return port in self._exact.get(name, ()) or any(port in self._below.get(each, ()) for each in above)

    def check_port(self, url: str) -> None:
        """Refuse a port that nobody listed.

        Raises:
            ValidationFailed: it is another one.
        """
        if _place(url)[1] not in self._ports and not self.has(url):
            raise ValidationFailed(_OTHER_PORT, errors=[FieldError("/url", _OTHER_PORT)])


class Fetcher(Protocol):
    """Whoever fetches pages."""

    hosts: Hosts

    async def fetch(self, url: str) -> Fetched:
        """Fetch a page."""


class Pages:
    """Fetches pages."""

    def __init__(self, hosts: Hosts, limits: Limits | None = None) -> None:
        """Take the listed hosts, and what one page may cost."""
        self.hosts = hosts
        self._limits = limits or Limits()

    async def fetch(self, url: str) -> Fetched:
        """Fetch a page, over as many redirects as the limits allow.

        Raises:
            ValidationFailed: it, or where it leads, may not be called.
            Unsent: nobody answers in time, or with too much.
        """
        url = canonical(url)
        listed = self.hosts.has(url)
        try:
            async with asyncio.timeout(self._limits.seconds):
                for _ in range(self._limits.hops + 1):
                    self.hosts.check_port(url)
                    target = await resolved(url, private=listed, plain=True)
                    answer = await self._one(url, target)
                    if isinstance(answer, Fetched):
                        return answer
                    url = self._next(url, answer, listed=listed)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, zlib.error) as error:
            raise Unsent(type(error).__name__) from None
        raise Unsent("too many redirects")

    def _next(self, url: str, location: str, *, listed: bool) -> str:
        """Return where a redirect leads, if it stays on its side."""
        leads = canonical(urljoin(url, location))
        if self.hosts.has(leads) is not listed:
            raise Unsent("a redirect to the other side")
        if url.startswith("https:") and not leads.startswith("https:"):
            raise Unsent("a redirect to an address without TLS")
        return leads

    async def _one(self, url: str, target: Target) -> Fetched | str:
        """Ask one address; return its page, or where it redirects to."""
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=_Pinned(target), use_dns_cache=False, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                max_line_size=HEADER_MAX,
                max_field_size=HEADER_MAX,
                max_headers=HEADERS_MAX,
            ) as session,
            session.get(
                url,
                allow_redirects=False,
                headers={
                    **trace_headers(),
                    "Accept": ACCEPTED,
                    "Accept-Encoding": "gzip, deflate",
                    "User-Agent": "Daeri",
                },
            ) as answer,
        ):
            if answer.status in REDIRECTS and answer.headers.get("Location"):
                return answer.headers["Location"]
            content = await self._content(answer)
            media = answer.content_type.lower()
            if media.startswith("text/") and answer.charset in CHARSETS:
                content = content.decode(answer.charset, "replace").encode("utf-8-sig")
            return Fetched(url, answer.status, media, content)

    async def _content(self, answer: aiohttp.ClientResponse) -> bytes:
        """Read and expand a body; it is never expanded beyond the limit."""
        coding = answer.headers.get("Content-Encoding", "").strip().lower()
        if coding not in {"", "identity", *_WBITS}:
            raise Unsent("an unknown coding")
        unpack = zlib.decompressobj(_WBITS[coding]) if coding in _WBITS else None
        content = bytearray()
        async for piece in answer.content.iter_chunked(PIECE):
            room = self._limits.bytes_max + 1 - len(content)
            content += unpack.decompress(piece, room) if unpack is not None else piece
            if len(content) > self._limits.bytes_max:
                raise Unsent("too large")
        return bytes(content)


class _Pinned(AbstractResolver):
    """Answers with the addresses that were checked, and with nothing else."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(
                hostname=host,
                host=ip,
                port=port,
                family=socket.AF_INET6 if ":" in ip else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for ip in self._target.ips
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def canonical(url: str) -> str:
    """Return an address in one form, so that two are the same where they are equal; an unusable one as it is."""
    try:
        parts = urlsplit(url.strip())
        name, port = (parts.hostname or "").rstrip("."), parts.port
        name = name if name.isascii() else name.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return url
    if not name or parts.username is not None or parts.password is not None:
        return url
    host = f"[{name}]" if ":" in name else name
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    where = host if port in {None, usual} else f"{host}:{port}"
    path, query = quote(parts.path or "/", safe=_PATH), quote(parts.query, safe=f"{_PATH}?")
    return urlunsplit((parts.scheme, where, path, query, ""))


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)
