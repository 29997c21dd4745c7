"""How does the server call out to addresses that others named? Over one guarded way: resolved once, checked, bounded.

The name is resolved once and the checked address itself is connected to, so a name that changes its mind (DNS
rebinding) gains nothing. Redirects are not followed: where they lead was not checked.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from daeri.errors import FieldError, ValidationFailed
from daeri.log import trace_headers
from daeri.wording import Text

if TYPE_CHECKING:
    import httpx2

TIMEOUT_SECONDS: Final = 10.0
"""For one whole request: resolving, connecting, sending and the answer."""
URL_MAX: Final = 2000
ANSWER_MAX: Final = 1024 * 1024

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_URL: Final = Text("https 주소여야 해요", "It must be an https address")
_PRIVATE: Final = Text("밖에서 닿을 수 없는 주소로는 보내지 않아요", "Addresses inside the network are not sent to")


class Unsent(Exception):
    """A request got no proper answer; its message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was resolved and checked."""

    url: SplitResult
    ip: str

    @property
    def host(self) -> str:
        """The name to say there."""
        return self.url.hostname or ""

    @property
    def direct(self) -> str:
        """The address with the resolved number in the place of the name."""
        literal = f"[{self.ip}]" if ":" in self.ip else self.ip
        port = f":{self.url.port}" if self.url.port else ""
        query = f"?{self.url.query}" if self.url.query else ""
        return f"{self.url.scheme}://{literal}{port}{self.url.path or '/'}{query}"


def checked_url(url: str, *, private: bool) -> SplitResult:
    """Return the parts of an address that may be called, as far as its text tells.

    Raises:
        ValidationFailed: no web address, one with a password in it, or one without TLS.
    """
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and parts.username is None and parts.password is None
    except ValueError:
        usable = False
    schemes = ("https", "http") if private else ("https",)
    if not usable or parts.scheme not in schemes or len(url) > URL_MAX or not url.isprintable():
        raise ValidationFailed(_NOT_URL, errors=[FieldError("/url", _NOT_URL)])
    return parts


async def resolved(url: str, *, private: bool) -> Target:
    """Resolve an address and check where it leads.

    Args:
        url: the address.
        private: whether addresses inside the network may be called too.

    Raises:
        ValidationFailed: it may not be called.
        Unsent: its name is not known.
    """
    parts = checked_url(url, private=private)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unsent(f"the name is not known: {error}") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
    if not private and not all(is_public(address) for address in addresses):
        raise ValidationFailed(_PRIVATE, errors=[FieldError("/url", _PRIVATE)])
    return Target(parts, str(addresses[0]))


def is_public(address: Ip) -> bool:
    """Say whether an address is one of the public internet, also where it is wrapped into another."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.teredo is not None:
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


async def sent(
    method: str, target: Target, *, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> tuple[int, bytes]:
    """Send one request and return the status and the body of its answer.

    Raises:
        Unsent: nobody answers in time, or with too much.
    """
    import httpx2  # noqa: PLC0415 - takes a third of a second to import, and most servers never call out

    name = target.url.netloc.rpartition("@")[2]
    more = {"sni_hostname": target.host} if target.url.scheme == "https" else {}
    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS) as client,
            client.stream(
                method,
                target.direct,
                headers={**(headers or {}), **trace_headers(), "Host": name},
                content=body,
                extensions=more,
            ) as response,
        ):
            return response.status_code, await _bounded(response)
    except (httpx2.HTTPError, OSError, TimeoutError) as error:
        raise Unsent(str(error) or type(error).__name__) from None


async def _bounded(response: "httpx2.Response") -> bytes:
    content = b""
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > ANSWER_MAX:
            raise Unsent("the answer is too long")
    return content
