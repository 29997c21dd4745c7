"""How does Daeri log? One JSON object a line on stderr, with request and run ids, and no secrets."""

import logging
import random
import re
import sys
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any

import structlog
from ulid import ULID

_dice = random.Random()  # noqa: S311 - names of requests are no secrets, and the system's own dice are slow
TRACEPARENT = re.compile(
    r"(?!ff|00-.{53})[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(-.*)?"
)
"""Of any version: a later one may say more behind what this one knows (W3C trace context, 4.3)."""
HOPS = "Daeri-Hops"
"""The header in which servers count how often a request was passed on, so that no loop goes on for ever."""
HOPS_DIGITS = 3
_bound: ContextVar[Mapping[str, Any]] = ContextVar("daeri_bound", default=MappingProxyType({}))
_SECRET_KEYS = re.compile(r"(authorization|cookie|password|secret|token|api_?key)", re.IGNORECASE)
_SECRET_VALUES = re.compile(r"(dk_(live|test|tok)_[\w-]{6})[\w-]+|(Bearer\s+)\S+|(sk-[\w-]{4})[\w-]+", re.IGNORECASE)


def set_up(level: str) -> None:
    """Send Daeri's and the libraries' logs through one chain."""
    shared: list[Any] = [
        _with_bound,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "alembic", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def bound() -> Mapping[str, Any]:
    """Return what is known of the present request or run: `request_id`, `client`, `trace_id`, `run_id` and the like."""
    return _bound.get()


def bind(**values: Any) -> Token[Mapping[str, Any]]:
    """Make something known to all that this task does from now on: logs, the audit and calls of others carry it."""
    return _bound.set({**_bound.get(), **values})


def unbind(token: Token[Mapping[str, Any]]) -> None:
    """Make what was bound with this token unknown again."""
    _bound.reset(token)


@contextmanager
def binding(**values: Any) -> Iterator[None]:
    """Bind for a block."""
    token = bind(**values)
    try:
        yield
    finally:
        unbind(token)


def _with_bound(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**_bound.get(), **entry}


def new_request_id() -> str:
    """Return a name for a request: req_ and a ULID."""
    moment, chance = time.time_ns() // 1_000_000, _dice.getrandbits(80)
    return f"req_{ULID(moment.to_bytes(6, 'big') + chance.to_bytes(10, 'big'))}"


def follow_trace(header: str) -> dict[str, str]:
    """Take part in a caller's trace (W3C trace context), or begin one; what is bound to it, logs and calls carry on.

    Args:
        header: the traceparent that came with the request; anything else begins a new trace.

    Returns:
        This server's own part of the trace, to be bound to the request: `trace_id`, `span_id` and `trace_flags`.
    """
    found = TRACEPARENT.fullmatch(header)
    usable = found is not None and set(found["trace"]) != {"0"} and set(found["span"]) != {"0"}
    trace = found["trace"] if found is not None and usable else f"{_dice.getrandbits(128):032x}"
    flags = found["flags"] if found is not None and usable else "00"
    return {"trace_id": trace, "span_id": f"{_dice.getrandbits(64):016x}", "trace_flags": flags}


def traceparent(part: Mapping[str, str]) -> str:
    """Return a part of a trace as a header has it."""
    return f"00-{part['trace_id']}-{part['span_id']}-{part['trace_flags']}"


def trace_headers() -> dict[str, str]:
    """Return the headers that carry the present trace on to another server; none outside of a request."""
    known = _bound.get()
    return {"traceparent": traceparent(known)} if "trace_id" in known else {}


def follow_hops(header: str) -> dict[str, int]:
    """Return through how many servers like this one a request came, to be bound to it; nothing where through none."""
    return {"hops": int(header)} if header.isascii() and header.isdigit() and len(header) <= HOPS_DIGITS else {}


def hops() -> int:
    """Return through how many servers like this one the present request came."""
    return int(_bound.get().get("hops", 0))


def redact(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets out of a log entry, by the name of the field and by the look of the value."""
    for key, value in entry.items():
        if _SECRET_KEYS.search(key):
            entry[key] = "(hidden)"
        elif isinstance(value, str):
            entry[key] = _SECRET_VALUES.sub(lambda match: f"{match[1] or match[3] or match[4]}…", value)
    return entry
