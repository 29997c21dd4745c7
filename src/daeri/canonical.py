"""How is a value written so that equal values have equal bytes? Used for digests of arguments and audit rows.

Keys sorted, no spaces, no NaN: a small subset of RFC 8785 that is enough for our own data. Text is not normalised: two
texts that only look alike must not share a digest.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from daeri.clock import rfc3339

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain(value: Any) -> Any:
    """Turn dates, decimals, tuples and models' dumps into JSON values; text stays as it is, character by character."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    msg = f"{type(value).__name__} has no canonical form"
    raise TypeError(msg)


def canonical_json(value: Any) -> bytes:
    """Write a value as canonical JSON in UTF-8."""
    return _ENCODER.encode(plain(value)).encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical form, 64 hex digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
