"""How does the server call out to addresses that others named? Over one guarded way: resolved once, checked, bounded.

The name is resolved once and the checked addresses themselves are connected to, so a name that changes its mind (DNS
rebinding) gains nothing. Redirects are not followed here: where they lead is checked like any address (`pages.py`).
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
from daeri.outbound.certificates import certificates
from daeri.wording import Text

if TYPE_CHECKING:
    import httpx2

TIMEOUT_SECONDS: Final = 10.0
"""For one whole request: connecting, sending and the answer."""
RESOLVING_SECONDS: Final = 5.0
"""For finding the addresses of a name, before that."""
URL_MAX: Final = 2000
ANSWER_MAX: Final = 1024 * 1024

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_INTERNET6: Final = ipaddress.IPv6Network("2000::/3")
"""Of IPv6 this alone is given out as the public internet."""
_NOT_URL: Final = Text("https 주소여야 해요", "It must be an https address")
_NOT_WEB: Final = Text("http나 https 주소여야 해요", "It must be an http or https address")
_PRIVATE: Final = Text("회사망 안의 주소로는 요청을 보내지 않아요", "Addresses inside the network are not called")


class Unsent(Exception):
    """A request got no proper answer; its message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was resolved and checked.

    Attributes:
        ips: every address of its name; each was checked.
    """

    url: SplitResult
    ips: tuple[str, ...]

    @property
    def host(self) -> str:
        """The name to say there."""
        return self.url.hostname or ""

    @property
    def direct(self) -> str:
        """The address with the resolved number in the place of the name."""
        ip = self.ips[0]
        literal = f"[{ip}]" if ":" in ip else ip
        port = f":{self.url.port}" if self.url.port else ""
        query = f"?{self.url.query}" if self.url.query else ""
        return f"{self.url.scheme}://{literal}{port}{self.url.path or '/'}{query}"


def checked_url(url: str, *, private: bool, plain: bool | None = None) -> SplitResult:
    """Return the parts of an address that may be called, as far as its text tells.

    Raises:
        ValidationFailed: no web address, one with a password in it, or one without TLS.
    """
    plain = private if plain is None else plain
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and parts.username is None and parts.password is None
    except ValueError:
        usable = False
    schemes = ("https", "http") if plain else ("https",)
    if not usable or parts.scheme not in schemes or len(url) > URL_MAX or not url.isprintable() or "\\" in url:
        said = _NOT_WEB if plain else _NOT_URL
        raise ValidationFailed(said, errors=[FieldError("/url", said)])
    return parts


async def resolved(url: str, *, private: bool, plain: bool | None = None) -> Target:
    """Resolve an address and check where it leads.

    Args:
        url: the address.
        private: whether addresses inside the network may be called too.
        plain: whether it may be without TLS; where it may be private, if this is not said.

    Raises:
        ValidationFailed: it may not be called.
        Unsent: its name is not known, or not in time.
    """
    parts = checked_url(url, private=private, plain=plain)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(RESOLVING_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unsent(f"the name is not known: {error}") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
    if not all(is_public(address) or (private and not is_of_the_link(address)) for address in addresses):
        raise ValidationFailed(_PRIVATE, errors=[FieldError("/url", _PRIVATE)])
    return Target(parts, tuple(dict.fromkeys(map(str, addresses))))


def is_public(address: Ip) -> bool:
    """Say whether an address is one of the public internet, also where it is wrapped into another."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _wrapped(address)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address not in _INTERNET6:
            return False
    return address.is_global and not address.is_multicast


def is_of_the_link(address: Ip) -> bool:
    """Say whether an address is of this wire or of many machines: never called, whoever asks for it.

    At 169.254.169.254 clouds hand out a machine's own keys.
    """
    inner = _wrapped(address) if isinstance(address, ipaddress.IPv6Address) else None
    return address.is_link_local or address.is_multicast or (inner is not None and is_of_the_link(inner))


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that one of IPv6 stands for, where it does."""
    inner = address.ipv4_mapped or address.sixtofour
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if inner is None and address in _NAT64 else inner


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
            httpx2.AsyncClient(
                verify=certificates(), trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS
            ) as client,
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
