"""What is one request to the door? The value that travels through it, from its arguments to its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
