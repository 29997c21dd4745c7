"""What comes of a job? Its tool at work, and its end as the protocol has it: an answer, a question, or an error.

This file needs the SDK; only `lasting.py` loads it, with the first job.
"""

import asyncio
import json
from typing import Any, Final

import structlog
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from daeri.errors import DaeriError, InvalidRequest
from daeri.gateway.mcp.exchange import Later
from daeri.gateway.mcp.extras import ExtraTool
from daeri.gateway.mcp.results import of_error
from daeri.runs.jobs import ATTEMPTS_MAX, Job, Jobs

SECONDS_MAX: Final = 3600.0
"""How long a tool may work without asking or ending."""
BYTES_MAX: Final = 4 * 1024 * 1024
"""How large an answer or a question may be."""
LEAVE_SECONDS: Final = 5.0
"""How long work that is stopped may take to leave."""

log = structlog.get_logger()


async def carry(tool: ExtraTool, job: Job, exchange: Later, jobs: Jobs) -> None:
    """Let a tool work on a job, and write down what came of it; nothing where it is stopped meanwhile."""
    if job.attempts > ATTEMPTS_MAX:
        await jobs.finish(job, error=_error(INTERNAL_ERROR, "The work was broken off too often"))
        return
    work = asyncio.create_task(_run(tool, exchange))
    try:
        await asyncio.wait({work}, timeout=SECONDS_MAX)
        late = not work.done()
    finally:
        work.cancel()
        await asyncio.wait({work}, timeout=LEAVE_SECONDS)
    if late or work.cancelled():
        await jobs.finish(job, error=_error(INTERNAL_ERROR, "The work took too long or was broken off"))
        return
    failure = work.exception()
    if failure is not None:
        await fail(job, failure, jobs)
        return
    await _end(job, work.result(), jobs)


async def _run(tool: ExtraTool, exchange: Later) -> Any:
    return await tool.run(exchange)


async def fail(job: Job, failure: BaseException, jobs: Jobs) -> None:
    """End a job as its call would have ended: a refusal is a result, whatever else is an error of the protocol."""
    if isinstance(failure, InvalidRequest):
        problem = failure.problem(job.lang, job.id)
        await jobs.finish(job, error=_error(INVALID_PARAMS, problem["detail"], problem))
    elif isinstance(failure, DaeriError):
        await jobs.finish(job, result=of_error(failure, job.lang, job.id))
    elif isinstance(failure, MCPError):
        await jobs.finish(job, error=_error(failure.code, failure.message, failure.data))
    else:
        log.error("job.failed", job=job.id, tool=job.tool, exc_info=failure)
        await jobs.finish(job, error=_error(INTERNAL_ERROR, "Internal error"))


async def _end(job: Job, outcome: Any, jobs: Jobs) -> None:
    try:
        size = len(json.dumps(outcome, allow_nan=False))
    except (TypeError, ValueError):
        size = BYTES_MAX + 1
    if size > BYTES_MAX or not isinstance(outcome, dict):
        log.error("job.unusable", job=job.id, tool=job.tool)
        await jobs.finish(job, error=_error(INTERNAL_ERROR, "The answer is too large, or not what JSON can hold"))
    elif outcome.get("resultType") != "input_required":
        await jobs.finish(job, result={name: value for name, value in outcome.items() if name != "resultType"})
    elif outcome.get("inputRequests"):
        await jobs.ask(job, outcome["inputRequests"], outcome.get("requestState"))
    else:
        await jobs.finish(job, error=_error(INTERNAL_ERROR, "The tool asked for input and named none"))


def _error(code: int, message: str, data: Any = None) -> dict[str, Any]:
    return {"code": code, "message": message} | ({"data": data} if data is not None else {})
