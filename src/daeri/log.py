"""How does Daeri log? One JSON object a line on stderr, with request and run ids, and no secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_KEYS = re.compile(r"(authorization|cookie|password|secret|token|api_?key)", re.IGNORECASE)
_SECRET_VALUES = re.compile(r"(dk_(live|test|tok)_[\w-]{6})[\w-]+|(Bearer\s+)\S+|(sk-[\w-]{4})[\w-]+", re.IGNORECASE)


def set_up(level: str) -> None:
    """Send Daeri's and the libraries' logs through one chain."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
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
    for noisy in ("uvicorn.access", "alembic", "dbos", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def redact(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets out of a log entry, by the name of the field and by the look of the value."""
    for key, value in entry.items():
        if _SECRET_KEYS.search(key):
            entry[key] = "(hidden)"
        elif isinstance(value, str):
            entry[key] = _SECRET_VALUES.sub(lambda match: f"{match[1] or match[3] or match[4]}…", value)
    return entry
