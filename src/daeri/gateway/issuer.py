"""Who else may vouch for a person? The company's own identity provider, by tokens that it signed.

Its keys are fetched from the address it names itself, kept, and fetched again when a token names a new one. A token
counts only for the audience it was made for, within its time, and if it is signed by a method that uses a pair of keys.
"""

import asyncio
import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from daeri.clock import Clock
from daeri.errors import NotReady, Unauthenticated
from daeri.outbound.guard import Unsent, resolved, sent
from daeri.wording import Text

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Never a shared secret, never none: what a client knows must not be what signs."""
KEPT_SECONDS: Final = 600
AGAIN_SECONDS: Final = 30
"""How long keys are kept, and how soon an unknown one makes us look again: forged tokens by the thousand ask once."""
LEEWAY_SECONDS: Final = 30
DISCOVERY: Final = "/.well-known/openid-configuration"

_BAD: Final = Text("토큰을 받아들일 수 없어요", "The token is not accepted")
_AWAY: Final = Text("로그인 서버가 답하지 않아요", "The identity provider does not answer")

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
        self._keys: dict[str, Any] = {}
        self._fetched = 0.0

    async def about(self) -> dict[str, Any]:
        """Return what it says of itself.

        Raises:
            NotReady: it does not answer, or says that it is someone else.
        """
        if not self._about:
            found = await self._json(self.options.url.rstrip("/") + DISCOVERY)
            if found.get("issuer") != self.options.url:
                raise NotReady(_AWAY)
            self._about = found
        return self._about

    async def claims(self, token: str, audience: Collection[str]) -> Claims:
        """Return what a token says, once it is proved.

        Raises:
            Unauthenticated: it is not from this provider, not for us, not valid now, or not whole.
            NotReady: the provider's keys cannot be had.
        """
        import jwt  # noqa: PLC0415 - with its cryptography it takes a tenth of a second to import

        try:
            key = await self._key(jwt.get_unverified_header(token))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=list(audience),
                issuer=self.options.url,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError:
            raise Unauthenticated(_BAD) from None
        now = self._clock.now().timestamp()
        times = [claims.get(name, 0) for name in ("exp", "nbf", "iat")]
        if not all(isinstance(at, int | float) and not isinstance(at, bool) for at in times):
            raise Unauthenticated(_BAD)
        ends, begins, made = times
        if ends <= now - LEEWAY_SECONDS or max(begins, made) > now + LEEWAY_SECONDS:
            raise Unauthenticated(_BAD)
        return claims

    async def _key(self, header: Mapping[str, Any]) -> Any:
        kid = header.get("kid", "")
        if header.get("alg") not in ALGORITHMS or not isinstance(kid, str):
            raise Unauthenticated(_BAD)
        async with self._lock:
            age = time.monotonic() - self._fetched
            if not self._fetched or age > KEPT_SECONDS or (kid not in self._keys and age > AGAIN_SECONDS):
                await self._fetch()
        key = self._keys.get(kid)
        if key is None or key.key_type == "oct":
            raise Unauthenticated(_BAD)
        return key

    async def _fetch(self) -> None:
        import jwt  # noqa: PLC0415 - as above

        found = (await self._json(str((await self.about()).get("jwks_uri", "")))).get("keys")
        keys: dict[str, Any] = {}
        for item in found if isinstance(found, list) else []:
            try:
                keys[str(item.get("kid", ""))] = jwt.PyJWK(item)
            except (jwt.PyJWTError, AttributeError):
                continue  # a kind of key that is of no use to us
        self._keys, self._fetched = keys, time.monotonic()

    async def _json(self, url: str) -> dict[str, Any]:
        try:
            # The provider is named by whoever runs this server, so it may well stand inside the network.
            status, body = await sent("GET", await resolved(url, private=True), headers={"Accept": "application/json"})
            found = json.loads(body) if status == 200 else None  # noqa: PLR2004 - the only good one
        except (Unsent, ValueError):
            found = None
        if not isinstance(found, dict):
            raise NotReady(_AWAY)
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
        login = claims.get(self.options.login_claim)
        if not isinstance(login, str) or not login:
            raise Unauthenticated(_BAD)
        return login

    def subject_of(self, claims: Claims) -> str:
        """Return who it is to the provider: the one name that never goes to someone else."""
        return f"{self.options.url}#{claims['sub']}"

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
