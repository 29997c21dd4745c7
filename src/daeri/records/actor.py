"""Who acts, and with which authority? A person, perhaps through an agent and a key: what all of them may do."""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from sqlalchemy.sql.elements import False_, True_

from daeri.records.record import Mark

Effect = Literal["read", "write", "irreversible"]
Sight = Literal["open", "own", "hidden"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, perhaps through an agent and a key. Authority is what all of them may do.

    Attributes:
        person_id: the person (0 for the system itself).
        roles: the person's roles that the agent, if any, may use too.
        agent: the agent that acts on the person's behalf, or None.
        scopes: one tuple of patterns for each limit (key, agent); an operation must match one of each.
        door: the protocol the request came by, for the audit only.
        decides: whether the credential may decide approvals (a person's own session or a key marked so).
        credential: which key or session it is, or by which key work was asked for that goes on.
        goes_on: whether it is work that goes on without its person: that the credential ends by itself does not stop
            it, that it is revoked does.
        root: the credential that this one was made by or lent from first, where it is another; limits count that one.
        beside: the agents for which that agent works, the first one first; what is kept from one is kept from all.
        known_as: what adopted tables call the person (사번), or None where they know nothing of them.
    """

    person_id: int
    name: str
    team_id: int | None = None
    roles: frozenset[str] = frozenset()
    login: str | None = None
    agent: str | None = None
    scopes: tuple[tuple[str, ...], ...] = ()
    door: str = "python"
    decides: bool = False
    everything: bool = False
    credential: str = ""
    goes_on: bool = False
    root: str = ""
    known_as: int | str | None = None
    beside: tuple[str, ...] = ()

    @classmethod
    def system(cls, name: str) -> "Actor":
        """Daeri itself, setting a company up in its own process; no request ever becomes this."""
        return cls(person_id=0, name=name, door="system", everything=True)

    @property
    def authority(self) -> dict[str, object]:
        """All that decides what the actor may see and do, in a form that digests; not by which door they came."""
        return {
            "person": self.person_id,
            "named": [self.name, self.login, self.known_as],
            "team": self.team_id,
            "roles": sorted(self.roles),
            "agent": [self.agent, *self.beside],
            "scopes": self.scopes,
            "decides": self.decides,
            "everything": self.everything,
        }

    @property
    def counted_as(self) -> str:
        """The credential that limits and quotas count: making more of one makes no more of them."""
        return self.root or self.credential

    @property
    def key(self) -> str | None:
        """The API key by which they act, with which what they make ends; who is signed in has none."""
        return self.credential if self.credential.startswith("key_") else None

    @property
    def own_scopes(self) -> tuple[tuple[str, ...], ...]:
        """The limits of the person's credential alone, without those of the agents that act for them."""
        agents = 0 if self.agent is None else 1 + len(self.beside)
        return self.scopes[: max(len(self.scopes) - agents, 0)]

    def has(self, role: str) -> bool:
        """Say whether the actor holds a role, after the agent's limits."""
        return self.everything or role in self.roles

    def may_call(self, operation: str, effect: Effect) -> bool:
        """Say whether every limit (key, agent) lets this operation through."""
        return all(
            any(pattern == effect or fnmatchcase(operation, pattern) for pattern in scope) for scope in self.scopes
        )

    def through(self, agent: str, scope: tuple[str, ...], roles: frozenset[str] | None) -> "Actor":
        """Return this person acting through an agent: fewer rights, never more, and no decisions."""
        kept = self.roles if roles is None else self.roles & roles
        return replace(self, agent=agent, roles=kept, scopes=(*self.scopes, scope), decides=False)


def is_kept_from(actor: Actor, mark: Mark) -> bool:
    """Say whether a field is kept from the agent that acts, whatever its person may see."""
    if actor.agent is None or mark.agents is None:
        return False
    return not {actor.agent, *actor.beside}.issubset(mark.agents)


def sight(actor: Actor, mark: Mark) -> Sight:
    """Say whether the actor sees a field on every row, on some (about themself, or by a relation), or on none."""
    if is_kept_from(actor, mark):
        return "hidden"
    if mark.readers is None or any(actor.has(role) for role in mark.roles):
        return "open"
    related = [relation.rule(actor) for relation in mark.relations]
    if any(isinstance(condition, True_) for condition in related):
        return "open"
    some = "self" in mark.readers or not all(isinstance(condition, False_) for condition in related)
    return "own" if some else "hidden"
