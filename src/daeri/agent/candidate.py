"""What is made of one part of a request? The part with what is known around it, and an operation filled from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from daeri.agent.analyzer import Entity, Part
from daeri.agent.rows import Named, Several
from daeri.agent.vocabulary import Slot, Vocabulary
from daeri.records import Actor
from daeri.wording import Lang

UNMARKED: Final = 0.6
"""What is left of the likeness where none of an operation's marks is in the request."""


@dataclass(slots=True)
class Candidate:
    """An operation filled from one part of a request.

    Attributes:
        spread: further values of one parameter, each a call of its own.
        unknown: stretches of the text that nothing explains.
        missing: required parameters the text does not give; `options` says what a choice may be narrowed to.
        marked: the share of the operation's marks that the text bears.
        anchored: the text names the operation's subject, not only a person, a day or a verb of asking.
        vague: a period where the operation needs days ("다음 주 연차").
    """

    vocabulary: Vocabulary
    part: Part
    score: float = 0.0
    arguments: dict[str, Any] = field(default_factory=dict)
    spread: dict[str, list[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    missing: list[Slot] = field(default_factory=list)
    options: dict[str, list[Any]] = field(default_factory=dict)
    several: Several | None = None
    vague: Entity | None = None
    anchored: bool = False
    marked: float = 1.0

    @property
    def weight(self) -> float:
        """Likeness, less where the request does not say what people say when they mean this operation."""
        return self.score * (UNMARKED + (1 - UNMARKED) * self.marked)

    @property
    def understood(self) -> bool:
        """Nothing of the text is left unexplained, and it speaks of the operation's subject."""
        return not self.unknown and self.anchored

    @property
    def complete(self) -> bool:
        """It can be called as it is."""
        return self.understood and not self.missing and not self.vague and not (self.several and not self.several.taken)


@dataclass(frozen=True, slots=True)
class Request:
    """One part of a request with what is known around it.

    Attributes:
        text: the whole request; positions are in it.
        foreign: stems by which other operations that change something are known, by operation.
        closest: how much the part is like the most alike example of each operation.
        carried: arguments by record type or "date" that an earlier part of the same request named.
    """

    part: Part
    text: str
    lang: Lang
    today: date
    actor: Actor
    named: Sequence[Named]
    carried: dict[str, Any] = field(default_factory=dict)
    closest: dict[str, float] = field(default_factory=dict)
    foreign: Mapping[str, frozenset[str]] = field(default_factory=dict)
