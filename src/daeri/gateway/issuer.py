"""Who else may vouch for a person? The company's own identity provider, by tokens that it signed.

Its keys are fetched from the address it names itself, kept, and fetched again when a token names a new one. A token
counts only for the audience it was made for, within its time, and if it is signed by a method that uses a pair of keys.
"""

import asyncio
import json
import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog

from daeri.clock import Clock
from daeri.errors import NotReady, Unauthenticated, ValidationFailed
from daeri.gateway.refusals import BAD_TOKEN
from daeri.outbound.guard import Unsent, checked_url, resolved, sent
from daeri.wording import Text

if TYPE_CHECKING:
    from joserfc.jwk import Key
    from joserfc.jwt import ClaimsOption, Token

KEPT_SECONDS: Final = 600
AGAIN_SECONDS: Final = 30
"""How long keys are kept, and how soon an unknown one makes us look again: forged tokens by the thousand ask once."""
AWAY_SECONDS: Final = 5
"""How soon keys that could not be had are asked for again; until then nobody waits for them."""
DISCOVERY: Final = "/.well-known/openid-configuration"

log = structlog.get_logger()

REFUSED: Final = Text("로그인 서버가 거절했어요", "The identity provider refused")
AWAY: Final = Text("로그인 서버가 답하지 않아요", "The identity provider does not answer")

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IssuerOptions:
    """The identity provider, as the settings name it.

    Attributes:
        url: its issuer identifier, exactly as its tokens have it.
        client_id, client_secret: how this server is known there; none = people do not sign in by it.
        login_claim: which claim holds the login of an account.
        role_claim, roles: which claim holds groups, and which roles they stand for; those roles follow it at sign-in.
    """

    url: str
    client_id: str = ""
    client_secret: str = ""
    login_claim: str = "preferred_username"
    role_claim: str = "groups"
    roles: Mapping[str, str] = field(default_factory=dict)


class Issuer:
    """Checks the tokens of one identity provider."""

    def __init__(self, options: IssuerOptions, clock: Clock) -> None:
        """Take who it is, and the clock; nothing is fetched yet."""
        self.options = options
        self._clock = clock
        self._lock = asyncio.Lock()
        self._about: dict[str, Any] = {}
        self._keys: dict[str, Key] = {}
        self._fetched = self._failed = -math.inf

    async def about(self) -> dict[str, Any]:
        """Return what it says of itself.

        Raises:
            NotReady: it does not answer, or says that it is someone else.
        """
        if not self._about:
            found = await self._json(self.options.url.rstrip("/") + DISCOVERY)
            if found.get("issuer") != self.options.url:
                raise NotReady(AWAY)
            self._about = found
        return self._about

    async def endpoint(self, name: str) -> str:
        """Return one of its addresses.

        Raises:
            NotReady: as `about`, or it names none that could be called.
        """
        url = (await self.about()).get(name)
        try:
            checked_url(url if isinstance(url, str) else "", private=True)
        except ValidationFailed:
            raise NotReady(AWAY) from None
        return str(url)

    async def claims(self, token: str, audience: Collection[str]) -> Claims:
        """Return what a token says, once it is proved.

        Raises:
            Unauthenticated, NotReady: as `proved`.
        """
        return (await self.proved(token, audience)).claims

    async def proved(self, token: str, audience: Collection[str]) -> "Token":
        """Return the head and the claims of a token.

        Raises:
            Unauthenticated: it is not from this provider, not for us, not valid now, or not whole.
            NotReady: the provider's keys cannot be had.
        """
        from daeri.gateway import signed  # noqa: PLC0415 - with its cryptography it takes a tenth of a second to import

        key = (await self._keys_with(kid := signed.key_id(token))).get(kid)
        if key is None or not audience:  # where nobody is named, joserfc lets everybody in
            raise Unauthenticated(BAD_TOKEN)
        found = signed.decoded(token, key)
        wanted: dict[str, ClaimsOption] = {
            "iss": {"essential": True, "value": self.options.url},
            "aud": {"essential": True, "values": [*audience]},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }
        signed.check(found.claims, self.now(), wanted)
        return found

    def now(self) -> int:
        """Return the time that tokens are held against."""
        return int(self._clock.now().timestamp())

    async def _keys_with(self, kid: str) -> "dict[str, Key]":
        """Return its keys, looked at anew where they are old, or lack one that was not looked for a moment ago."""
        if self._outdated(kid):  # whose key is known never waits for those whose key is not
            async with self._lock:
                if self._outdated(kid):
                    await self._fetch()
        return self._keys

    def _outdated(self, kid: str) -> bool:
        age = time.monotonic() - self._fetched
        return age > KEPT_SECONDS or (kid not in self._keys and age > AGAIN_SECONDS)

    async def _fetch(self) -> None:
        from daeri.gateway import signed  # noqa: PLC0415 - as above

        if time.monotonic() - self._failed < AWAY_SECONDS:
            raise NotReady(AWAY)
        try:
            found = await self._json(await self.endpoint("jwks_uri"))
        except NotReady:
            self._failed = time.monotonic()
            raise
        self._keys, self._fetched = signed.keys_of(found.get("keys")), time.monotonic()

    async def _json(self, url: str) -> dict[str, Any]:
        try:
            # The provider is named by whoever runs this server, so it may well stand inside the network.
            status, body = await sent("GET", await resolved(url, private=True), headers={"Accept": "application/json"})
            found = json.loads(body) if status == 200 else None  # noqa: PLR2004 - the only good one
            why = f"HTTP {status}"
        except (Unsent, ValidationFailed, ValueError, RecursionError) as error:
            found, why = None, str(error) or type(error).__name__
        if not isinstance(found, dict):
            log.warning("issuer.away", url=url, why=why[:200])
            raise NotReady(AWAY)
        return found

    def says_all(self, claims: Claims) -> bool:
        """Say whether claims name all that a sign-in goes by, or there is nowhere to ask for the rest."""
        wanted = {self.options.login_claim, *([self.options.role_claim] if self.options.roles else ())}
        return wanted <= set(claims) or "userinfo_endpoint" not in self._about

    def login_of(self, claims: Claims) -> str:
        """Return the login that a token is about.

        Raises:
            Unauthenticated: it names none.
        """
        return _name(claims, self.options.login_claim)

    def subject_of(self, claims: Claims) -> str:
        """Return who it is to the provider: the one name that never goes to someone else.

        Raises:
            Unauthenticated: no records could hold it.
        """
        return f"{self.options.url}#{_name(claims, 'sub')}"

    def roles_of(self, claims: Claims) -> tuple[frozenset[str], frozenset[str]] | None:
        """Return which roles follow the provider, and which of them a token gives; None where none do."""
        if not self.options.roles:
            return None
        groups = claims.get(self.options.role_claim)
        listed = groups if isinstance(groups, list) else [groups]
        given = {
            self.options.roles[group] for group in listed if isinstance(group, str) and group in self.options.roles
        }
        return frozenset(self.options.roles.values()), frozenset(given)


def _name(claims: Claims, claim: str) -> str:
    name = claims.get(claim)
    if not isinstance(name, str) or not name or not name.isprintable():
        raise Unauthenticated(BAD_TOKEN)
    return name
