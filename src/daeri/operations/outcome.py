"""What can come of a call? The values that every protocol renders: done, held for approval, shown as a draft."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel
from sqlalchemy import Connection

from daeri.errors import DaeriError
from daeri.operations.line import Change
from daeri.operations.provenance import Origins
from daeri.wording import Lang, Text


@dataclass(frozen=True, slots=True)
class Done:
    """The operation ran; its effect, if any, is committed.

    Attributes:
        say: the result as a sentence, where the operation words one.
        sources: which records the answer rests on, as of when.
        masked: fields that were left out because the actor may not see them ("employee.salary").
        withheld: fields of which some figures were not told, because they would be about too few people.
        approval_id: the document by which it was done at once, because standing consents covered it.
        age: the seconds since it was read, where the answer is a remembered one.
    """

    operation: str
    result: dict[str, Any]
    say: str | None
    sources: list[dict[str, Any]]
    masked: list[str]
    milliseconds: float
    rows: int = 0
    withheld: list[str] = field(default_factory=list)
    approval_id: str | None = None
    age: int | None = None

    status = 200

    def body(self, lang: Lang = "ko") -> dict[str, Any]:
        """Render as the resource shape of a call's result."""
        del lang
        body: dict[str, Any] = {
            "operation": self.operation,
            "result": self.result,
            "say": self.say,
            "sources": self.sources,
            "masked": self.masked,
        }
        body |= {"withheld": self.withheld} if self.withheld else {}
        body |= {"age": self.age} if self.age is not None else {}
        return body | ({"consented_by": self.approval_id} if self.approval_id else {})


@dataclass(frozen=True, slots=True)
class Draft:
    """What a call would do: nothing has happened."""

    operation: str
    effect: str
    arguments: dict[str, Any]
    worded: list[dict[str, str]]
    preview: Sequence[Change]
    line: list[dict[str, Any]]
    rule: str | None
    because: Text | None
    beside: list[dict[str, Any]] = field(default_factory=list)

    status = 200

    def body(self, lang: Lang = "ko") -> dict[str, Any]:
        """Render as the resource shape of a dry run."""
        return {
            "operation": self.operation,
            "dry_run": True,
            "effect": self.effect,
            "arguments": self.arguments,
            "worded": self.worded,
            "preview": [change.body(lang) for change in self.preview],
            "line": self.line,
            "beside": self.beside,
            "because": self.because.to(lang) if self.because else None,
        }


@dataclass(frozen=True, slots=True)
class Item:
    """One more call that a document decides (일괄 상신)."""

    operation: str
    worded: list[dict[str, str]]
    preview: Sequence[Change]

    def body(self, lang: Lang) -> dict[str, Any]:
        """Render as the resource shape of one call of a document."""
        return {
            "operation": self.operation,
            "worded": self.worded,
            "preview": [change.body(lang) for change in self.preview],
        }


@dataclass(frozen=True, slots=True)
class Held:
    """The call became a document and waits for its approval line.

    Attributes:
        at: when it was filed.
        bundled: the further calls of the run's step that the document decides too.
        joined: which of the calls beside it those are.
    """

    approval_id: str
    operation: str
    preview: Sequence[Change]
    line: list[dict[str, Any]]
    because: Text
    at: datetime
    worded: list[dict[str, str]] = field(default_factory=list)
    beside: list[dict[str, Any]] = field(default_factory=list)
    bundled: Sequence[Item] = ()
    joined: Sequence[int] = ()

    status = 202

    def body(self, lang: Lang = "ko") -> dict[str, Any]:
        """Render as the resource shape of a held call."""
        return {
            "approval_id": self.approval_id,
            "status": "in_progress",
            "operation": self.operation,
            "worded": self.worded,
            "preview": [change.body(lang) for change in self.preview],
            "line": self.line,
            "beside": self.beside,
            "because": self.because.to(lang),
            "bundled": [item.body(lang) for item in self.bundled],
        }


@dataclass(frozen=True, slots=True)
class Replayed:
    """The same request came before with the same Idempotency-Key: this was its answer."""

    status: int
    stored: dict[str, Any]

    def body(self, lang: Lang = "ko") -> dict[str, Any]:
        """Return the stored answer."""
        del lang
        return self.stored


Outcome = Done | Held | Replayed


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a document ended, for the run that waits for it.

    Attributes:
        done: what came of each call that it decided, in order; None where nothing was done.
    """

    approval_id: str
    run_id: str | None
    status: str
    done: Sequence[Done] | None
    error: DaeriError | None
    by: str
    comment: str | None


class Heard(Protocol):
    """Whoever waits for documents: told inside the deciding transaction, and again once it is committed."""

    def settled(self, connection: Connection, settlement: Settlement) -> None:
        """Write down that a document ended."""

    async def resume(self, run_id: str | None) -> None:
        """Go on with what waited for it."""


class Journal(Protocol):
    """A run's side of a call. The door calls it inside the call's own transaction, so that both commit or neither.

    Above it stand runs (which implement it); below it the store's connection.
    """

    @property
    def run_id(self) -> str:
        """The run."""

    @property
    def step(self) -> int:
        """The number of the step that the call is."""

    @property
    def question(self) -> str | None:
        """What the person asked for, in their words."""

    @property
    def operation(self) -> str:
        """What is called in that step."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """With what it is called."""

    @property
    def beside(self) -> "Sequence[Journal]":
        """Further calls of the same plan, which may be filed together with this one."""

    @property
    def origins(self) -> Origins | None:
        """What the run had heard and read before it called: where its arguments may come from."""

    def check(self, connection: Connection) -> None:
        """Raise if the run is no longer this worker's to advance."""

    def keep(self) -> None:
        """Take note that what `check` wrote is committed, before the call is over."""

    def record(self, connection: Connection, outcome: "Done | Held | DaeriError") -> None:
        """Write the step's outcome."""


def dump(result: BaseModel) -> dict[str, Any]:
    """Return a result as JSON values."""
    return result.model_dump(mode="json")
