"""What is done before the database is visited? A visit cannot wait, so what takes waiting is made before it.

For a part that takes waiting (a worker that runs code, a page of the web), the door lets the caller in, checks the
arguments, waits with no transaction open, and only then visits the database. Meanwhile the caller's authority can be
used for nothing but further reads, each by the door.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from daeri.errors import NotReady
from daeri.operations.outcome import Done, Journal
from daeri.operations.provenance import Origins
from daeri.operations.provided import Awaited, Provided
from daeri.records.actor import Actor
from daeri.wording import Lang, Text


@dataclass(frozen=True, slots=True)
class Asking:
    """What a part is made for: one call, let in and checked.

    Attributes:
        run_id: the run that calls, if one does.
        read: calls another operation that reads, for the same caller; what it told becomes a source of this call.
        leaving: writes down that a request goes to a host outside, before it does; refused under a lost lease.
        origins: what an agent had heard and read before it called; None where a person calls by themself.
    """

    actor: Actor
    arguments: BaseModel
    lang: Lang
    read: Callable[[str, Mapping[str, Any]], Awaitable[Done]]
    leaving: Callable[[str], Awaitable[None]]
    origins: Origins | None = None
    run_id: str | None = None


Maker = Callable[[Asking], Awaitable[Awaited]]
Parts = dict[type[Provided], Provided | Maker]


def part(parts: Parts, kind: type[Provided]) -> Provided | Maker:
    """Return a part, or what makes it.

    Raises:
        NotReady: this server has none.
    """
    if kind not in parts:
        raise NotReady(Text("이 서버에는 그 기능이 없어요", "This server does not have that part"))
    return parts[kind]


def maker(parts: Parts, kind: type[Awaited]) -> Maker:
    """Return what makes a part that is waited for.

    Raises:
        NotReady: this server has none.
    """
    found = part(parts, kind)
    if isinstance(found, Provided):
        msg = f"{kind.__name__} is made for each call: provide what makes it"
        raise TypeError(msg)
    return found


@dataclass(frozen=True, slots=True)
class Within:
    """A call within another one of a run: it belongs to that step, which alone is written to the journal."""

    around: Journal

    @property
    def run_id(self) -> str:
        """The run."""
        return self.around.run_id

    @property
    def step(self) -> int:
        """The step of the call around it."""
        return self.around.step

    @property
    def question(self) -> str | None:
        """What the person asked for."""
        return self.around.question

    @property
    def operation(self) -> str:
        """What is called in the step."""
        return self.around.operation

    @property
    def arguments(self) -> Mapping[str, Any]:
        """With what the step is called."""
        return self.around.arguments

    @property
    def beside(self) -> tuple[()]:
        """Nothing is filed together with a read."""
        return ()

    @property
    def origins(self) -> None:
        """A read's arguments are not traced."""

    def check(self, connection: object) -> None:
        """Nothing begins: the step's own call has that to do."""

    def keep(self) -> None:
        """Nothing was begun."""

    def record(self, connection: object, outcome: object) -> None:
        """Write nothing: the step's own call tells of it."""
