"""A company whose forms bundle, and a script that makes the calls of a run: what the tests of 일괄 상신 stand on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from approvals.house import WHY, House
from daeri.agent.executor import Executor
from daeri.agent.planner import Answer, Call, Happened, Situation
from daeri.errors import Refused
from daeri.operations import Catalog, Form, Line, Pending, Ref, Won, anyone, superior
from daeri.records import Actor, Records
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Workbench
from daeri.wording import Text
from worlds import OWNER, Project, Said


def lead_line() -> Line:
    """The lead."""
    return Line(superior(1), rule="lead", because=WHY)


def by_amount(amount: Won) -> Line:
    """The lead, and the director for a lot of money."""
    if amount < 1_000:
        return Line(superior(1), rule="lead", because=WHY)
    return Line(superior(1), superior(2), rule="director", because=WHY)


LEADS = Form(lead_line, prefix="BU", bundle=True)


def catalog() -> Catalog:
    """Operations whose forms bundle, and one whose form does not."""
    bulk = Catalog("bulk", Text("일괄", "Bulk"))

    @bulk.write(label=Text("과제 추가", "Add"), allow=anyone, approval=LEADS)
    async def add(records: Records, actor: Actor, name: str) -> Said:
        """Add a project that has no namesake."""
        if await records.count(Project, Project.name == name):
            raise Refused(Text("이미 있어요", "there is one already"))
        row = await records.add(Project(name=name, team_id=actor.team_id or 0))
        return Said(value=row.name)

    @bulk.write(label=Text("비용 추가", "Spend"), allow=anyone, approval=Form(by_amount, prefix="BU", bundle=True))
    async def spend(records: Records, project: Ref[Project], amount: Won) -> Said:
        """Add to a project's cost."""
        row = await records.get(Project, project)
        row = await records.change(row, cost=row.cost + amount)
        return Said(value=str(row.cost))

    @bulk.write(label=Text("혼자", "Alone"), allow=anyone, approval=Form(lead_line, prefix="BU"))
    async def alone(records: Records, actor: Actor, name: str) -> Said:
        """Add a project, filed alone."""
        row = await records.add(Project(name=name, team_id=actor.team_id or 0))
        return Said(value=row.name)

    @bulk.read(label=Text("올린 것", "Pending"), allow=anyone)
    async def pending(asked: Pending, actor: Actor) -> Said:
        """Say what is under way of one's own."""
        documents = await asked.of("bulk.spend", actor.person_id)
        return Said(value=str(sum(document.arguments["amount"] for document in documents)))

    return bulk


def add(name: str) -> Call:
    return Call("bulk.add", {"name": name})


def spend(amount: int, project: int = 1) -> Call:
    return Call("bulk.spend", {"project": project, "amount": amount})


@dataclass
class Script:
    """A planner that makes the calls it was given, turn by turn, then answers."""

    turns: list[Sequence[Call]] = field(default_factory=list)
    seen: Sequence[Happened] = ()

    name = "script"
    waits = False

    async def condense(self, situation: Situation) -> None:
        """Leave a conversation as it is."""

    async def next(self, situation: Situation) -> Sequence[Call] | Answer:
        self.seen = situation.happened
        made = situation.plan["turn"] = situation.plan.get("turn", 0) + 1
        return self.turns[made - 1] if made <= len(self.turns) else Answer("다 했어요")


class Desk(House):
    """A house whose runs are carried by a script."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.script = Script()
        bench = Workbench(world.store, world.clock, Wakeups())
        self._executor = Executor(world.door, world.identity, bench, self.script, lambda *_: None)

    async def run(self, *turns: Sequence[Call]) -> dict[str, Any]:
        """Start a run and carry it as far as it goes."""
        self.script.turns = list(turns)
        accepted = await self.world.runs.create(await self.world.actor(OWNER), "여러 일을 한 번에 올려줘")
        return await self.on(accepted["run_id"])

    async def on(self, run_id: str) -> dict[str, Any]:
        """Carry a run on."""
        for due, segment in await self.world.runs.dispatch.due():
            await self._executor.segment(due, segment)
        return dict(await self.world.runs.get(await self.world.actor(OWNER), run_id))

    async def cost(self, project: int = 1) -> int:
        (row,) = await self.world.sql("select cost from w_project where id = :id", id=project)
        return int(row["cost"])

    async def names(self) -> list[str]:
        return [row["name"] for row in await self.world.sql("select name from w_project where id > 3 order by id")]
