"""What took how long, from the request to the model and back? Spans, sent by OTLP to the collector that is named.

Whoever lets something in begins a trace or goes on with the caller's (`Tracer.entered`); what happens beneath marks its
part of it (`span`), and that costs a microsecond where no trace goes on. Spans hold names of operations, agents and
models, numbers and codes of errors: nothing that people wrote, and nobody's name.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal

from daeri.errors import DaeriError
from daeri.log import TRACEPARENT, binding

if TYPE_CHECKING:
    from opentelemetry.trace import Span as Recorded

Kind = Literal["internal", "server", "client"]
Value = str | int | float | bool | Sequence[str]

FLUSH_MILLISECONDS: Final = 5_000
"""How long a server that stops waits for the collector."""
_here: ContextVar["Span | None"] = ContextVar("daeri_span", default=None)


class Span:
    """A part of a trace; this one is of no trace, and keeps nothing."""

    def name(self, name: str) -> None:
        """Call it otherwise, once more is known."""

    def note(self, **values: Value | None) -> None:
        """Keep what is known of it; `gen_ai__usage__input_tokens` stands for gen_ai.usage.input_tokens."""

    def fail(self, code: str) -> None:
        """Say that it did not end well."""

    def end(self) -> None:
        """End it."""

    @property
    def part(self) -> dict[str, str]:
        """Its place in the trace, as logs and outgoing requests name it."""
        return {}

    def begin(self, name: str, kind: Kind = "internal", **values: Value | None) -> "Span":
        """Begin a part of this one."""
        del name, kind, values
        return self


NOTHING: Final = Span()


class LiveSpan(Span):
    """A part of a trace that is told to a collector."""

    def __init__(self, tracer: "Tracer", recorded: "Recorded") -> None:
        """Take what made it, and what is told."""
        self._tracer = tracer
        self._recorded = recorded

    def name(self, name: str) -> None:
        """Call it otherwise, once more is known."""
        self._recorded.update_name(name)

    def note(self, **values: Value | None) -> None:
        """Keep what is known of it."""
        self._recorded.set_attributes(_dotted(values))

    def fail(self, code: str) -> None:
        """Say that it did not end well; not in words, as those may tell of people."""
        self._recorded.set_attribute("error.type", code)
        self._recorded.set_status(self._tracer.error)

    def end(self) -> None:
        """End it."""
        self._recorded.end()

    @property
    def part(self) -> dict[str, str]:
        """Its place in the trace, as logs and outgoing requests name it."""
        context = self._recorded.get_span_context()
        flags = f"{context.trace_flags:02x}"
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}", "trace_flags": flags}

    def begin(self, name: str, kind: Kind = "internal", **values: Value | None) -> Span:
        """Begin a part of this one."""
        return self._tracer.begin(name, kind, self._recorded, values)


class Tracer:
    """Makes the spans of one server, and sends them away in the background."""

    def __init__(self, endpoint: str, version: str) -> None:
        """Take the collector's address; OpenTelemetry's own variables say the rest (headers, sampling, resource).

        Raises:
            ModuleNotFoundError: the extra daeri[otel] is not installed.
        """
        # Installed and loaded only where there is a collector.
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        name = os.environ.get("OTEL_SERVICE_NAME") or "daeri"
        named = Resource.create({SERVICE_NAME: name, SERVICE_VERSION: version})
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("daeri", version)
        self._api = trace
        self.error = trace.Status(trace.StatusCode.ERROR)

    def begin(
        self,
        name: str,
        kind: Kind,
        parent: "Recorded | None",
        values: Mapping[str, Value | None],
        links: Sequence[Any] = (),
    ) -> Span:
        """Begin a span, of a trace of its own where it has no parent."""
        api = self._api
        context = api.set_span_in_context(parent or api.INVALID_SPAN)
        kinds = api.SpanKind[kind.upper()]
        recorded = self._tracer.start_span(name, context, kinds, _dotted(values), links)
        return LiveSpan(self, recorded)

    @contextmanager
    def entered(
        self, name: str, kind: Kind, caller: str = "", *, linked: bool = False, **values: Value | None
    ) -> Iterator[Span]:
        """Begin this server's part of a trace: the caller's, or one of its own, perhaps `linked` to the caller's.

        Args:
            name: of the span.
            kind: what it is to others.
            caller: the caller's place in its trace, as the header traceparent has it; anything else is passed over.
            linked: whether what happens here came long after the caller's part, and only because of it.
            values: what is known of it.
        """
        api, context = self._api, _remote(caller)
        parent, links = None, []
        if context is not None and linked:
            links = [api.Link(context)]
        elif context is not None:
            parent = api.NonRecordingSpan(context)
        with _ending(self.begin(name, kind, parent, values, links)) as begun:
            yield begun

    def close(self) -> None:
        """Send what is left."""
        self._provider.force_flush(FLUSH_MILLISECONDS)
        self._provider.shutdown()


def is_installed() -> bool:
    """Say whether traces can be sent from here."""
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter") is not None


def here() -> Span:
    """Return the span that goes on here."""
    return _here.get() or NOTHING


def span(name: str, kind: Kind = "internal", **values: Value | None) -> AbstractContextManager[Span]:
    """Mark a part of the trace that goes on here, if one does; it fails where the block does."""
    above = _here.get()
    return _NO_BLOCK if above is None else _ending(above.begin(name, kind, **values))


def within(begun: Span) -> AbstractContextManager[object]:
    """Let what happens in the block, its logs and its requests to others be parts of a span that was begun before."""
    return _NO_BLOCK if begun is NOTHING and _here.get() is None else _within(begun)


@contextmanager
def _within(begun: Span) -> Iterator[None]:
    token = _here.set(begun)
    try:
        with binding(**begun.part):
            yield
    finally:
        _here.reset(token)


_NO_BLOCK: Final = nullcontext(NOTHING)


@contextmanager
def _ending(begun: Span) -> Iterator[Span]:
    try:
        with within(begun):
            yield begun
    except DaeriError as error:
        begun.fail(error.code)
        raise
    except BaseException as error:
        begun.fail(type(error).__name__)
        raise
    finally:
        begun.end()


def _dotted(values: Mapping[str, Value | None]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in values.items() if value is not None}


def _remote(header: str) -> Any:
    """Return the place that a traceparent names; None where it names none."""
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415

    found = TRACEPARENT.fullmatch(header)
    if found is None:
        return None
    flags = TraceFlags(int(found["flags"], 16))
    context = SpanContext(int(found["trace"], 16), int(found["span"], 16), is_remote=True, trace_flags=flags)
    return context if context.is_valid else None
