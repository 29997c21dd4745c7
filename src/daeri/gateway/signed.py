"""Which signed tokens count? Those that one of the provider's own keys signed, and whose claims are as we want them.

A token's head is the word of whoever made the token: it may choose among the provider's keys, and brings none along.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, extract_compact
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry, Token

from daeri.errors import Unauthenticated
from daeri.gateway.refusals import BAD_TOKEN

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
    "Ed25519",
)
"""Never a shared secret, never none: what a client knows must not be what signs. The last two are one (RFC 9864)."""
LEEWAY_SECONDS: Final = 30
RSA_BITS: Final = 2048
"""What an RSA key has at the least (RFC 7518 §3.3)."""
_KINDS: Final[dict[str, type[RSAKey | ECKey | OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}

P = ParamSpec("P")
R = TypeVar("R")


class _Methods(JWSRegistry):
    """Our methods, whatever joserfc recommends or warns of."""

    max_header_length = 8192  # certificates may stand there

    def get_alg(self, name: str) -> Any:
        """Return a method that counts."""
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_METHODS: Final = _Methods(strict_check_header=False)  # what a head says beside is passed over (RFC 7515 §4)


def refusing(reading: Callable[P, R]) -> Callable[P, R]:
    """Let a reading of what others wrote end in one refusal, however odd that is."""

    @wraps(reading)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return reading(*args, **kwargs)
        except (JoseError, ValueError, TypeError, RecursionError):
            raise Unauthenticated(BAD_TOKEN) from None

    return checked


@refusing
def key_id(token: str) -> str:
    """Return which of the provider's keys a token says it was signed by; "" where it names none.

    Raises:
        Unauthenticated: it is no signed token, its method does not count, or it says that more must be understood.
    """
    head: object = extract_compact(token.encode(), registry=_METHODS).headers()
    if not isinstance(head, dict) or head.get("alg") not in ALGORITHMS or "crit" in head:
        raise Unauthenticated(BAD_TOKEN)
    kid = head.get("kid", "")
    if not isinstance(kid, str):
        raise Unauthenticated(BAD_TOKEN)
    return kid


@refusing
def decoded(token: str, key: Key) -> Token:
    """Return the head and the claims of a token that a key signed.

    Raises:
        Unauthenticated: that key did not, or not by this method.
    """
    return jwt.decode(token, key, registry=_METHODS)


@refusing
def check(claims: Mapping[str, Any], now: int, wanted: Mapping[str, ClaimsOption]) -> None:
    """Hold claims against what is wanted of them, and against the time.

    Raises:
        Unauthenticated: they are of another, for another, not of now, or not of the right type.
    """
    JWTClaimsRegistry(now, LEEWAY_SECONDS, **wanted).validate(dict(claims))


def keys_of(listed: object) -> dict[str, Key]:
    """Return the keys that may sign, by their names, of those that a provider lists; others are passed over."""
    keys: dict[str, Key] = {}
    for item in listed if isinstance(listed, list) else []:
        try:
            key = _KINDS[item["kty"]].import_key(_plain(item)) if _may_sign(item) else None
        except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError):
            continue  # a kind of key that is of no use to us
        if key is not None and not (isinstance(key, RSAKey) and key.raw_value.key_size < RSA_BITS):
            keys[key.kid or ""] = key
    return keys


def _may_sign(item: dict[str, Any]) -> bool:
    """Say whether a key is there for signatures, as far as it says; some list what its private half is for."""
    return item.get("use", "sig") == "sig" and bool({"sign", "verify"} & {*item.get("key_ops", ["verify"])})


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was looked at, and an Edwards curve's method: that has two names (RFC 9864), the curve has one."""
    left_out = {"key_ops", "alg"} if item["kty"] == "OKP" else {"key_ops"}
    return {name: value for name, value in item.items() if name not in left_out}
