"""How does a run's event sequence travel over HTTP? Server-Sent Events with exact replay (`Last-Event-ID`).

The sequence itself is the run's, in the database; here each event only gets its lines.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import FieldError, ValidationFailed
from daeri.gateway.doorkeeper import Credential
from daeri.gateway.lifelines import EventStream, Lifelines
from daeri.gateway.wire import INTEGER_MAX, Query, encode
from daeri.records.actor import Actor
from daeri.runs.runs import Runs
from daeri.wording import Text

RETRY: Final = b"retry: 1000\n\n"
PING: Final = b": ping\n\n"
ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "expired"})

Event = dict[str, Any]

_ID: Final = re.compile(r"(\d{1,19})(?:\.(\d{1,19}))?", re.ASCII)


def encoded(event: Event) -> bytes:
    """Write one event; its id is its sequence number, or its place where it is not in the sequence yet."""
    head = f"id: {event.get('place', event['seq'])}\nevent: {event['type']}\ndata: ".encode()
    return b"".join((head, encode(event), b"\n\n"))


def start_of(request: Request) -> tuple[int, int | None]:
    """Return after which event the listener wants to go on, and how much of what is spoken was heard, where told.

    The header of a reconnecting browser goes first.

    Raises:
        ValidationFailed: it is no event's id.
    """
    asked = Query(request, "after").integer("after", 0, least=0)
    last = request.headers.get("last-event-id", "").strip()
    if not last:
        return asked, None
    found = _ID.fullmatch(last)
    numbers = [int(number) for number in found.groups() if number] if found else [INTEGER_MAX + 1]
    if max(numbers) > INTEGER_MAX:
        raise ValidationFailed(
            Text("Last-Event-ID는 이벤트의 id예요", "Last-Event-ID is the id of an event"),
            errors=[FieldError("/Last-Event-ID", "must be an event's id")],
        )
    return numbers[0], numbers[1] if len(numbers) > 1 else None


async def event_response(
    request: Request, runs: Runs, actor: Actor, run_id: str, lines: Lifelines, credential: Credential
) -> Response:
    """Answer with a run's events; with nothing (204) when all were heard, which tells a browser to stop asking.

    Raises:
        NotFound: there is no such run, or it is someone else's.
        ValidationFailed: the place to go on from is no sequence number.
    """
    after, heard = start_of(request)
    if await runs.status(actor, run_id) in ENDED:
        # The sequence is complete, so it can be read to its end without waiting.
        rest = [encoded(event) async for event in runs.events(actor, run_id, after, heard) if event]
        if not rest:
            return Response(status_code=204)
        return EventStream(_replayed(rest), lines, credential)
    return EventStream(_live(runs.events(actor, run_id, after, heard)), lines, credential)


async def _replayed(chunks: list[bytes]) -> AsyncGenerator[bytes, None]:
    yield b"".join([RETRY, *chunks])


async def _live(events: AsyncIterator[Event | None]) -> AsyncGenerator[bytes, None]:
    yield RETRY
    # Closing it at once, not when it is collected, takes the listener off the run's list.
    async with aclosing(cast("AsyncGenerator[Event | None, None]", events)) as sequence:
        async for event in sequence:
            yield PING if event is None else encoded(event)
