"""What is one request to the door? The value that travels through it, and how an operation's body is run."""

from collections.abc import Awaitable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from daeri.operations.operation import Operation
from daeri.operations.outcome import Journal
from daeri.operations.sense import Sense
from daeri.records.actor import Actor
from daeri.records.trail import Trail
from daeri.wording import Lang


@dataclass(slots=True)
class Call:
    """One request to the door, as it travels through it.

    Attributes:
        seen: what its caller is shown, and what it writes; begun anew at each attempt.
        sense: what the words of a search mean to a model outside.
        joined: the calls beside it that go into its document, by their places; begun anew likewise.
    """

    operation: Operation
    actor: Actor
    sent: Mapping[str, Any]
    lang: Lang
    idempotency_key: str | None = None
    journal: Journal | None = None
    previous_id: str | None = None
    seen: Trail = field(default_factory=Trail)
    sense: Sense = field(default_factory=Sense)
    joined: dict[int, "Call"] = field(default_factory=dict)


def run_to_end(body: Awaitable[Any]) -> Any:
    """Run an operation's body without an event loop: everything it may await answers at once.

    Raises:
        RuntimeError: the body waits for something else, which would hold the transaction open.
    """
    coroutine = cast("Coroutine[Any, Any, Any]", body)
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    coroutine.close()
    name = getattr(coroutine, "__qualname__", "the operation")
    msg = f"{name} waits for something other than its records; a transaction may not be held for that"
    raise RuntimeError(msg)
