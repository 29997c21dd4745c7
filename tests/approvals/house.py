"""A company whose forms use everything: each test names the line and the policies of one paper, and files it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from daeri.operations import Catalog, Form, Line, anyone
from daeri.operations.approval import More
from daeri.operations.line import Step
from daeri.records import Actor, Records
from daeri.wording import Text
from worlds import OWNER, Project, Said, World, open_world

WHY = Text("시험", "a test")


def line(*steps: Step, **more: Any) -> Callable[[str], Line]:
    """Return a line function that always gives these steps."""

    def paper_line(name: str) -> Line:
        """Give the steps of the test."""
        del name
        return Line(*steps, rule="paper", because=WHY, **more)

    return paper_line


def papers(form: Form) -> Catalog:
    """Return a catalog with one paper of this form: it adds a project of that name to one's own team."""
    catalog = Catalog("paper", Text("문서", "Papers"))

    @catalog.write(label=Text("문서", "Paper"), allow=anyone, approval=form)
    async def add(records: Records, actor: Actor, name: str) -> Said:
        """Add a project."""
        row = await records.add(Project(name=name, team_id=actor.team_id or 0))
        return Said(value=row.name)

    return catalog


class House:
    """A world with one kind of paper."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.absences = world.office.absences
        self.drafts = world.office.drafts
        self.consents = world.office.consents

    async def file(self, *, by: int = OWNER, agent: bool = False, name: str = "새 과제", **more: Any) -> str:
        actor = await (self.world.deputy(by) if agent else self.world.actor(by))
        return (await self.world.held(actor, "paper.add", {"name": name}, **more)).approval_id

    async def act(
        self, person: int, approval_id: str, decision: Any, comment: str | None = None, **more: Any
    ) -> dict[str, Any]:
        told = More(**more) if more else None
        actor = await self.world.actor(person)
        return dict(await self.world.approvals.decide(actor, approval_id, decision, comment, more=told))

    async def approve(self, approval_id: str, *people: int) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for person in people:
            body = await self.act(person, approval_id, "approve")
        return body

    async def show(self, person: int, approval_id: str) -> dict[str, Any]:
        return dict(await self.world.approvals.show(await self.world.actor(person), approval_id))

    async def box(self, person: int, name: Any) -> list[str]:
        page = await self.world.approvals.box(await self.world.actor(person), name)
        return [document["approval_id"] for document in page["data"]]

    async def projects(self) -> int:
        return len(await self.world.sql("select * from w_project")) - 3


@asynccontextmanager
async def opened(furnished: Path, folder: Path, form: Form) -> AsyncIterator[House]:
    async with open_world(furnished, folder, papers(form)) as world:
        yield House(world)


def states(body: dict[str, Any], key: str = "line") -> list[tuple[int, str]]:
    """Return who sits where in a document, and what became of it."""
    return [(step["person"]["id"], step["status"]) for step in body[key]]


def stages(body: dict[str, Any]) -> list[Sequence[int]]:
    """Return the positions of people by stage."""
    found: dict[int, list[int]] = {}
    for step in body["line"]:
        found.setdefault(step["stage"], []).append(step["person"]["id"])
    return [tuple(each) for _, each in sorted(found.items())]


class Open(Protocol):
    """Opens a house whose document has a form."""

    def __call__(self, form: Form) -> AbstractAsyncContextManager[House]: ...
