"""How do the tests ask? A request through the real planner and the real door of the sample company, without a run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text as sql

from daeri.agent.analyzer import analyze
from daeri.agent.keyless import Keyless
from daeri.agent.planner import Answer, Call, Declined, Happened, Said, Situation, Waits
from daeri.agent.selector import select
from daeri.app import Daeri
from daeri.clock import SEOUL, Clock
from daeri.errors import DaeriError
from daeri.operations.invoke import Door
from daeri.operations.outcome import Done, Held
from daeri.records import Actor

TOOLS = 12
"""As many operations as the executor shows a planner."""


@dataclass
class Ended:
    """How a request ended."""

    answer: Answer
    calls: list[Call] = field(default_factory=list)
    outcomes: list[Done | Waits | Declined] = field(default_factory=list)


@dataclass
class Desk:
    """Someone who asks."""

    door: Door
    actor: Actor
    clock: Clock

    async def ask(self, text: str, history: Sequence[Said] = ()) -> Ended:
        """Plan, call what is planned, and tell."""
        situation = self._situation(text, history)
        planner = Keyless()
        decided = await planner.next(situation)
        if isinstance(decided, Answer):
            return Ended(decided)
        situation.happened = [Happened(call, await self._called(call, situation)) for call in decided]
        told = await planner.next(situation)
        assert isinstance(told, Answer)
        return Ended(told, list(decided), [each.outcome for each in situation.happened])

    async def plan(self, text: str) -> list[Call]:
        """The calls that are planned; nothing is called."""
        decided = await self.decide(text)
        return [] if isinstance(decided, Answer) else list(decided)

    async def decide(self, text: str, history: Sequence[Said] = ()) -> Sequence[Call] | Answer:
        """What is planned or answered; nothing is called."""
        return await Keyless().next(self._situation(text, history))

    def _situation(self, text: str, history: Sequence[Said]) -> Situation:
        analysis = analyze(text, self.clock.now().astimezone(SEOUL).date())
        earlier = [analyze(said.input, analysis.today) for said in history[-1:]]
        permitted = self.door.operations(self.actor)
        return Situation(
            actor=self.actor,
            lang=analysis.lang,
            input=text,
            analysis=analysis,
            tools=[each.operation for each in select(analysis, permitted, TOOLS, earlier=earlier)],
            find_mentions=lambda phrases: self.door.mentions(self.actor, phrases),
            say=_unheard,
            would_find=lambda name, arguments: self.door.would_find(self.actor, name, arguments, ()),
            history=history,
        )

    async def _called(self, call: Call, situation: Situation) -> Done | Waits | Declined:
        try:
            outcome: Any = await self.door.call(self.actor, call.operation, call.arguments, lang=situation.lang)
        except DaeriError as error:
            return Declined("refused", error.problem(situation.lang))
        return Waits(outcome.approval_id, outcome.body(situation.lang)) if isinstance(outcome, Held) else outcome


async def desk_of(daeri: Daeri, name: str) -> Desk:
    """The desk of an employee, through the company's first agent."""
    person_id = await id_of(daeri, "employee", name)
    person = await daeri.identity.actor_of_person(person_id, "test")
    return Desk(daeri.door, daeri.company.agent(None).acting_for(person), daeri.clock)


async def id_of(daeri: Daeri, table: str, name: str) -> int:
    """The id of the one row that is called so."""
    statement = sql(f"SELECT id FROM {table} WHERE name = :name")
    return await daeri.store.read(lambda connection: connection.execute(statement, {"name": name}).scalar_one())


async def _unheard(text: str) -> None:
    del text
