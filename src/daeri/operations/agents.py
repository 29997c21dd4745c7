"""What is an agent of the company? A deputy with a name, a part of its person's authority, and bounds; in code or TOML.

```toml
[agents.hr]
label = { ko = "인사 비서", en = "HR assistant" }
instructions = "휴가와 근태만 다뤄요."     # what a model is told about its work
model = "house"                          # a model of DAERI_MODELS that is asked first
operations = ["leave.*", "employee.find"]  # patterns of operations, or effects ("read"); all if missing
roles = ["hr"]                           # the roles of its person that it may use; all if missing
users = ["hr", "admin"]                  # whoever holds one of these roles may use it; everybody if missing
limits = { calls = 10, seconds = 60, tokens = 50000, usd = 0.5 }   # of one run
```
"""

import tomllib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daeri.errors import DeclarationError
from daeri.records.actor import Actor, Effect
from daeri.wording import Lang, Text

NAME: Final = r"^[A-Za-z][A-Za-z0-9_-]{0,59}$"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one run of an agent may use.

    Attributes:
        calls: operations it may call.
        seconds: time it may work, model included; waiting for people does not count.
        tokens, usd: what it may use of models; None for no bound but the budgets. A run whose cost nobody tells has
            used up a bound in dollars with its first reply.
    """

    calls: int = 20
    seconds: float = 120
    tokens: int | None = None
    usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """A deputy: what it may do at most for whoever it acts for.

    Attributes:
        name: its name on every protocol and in the audit.
        instructions: what a model is told about its work.
        scope: patterns of operations it may call ("leave.*"), or effects ("read").
        roles: the roles of its person that it may use; None = all of them.
        model: the name of the model that is asked first; None = the most preferred one.
        users: whoever holds one of these roles may use it; None = everybody. To others it is not there.
        allowance: what one run of it may use.
    """

    name: str
    label: Text
    instructions: str = ""
    scope: tuple[str, ...] = ("*",)
    roles: frozenset[str] | None = None
    model: str | None = None
    users: frozenset[str] | None = None
    allowance: Allowance = field(default_factory=Allowance)

    def serves(self, actor: Actor) -> bool:
        """Say whether an actor may use it."""
        return self.users is None or any(actor.has(role) for role in self.users)

    def body(self, lang: Lang) -> dict[str, Any]:
        """Render as the resource shape, for those whom it serves."""
        return {
            "name": self.name,
            "label": self.label.to(lang),
            "instructions": self.instructions,
            "operations": list(self.scope),
            "model": self.model,
            "limits": {
                "calls": self.allowance.calls,
                "seconds": self.allowance.seconds,
                "tokens": self.allowance.tokens,
                "usd": None if self.allowance.usd is None else float(self.allowance.usd),
            },
        }

    def acting_for(self, actor: Actor) -> Actor:
        """Return the person's authority cut down to what this agent may use of it."""
        return actor.through(self.name, self.scope, self.roles)


class _Label(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ko: str = Field(min_length=1)
    en: str = Field(min_length=1)


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")

    calls: int = Field(default=20, ge=1, le=200)
    seconds: float = Field(default=120, ge=1, le=3_600)
    tokens: int | None = Field(default=None, ge=1)
    usd: Decimal | None = Field(default=None, gt=0)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    label: _Label
    instructions: str = ""
    model: str | None = None
    operations: tuple[str, ...] = ("*",)
    roles: frozenset[str] | None = None
    users: frozenset[str] | None = None
    limits: _Limits = Field(default_factory=_Limits)

    def named(self, name: str) -> Agent:
        return Agent(
            name=name,
            label=Text(self.label.ko, self.label.en),
            instructions=self.instructions.strip(),
            scope=self.operations,
            roles=self.roles,
            model=self.model,
            users=self.users,
            allowance=Allowance(**self.limits.model_dump()),
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    agents: dict[Annotated[str, Field(pattern=NAME)], _Entry]


def agents_in(file: Path) -> list[Agent]:
    """Return the agents of a file, in its order.

    Raises:
        DeclarationError: the file is missing or wrong; it says where and why.
    """
    try:
        read = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DeclarationError(f"{file}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DeclarationError(f"{file}: {where}: {first['msg']}") from None
    return [entry.named(name) for name, entry in read.agents.items()]


def check_agents(
    agents: Sequence[Agent], operations: AbstractSet[str], roles: Mapping[str, Text], where: str = "agents"
) -> None:
    """Refuse agents that cannot mean what they say.

    Args:
        agents: all of the company.
        operations: the operations that there are.
        roles: the company's roles; where it names none, none is checked.
        where: what the message says they stand in.

    Raises:
        DeclarationError: two have one name, or one names operations or roles that are not there.
    """
    names = [agent.name for agent in agents]
    for agent in agents:
        place = f"{where}.{agent.name}"
        if names.count(agent.name) > 1:
            raise DeclarationError(f"two agents of the company have the same name: {place}")
        for pattern in agent.scope:
            if pattern not in ("*", *get_args(Effect)) and not any(fnmatchcase(name, pattern) for name in operations):
                raise DeclarationError(f"{place}: no operation is called {pattern!r}, nor is it an effect")
        for role in sorted((agent.roles or frozenset()) | (agent.users or frozenset())):
            if roles and role not in roles:
                raise DeclarationError(f"{place}: the company has no role {role!r}; it has {', '.join(roles)}")
