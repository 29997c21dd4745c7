"""What is a company to Daeri? Its catalogs, its agents and its organisation chart, checked once at start."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sqlalchemy import String

from daeri.errors import DeclarationError, NotFound
from daeri.operations.agents import Agent, check_agents
from daeri.operations.form import Form, LineFunction
from daeri.operations.operation import Catalog, Operation
from daeri.records.actor import Actor
from daeri.records.crowds import Crowds
from daeri.records.people import RANKS, People
from daeri.records.record import DataClass, Person, Record, Team, mark_of
from daeri.records.rules import Rule, Rules
from daeri.wording import Lang, Text


@dataclass(frozen=True)
class Company:
    """A company's declarations, put together.

    Attributes:
        catalogs: its records, rules and operations by subject.
        agents: its deputies; the first is the default.
        roles: what its roles are called ("hr" is 인사 담당).
        migrations: a folder of Alembic scripts for its tables; None creates missing tables at start.
        k_min: a figure made of personal fields is told for at least this many people.
        export_max: rows one export holds at most.
        stays_inside: data classes whose fields go into no file, not even for those who may read them.
        ranks: the ranks of its people (직급), lowest first: rank_at_least("부장") reads them.
        confirm_unvouched: an agent's write is held for its person's own confirmation where it decides who, what or
            how much by a value that nobody vouched for, and no line would look at it.
        lines: approval lines by name, for what the operator adopts from services outside (see `upstream/`).
    """

    name: Text
    catalogs: Sequence[Catalog]
    agents: Sequence[Agent]
    roles: Mapping[str, Text] = field(default_factory=dict)
    migrations: Path | None = None
    k_min: int = 5
    export_max: int = 50_000
    stays_inside: frozenset[DataClass] = frozenset()
    ranks: Sequence[str] = RANKS
    confirm_unvouched: bool = True
    lines: Mapping[str, LineFunction | Form] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what only shows when the parts stand together."""
        if not self.agents:
            raise DeclarationError('a Company needs at least one Agent, e.g. Agent("assistant", Text("비서", ...))')
        seen: set[str] = set()
        for catalog in self.catalogs:
            if catalog.name in seen:
                raise DeclarationError(f"two catalogs are called {catalog.name}")
            seen.add(catalog.name)
        names = [name for catalog in self.catalogs for name in catalog.operations]
        for name in names:
            if names.count(name) > 1:
                raise DeclarationError(f"two catalogs declare {name}")
        check_agents(self.agents, self.operations.keys(), self.roles)
        _check_masks(self.records.values())
        _check_kept(self.records.values(), {agent.name for agent in self.agents})
        _ = self.people

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """Every operation by name, in name order."""
        both = {name: item for catalog in self.catalogs for name, item in catalog.operations.items()}
        return dict(sorted(both.items()))

    @cached_property
    def rules(self) -> Rules:
        """The rules of all catalogs."""
        rows = _joined((catalog.row_rules for catalog in self.catalogs), "row rules")
        changes = _joined((catalog.change_rules for catalog in self.catalogs), "change rules")
        return Rules(rows=rows, changes=changes, roles=self.roles, crowds=Crowds(self.k_min))

    @cached_property
    def records(self) -> dict[str, type[Record]]:
        """The records that anyone may see at all, by type name."""
        return {record.__tablename__: record for record in self.rules.rows}

    @cached_property
    def people(self) -> People:
        """The organisation chart: the company's one Person and one Team record."""
        return People(self._only(Person), self._only(Team), self.ranks)

    def agent(self, name: str | None) -> Agent:
        """Return a deputy by name, the first one for None, whoever may use it.

        Raises:
            NotFound: the company has no such agent.
        """
        if name is None:
            return self.agents[0]
        for agent in self.agents:
            if agent.name == name:
                return agent
        raise no_agent(name)

    def agents_for(self, actor: Actor) -> list[Agent]:
        """Return the deputies that an actor may use."""
        return [agent for agent in self.agents if agent.serves(actor)]

    def agent_for(self, actor: Actor, name: str | None) -> Agent:
        """Return a deputy that an actor may use, the first of them for None.

        Raises:
            NotFound: the company has no such agent, or not for this actor: one answer for both.
        """
        found = next((agent for agent in self.agents_for(actor) if name in (None, agent.name)), None)
        if found is None:
            raise no_agent(name)
        return found

    def narrowed(self, actor: Actor, agent: str) -> Actor:
        """Return a person's authority as an agent may use it.

        Raises:
            NotFound: the company has no such agent, or not for this person.
        """
        return self.agent_for(actor, agent).acting_for(actor)

    def agent_label(self, name: str | None, lang: Lang) -> str | None:
        """Return what people call a deputy; its name where the company no longer has it."""
        found = next((agent for agent in self.agents if agent.name == name), None)
        return found.label.to(lang) if found else name

    def title(self, operations: Sequence[str]) -> Text:
        """Return what a document is called that decides calls of these operations (…외 2건)."""
        first, more = operations[0], len(operations) - 1
        found = self.operations.get(first)
        label = found.label if found else Text(first, first)
        return Text(f"{label.ko} 외 {more}건", f"{label.en} and {more} more") if more else label

    def _only(self, base: type[Person] | type[Team]) -> type:
        found = [record for record in self.records.values() if issubclass(record, base)]
        if len(found) != 1:
            raise DeclarationError(
                f"a Company needs exactly one record that extends {base.__name__}, with a row rule; found {len(found)}"
            )
        return found[0]


def no_agent(name: str | None) -> NotFound:
    """Return the answer for an agent that is not there, or not for whoever asks."""
    if name is None:
        return NotFound(Text("쓸 수 있는 에이전트가 없어요", "There is no agent for you"))
    return NotFound(Text(f"'{name}' 에이전트가 없어요", f"There is no agent '{name}'"))


def _check_masks(records: Iterable[type[Record]]) -> None:
    for record in records:
        for column in record.__table__.columns:
            if mark_of(column.info).mask is not None and not isinstance(column.type, String):
                raise DeclarationError(f"{record.__name__}.{column.key} is no text, so it cannot be masked; hide it")


def _check_kept(records: Iterable[type[Record]], known: AbstractSet[str]) -> None:
    for record in records:
        for column in record.__table__.columns:
            for name in mark_of(column.info).agents or ():
                if name not in known:
                    raise DeclarationError(
                        f"{record.__name__}.{column.key} names the agent {name!r}, which is not there"
                    )


def _joined(parts: Iterable[Mapping[type[Record], Rule]], what: str) -> dict[type[Record], Rule]:
    result: dict[type[Record], Rule] = {}
    for part in parts:
        for record, rule in part.items():
            if record in result:
                raise DeclarationError(f"{record.__name__} has {what} in two catalogs")
            result[record] = rule
    return result
