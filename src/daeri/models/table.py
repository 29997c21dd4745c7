"""Which models are there? Read from a TOML file: what each is called, where it answers, what it costs.

```toml
[models.main]
url = "https://openrouter.ai/api/v1"
key = "OPENROUTER_API_KEY"       # the name of the variable that holds the key, never the key itself
model = "openai/gpt-4.1-mini"
price = { input_usd = 0.4, output_usd = 1.6 }   # for a million tokens
context = 1000000

[models.spare]
url = "http://10.0.0.5:8000/v1"
model = "qwen3-32b"
tier = 2                          # asked when the models of lower tiers do not answer
```
"""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daeri.models.wire import Model, Price


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
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)

    def named(self, name: str, environment: Mapping[str, str]) -> Model:
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
            extra=self.options,
        )


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: dict[str, _Entry]


def models_in(file: Path, environment: Mapping[str, str]) -> list[Model]:
    """Return the models of a file, the most preferred first.

    Raises:
        TableError: the file is missing or wrong, or a key's variable is not set.
    """
    try:
        table = _Table.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        found = [entry.named(name, environment) for name, entry in table.models.items()]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TableError(f"{file}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TableError(f"{file}: {where}: {first['msg']}") from None
    except ValueError as error:
        raise TableError(f"{file}: {error}") from None
    if not found:
        raise TableError(f"{file}: it names no model")
    return sorted(found, key=lambda model: model.tier or 0)
