"""Which models are there, and how much may be spent? Read from a TOML file: names, addresses, prices, budgets.

```toml
[models.main]
url = "https://openrouter.ai/api/v1"
key = "OPENROUTER_API_KEY"       # the name of the variable that holds the key, never the key itself
model = "openai/gpt-4.1-mini"
price = { input_usd = 0.4, output_usd = 1.6 }   # for a million tokens
context = 1000000
at_once = 20                      # requests of agents at a time; others wait in order
structured = true                 # it takes response_format beside tools; others are told in words
cache = "1h"                      # remember its replies to the same request by the same person (s, m, h, d)
sees = []                         # data classes it may be sent beyond internal ones: confidential, personal, secret

[models.spare]
url = "http://10.0.0.5:8000/v1"
model = "qwen3-32b"
tier = 2                          # asked when the models of lower tiers do not answer
sees = "all"                      # the default for addresses of this network, once any model says what it sees

[[budgets]]
of = "person"                     # or everyone, team, agent, key
usd = 20                          # or tokens = 2000000, or both
per = "month"                     # or day
```
"""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daeri.models.wire import Model, Price
from daeri.operations.budgets import Budget, Of, Per
from daeri.operations.sensitivity import SENSITIVE

SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class TableError(Exception):
    """The file of models cannot be used; the message says where and why, and never holds a key."""


class _Price(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input_usd: Decimal = Field(ge=0)
    output_usd: Decimal = Field(ge=0)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str
    model: str
    key: str = ""
    tier: int = Field(default=1, ge=0)
    weight: float = Field(default=1.0, gt=0)
    price: _Price | None = None
    context: int | None = Field(default=None, gt=0)
    at_once: int | None = Field(default=None, gt=0)
    structured: bool = False
    cache: str | None = Field(default=None, pattern=r"^[1-9]\d{0,5}[smhd]$")
    sees: Literal["all"] | list[Literal["confidential", "personal", "secret"]] | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)

    def named(self, name: str, environment: Mapping[str, str], *, ruled: bool) -> Model:
        if self.key and not environment.get(self.key):
            raise TableError(f"models.{name}: the variable {self.key} that should hold its key is not set")
        price = Price(self.price.input_usd, self.price.output_usd) if self.price else None
        return Model(
            name,
            self.url,
            environment.get(self.key, "") if self.key else "",
            self.model,
            tier=self.tier,
            weight=self.weight,
            price=price,
            context=self.context,
            at_once=self.at_once,
            structured=self.structured,
            cache_seconds=int(self.cache[:-1]) * SECONDS[self.cache[-1]] if self.cache else None,
            sees=self._seen(ruled=ruled),
            extra=self.options,
        )

    def _seen(self, *, ruled: bool) -> frozenset[str]:
        """Return what it may be sent; where it does not say, but another of the table does, its address decides."""
        if self.sees is None:
            return frozenset(SENSITIVE) if not ruled or _is_inside(self.url) else frozenset()
        return frozenset(SENSITIVE if self.sees == "all" else self.sees)


class _Budget(BaseModel):
    model_config = ConfigDict(extra="forbid")

    of: Of
    who: str = "*"
    per: Per = "month"
    usd: Decimal | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    warn_at: float = Field(default=0.8, gt=0, le=1)

    def named(self) -> Budget:
        if self.usd is None and self.tokens is None:
            raise TableError("budgets: each needs usd, tokens or both")
        return Budget(**self.model_dump())


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: dict[str, _Entry]
    budgets: list[_Budget] = Field(default_factory=list)


def models_in(file: Path, environment: Mapping[str, str]) -> list[Model]:
    """Return the models of a file, the most preferred first.

    Raises:
        TableError: the file is missing or wrong, or a key's variable is not set.
    """
    table = _read(file)
    try:
        ruled = any(entry.sees is not None for entry in table.models.values())
        found = [entry.named(name, environment, ruled=ruled) for name, entry in table.models.items()]
    except ValueError as error:
        raise TableError(f"{file}: {error}") from None
    if not found:
        raise TableError(f"{file}: it names no model")
    return sorted(found, key=lambda model: model.tier or 0)


def budgets_in(file: Path) -> list[Budget]:
    """Return the budgets of a file.

    Raises:
        TableError: the file is missing or wrong.
    """
    return [budget.named() for budget in _read(file).budgets]


def _is_inside(url: str) -> bool:
    """Say whether an address is plainly of this machine or this network; of a name, only localhost is."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_private
    except ValueError:
        return False


def _read(file: Path) -> _Table:
    try:
        return _Table.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TableError(f"{file}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TableError(f"{file}: {where}: {first['msg']}") from None
