"""How is the server watched? GET /metrics, in the text form of Prometheus, with no person in any label.

Requests are timed here as they pass; everything else is counted from what is written down (runs/figures.py).
"""

import resource
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.endpoints import Endpoint
from daeri.gateway.routes import Table
from daeri.gateway.services import Services
from daeri.gateway.timing import BUCKETS, Timing
from daeri.gateway.wire import Query
from daeri.records.actor import Actor
from daeri.runs.figures import Figures

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STARTED: Final = time.time()

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


class Metrics:
    """The one route."""

    def __init__(self, services: Services, timing: Timing, version: str) -> None:
        """Take the figures, how long requests took, and the version."""
        self._figures = services.figures
        self._redis_is_up = services.redis_is_up
        self._failures = services.failures
        self._timing = timing
        self._version = version

    async def show(self, request: Request, actor: Actor) -> Response:
        """Tell everything there is to tell."""
        Query(request)
        figures = await self._figures.read(actor)
        lines = [*_of_server(self._version), *_of_requests(self._timing), *_of_work(figures)]
        lines += of_redis(self._redis_is_up())
        lines += _of_services(self._failures())
        return Response("\n".join([*lines, ""]), media_type=MEDIA_TYPE)


def metrics(services: Services, keeper: Doorkeeper, timing: Timing, version: str) -> APIRouter:
    """Return the route."""
    table = Table(keeper)
    table.at("/metrics", get=Metrics(services, timing, version).show)
    return table.router


def family(name: str, kind: str, told: str, samples: Iterable[Sample]) -> Iterator[str]:
    """Write one family of samples."""
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield _sample(name, labels, value)


def _sample(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    written = int(value) if float(value).is_integer() else value  # rounded, a large counter would move in jumps
    return f"{name}{{{told}}} {written}" if told else f"{name} {written}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _of_server(version: str) -> Iterator[str]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield from family("daeri_info", "gauge", "This server.", [({"version": version}, 1)])
    yield from family("process_start_time_seconds", "gauge", "When it started.", [({}, STARTED)])
    cpu = used.ru_utime + used.ru_stime
    yield from family("process_cpu_seconds_total", "counter", "CPU time it was given.", [({}, cpu)])
    memory = used.ru_maxrss * 1024
    yield from family("process_max_resident_memory_bytes", "gauge", "The most memory it has held.", [({}, memory)])


def _of_requests(timing: Timing) -> Iterator[str]:
    name = "daeri_http_request_duration_seconds"
    yield f"# HELP {name} How long requests took, to the end of their answers."
    yield f"# TYPE {name} histogram"
    for (door, method, status), taken in sorted(timing.taken.items()):
        labels = {"door": door, "method": method, "status": status}
        below = 0
        for bound, count in zip((*BUCKETS, float("inf")), taken.counts, strict=True):
            below += count
            edge = "+Inf" if bound == float("inf") else f"{bound:g}"
            yield _sample(f"{name}_bucket", {**labels, "le": edge}, below)
        yield _sample(f"{name}_sum", labels, taken.seconds)
        yield _sample(f"{name}_count", labels, below)


def _of_work(figures: Figures) -> Iterator[str]:
    runs = [({"status": status}, float(count)) for status, count in sorted(figures.runs.items())]
    yield from family("daeri_runs", "gauge", "Runs there are, by status.", runs)
    retried = "Open runs that were taken up more than once since their last step; the log says why."
    yield from family("daeri_runs_retried", "gauge", retried, [({}, figures.retried)])
    waiting = "Documents that wait for someone's decision."
    yield from family("daeri_approvals_waiting", "gauge", waiting, [({}, figures.waiting)])
    oldest = "For how long the oldest of them has waited."
    yield from family("daeri_approval_wait_seconds", "gauge", oldest, [({}, figures.oldest_seconds)])
    calls = [({"door": door, "outcome": outcome}, float(n)) for (door, outcome), n in sorted(figures.calls.items())]
    yield from family("daeri_acts_total", "counter", "What was done and written to the audit, of all servers.", calls)
    refused = [({"code": code}, float(count)) for code, count in sorted(figures.refusals.items())]
    yield from family("daeri_policy_denials_total", "counter", "What was refused, of all servers.", refused)
    tokens = [({"model": model, "kind": kind}, float(n)) for (model, kind), n in sorted(figures.tokens.items())]
    yield from family("daeri_llm_tokens_total", "counter", "Tokens of ended runs.", tokens)
    asked = [({"model": model, "outcome": how}, float(n)) for (model, how), n in sorted(figures.asked.items())]
    yield from family("daeri_llm_requests_total", "counter", "Requests to models; cached ones cost nothing.", asked)
    cost = [({"model": model}, dollars) for model, dollars in sorted(figures.cost.items())]
    yield from family("daeri_llm_cost_usd_total", "counter", "Cost of ended runs, where prices are known.", cost)


def of_redis(is_up: bool | None) -> Iterator[str]:
    """Tell of Redis, where there is one."""
    if is_up is not None:
        told = "Whether Redis answers; while it is away, limits get narrower."
        yield from family("daeri_redis_up", "gauge", told, [({}, is_up)])


def _of_services(failures: Mapping[tuple[str, str], int]) -> Iterator[str]:
    if failures:
        samples = [({"service": name, "address": url}, float(count)) for (name, url), count in failures.items()]
        told = "Failures in a row of each address of a service outside, as this server saw them; from 3 on it rests."
        yield from family("daeri_service_failures", "gauge", told, samples)


METRICS_ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "get",
        "/metrics",
        "server.metrics",
        "server",
        "지표 (figures for Prometheus)",
        "How long requests take, runs, waiting approvals, acts, refusals, tokens and cost, in the text form of "
        "Prometheus. For administrators and auditors.",
        {200: {"description": "The figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
        problems=("permission-denied", "validation-failed"),
    ),
)
