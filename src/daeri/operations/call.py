"""What is one request to the door? The value that travels through it, and how an operation's body is run."""

from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection

from daeri.clock import rfc3339
from daeri.errors import DaeriError
from daeri.operations import repeats
from daeri.operations.operation import Operation
from daeri.operations.outcome import Done, Held, Journal, Replayed
from daeri.operations.provenance import Origins
from daeri.operations.provided import Provided
from daeri.operations.sense import Sense
from daeri.operations.sensitivity import STRICTEST, classes_in, classes_of
from daeri.records.actor import Actor
from daeri.records.record import Record
from daeri.records.trail import Trail
from daeri.wording import Lang


@dataclass(slots=True)
class Call:
    """One request to the door, as it travels through it.

    Attributes:
        seen: what its caller is shown, and what it writes; begun anew at each attempt.
        sense: what the words of a search mean to a model outside.
        made: the part that was waited for, made for it.
        within: what was read for that part, each by the door.
        classes: the sensitive data classes that its arguments may hold, where that is known without a run.
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
    made: Provided | None = None
    within: list[Done] = field(default_factory=list)
    classes: Sequence[str] | None = None
    joined: dict[int, "Call"] = field(default_factory=dict)

    @property
    def origins(self) -> Origins:
        """What its caller had heard and read: nothing for a person; of an agent without a run, that is not known."""
        known = self.journal.origins if self.journal is not None else None
        if known is not None:
            return known
        if self.classes is not None:
            return Origins(classes=frozenset(self.classes))
        if self.actor.agent is None:
            return Origins()
        return Origins(classes=frozenset({STRICTEST}), unasked=True)

    def sources(self, trail: Trail, records: Mapping[str, type[Record]], at: datetime) -> list[dict[str, Any]]:
        """Return what its answer rests on: its own rows, then what was read within it, whose taint it takes over."""
        within = [source for each in self.within for source in each.sources]
        untrusted = self.operation.outside or any(source.get("untrusted") for source in within)
        classes = sorted(classes_in(within).union(classes_of(trail, records)))
        own = {
            "n": 1,
            "operation": self.operation.name,
            "label": self.operation.label.to(self.lang),
            "records": [{"type": kind, "id": key, "title": title} for (kind, key), title in trail.records.items()],
            "as_of": rfc3339(at),
            **({"passages": trail.quotes} if trail.quotes else {}),
            **({"pages": trail.pages} if trail.pages else {}),
            **({"untrusted": True} if untrusted else {}),
            **({"classes": classes} if classes else {}),
        }
        return [own, *({**source, "n": number} for number, source in enumerate(within, 2))]

    def begin(self, connection: Connection) -> None:
        """Begin its step, where a run calls: under a lost lease it does not."""
        if self.journal is not None:
            self.journal.check(connection)

    def record(self, connection: Connection, outcome: Done | Held) -> None:
        """Write down what came of its step."""
        if self.journal is not None:
            self.journal.record(connection, outcome)

    def replay(self, connection: Connection, request: str) -> Replayed | None:
        """Return the answer that the same request was given before, under its key."""
        if self.idempotency_key is None:
            return None
        return repeats.kept(connection, self.actor.person_id, self.idempotency_key, request)

    def remember(self, connection: Connection, request: str, outcome: Done | Held, at: datetime) -> None:
        """Keep the answer for when the same request comes again."""
        if self.idempotency_key is not None:
            answer = Replayed(outcome.status, outcome.body(self.lang))
            repeats.keep(connection, self.actor.person_id, self.idempotency_key, request, answer, at=at)


def refused_step(journal: Journal, error: DaeriError, connection: Connection) -> None:
    """Write down that a step was refused."""
    journal.check(connection)
    journal.record(connection, error)


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
