"""Which services may be called, and how is each of their operations governed? Read from a TOML file.

```toml
[services.stock]
label = { ko = "재고", en = "Stock" }
document = "stock.json"                  # OpenAPI 3: a file beside this one, or an address
addresses = [{ url = "http://10.0.0.5:8000", weight = 3 }, { url = "http://10.0.0.6:8000" }]
key = "STOCK_KEY"                        # the name of the variable that holds the key, never the key itself
ours = true                              # it may be told what an agent has read elsewhere
adopt = ["findItems", "reserve*"]        # operationId, "GET /items" or patterns; nothing where nothing is named
roles = ["warehouse"]                    # who may call at all; ["*"] is everyone, nobody where nothing is said

[services.stock.operations.reserveItem]
label = { ko = "재고 예약", en = "Reserve stock" }
approval = "lead"                        # or "self", "role:finance", or a name of Company.lines
effect = "irreversible"
parameters = { sku = "상품 코드 (SKU)" }

[services.stock.operations.findItems]
cache_seconds = 60                       # the same answer again for whoever asks the same with the same rights

[services.wiki]
mcp = "http://10.0.0.7:9000/mcp"         # an MCP server; or command = ["wiki-mcp", "--stdio"]
adopt = ["search"]
roles = ["*"]
operations.search.effect = "read"
```
"""

import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from daeri.errors import DeclarationError
from daeri.operations.operation import CACHE_SECONDS_MAX
from daeri.records.actor import Effect
from daeri.wording import Text

SECONDS_MAX: Final = 50
"""Less than a call outside may take before its outcome counts as unknown."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
EVERYONE: Final = "*"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(_Part):
    """A name in both languages."""

    ko: str = Field(min_length=1, max_length=60)
    en: str = Field(min_length=1, max_length=60)

    @property
    def text(self) -> Text:
        """It, as wording has it."""
        return Text(self.ko, self.en)


class Address(_Part):
    """One of the servers that answer for a service.

    Attributes:
        weight: its share of the calls, beside those of the others.
    """

    url: str
    weight: float = Field(default=1.0, gt=0, le=1_000)

    @field_validator("url")
    @classmethod
    def _plain(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
            raise ValueError("write http://HOST:PORT or https://HOST, with a path if there is one")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("no user, password, query or fragment belongs there; name the key's variable in `key`")
        return url.rstrip("/")


class Governed(_Part):
    """What the operator says of one operation; what is not said is strict.

    Attributes:
        name: the second half of its name here; made of its own name where nothing is said.
        effect: GET reads, everything else writes, unless this says otherwise.
        roles: who may call it; those of the service where nothing is said.
        approval: who decides before it is called: lead, self, role:NAME or a name of `Company.lines`.
        parameters: what its parameters are called, each as "한글 (English), and more".
        control: the parameters that decide who, what and how much; all of them where nothing is said.
        data: how sensitive its answers are, which decides what models may be told of them (internal where nothing is
            said); what a write answers is not told at all where that is sensitive.
        idempotent: the service acts once for the same Idempotency-Key, so a lost call may be made again.
        cache_seconds: how old an answer of one that reads may be; that of the service where nothing is said, 0 = none.
    """

    name: Name | None = None
    label: Label | None = None
    effect: Effect | None = None
    roles: tuple[str, ...] | None = None
    approval: str = "lead"
    parameters: Mapping[str, str] = Field(default_factory=dict)
    control: tuple[str, ...] | None = None
    data: Literal["public", "internal", "confidential", "personal", "secret"] = "internal"
    seconds: float | None = Field(default=None, gt=0, le=SECONDS_MAX)
    examples: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    idempotent: bool = False
    cache_seconds: int | None = Field(default=None, ge=0, le=CACHE_SECONDS_MAX)


class Entry(_Part):
    """One service.

    Attributes:
        document: its OpenAPI document: a file, beside the table unless its path is absolute, or an address.
        mcp: the address of an MCP server (streamable HTTP).
        command: how an MCP server is started that speaks over its standard streams.
        environment: names of variables that such a server is given; it gets no others of this one's.
        ours: it is the company's own, so an agent may tell it what it has read elsewhere. To any other an agent says no
            more than its person's own words, once it has read anything, and what leaves is audited before it does.
        key_header: the header that carries the key; as `Bearer KEY` where that is Authorization.
        answer_max: bytes of an answer that are read.
        cache_seconds: how old the answers of those of its operations that read may be; 0 = they are asked each time.
    """

    label: Label | None = None
    document: str = ""
    addresses: tuple[Address, ...] = ()
    mcp: str = ""
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    ours: bool = False
    key: str = ""
    key_header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,60}$")] = "Authorization"
    adopt: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    seconds: float = Field(default=10, gt=0, le=SECONDS_MAX)
    answer_max: int = Field(default=1_048_576, ge=1_024, le=64 * 1_048_576)
    cache_seconds: int = Field(default=0, ge=0, le=CACHE_SECONDS_MAX)
    operations: Mapping[str, Governed] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(map(bool, (self.document, self.mcp, self.command))) != 1:
            raise ValueError("name one of document (OpenAPI), mcp (an address) and command (an MCP server to start)")
        if self.document and not self.addresses:
            raise ValueError("name the addresses that answer; those in the document are not believed")
        if self.addresses and not self.document:
            raise ValueError("addresses belong to an OpenAPI document")
        if self.mcp:
            Address(url=self.mcp)
        return self

    @property
    def is_mcp(self) -> bool:
        """Whether it is an MCP server."""
        return not self.document

    @property
    def where(self) -> str:
        """Where calls go, for the audit: the first of its hosts, or the program that is started."""
        if self.command:
            return self.command[0]
        return urlsplit(self.mcp or self.addresses[0].url).hostname or ""

    def wants(self, *keys: str) -> bool:
        """Say whether an operation with these names is to be adopted."""
        return any(fnmatchcase(key, pattern) for key in keys for pattern in self.adopt)

    def governed(self, *keys: str) -> Governed:
        """Return what is said of an operation with these names."""
        return next((self.operations[key] for key in keys if key in self.operations), Governed())


class Table(_Part):
    """All services."""

    services: dict[Name, Entry]

    @field_validator("services")
    @classmethod
    def _some(cls, services: dict[str, Entry]) -> dict[str, Entry]:
        if not services:
            raise ValueError("it names no service")
        return services


def table_in(file: Path) -> Table:
    """Return the services of a file.

    Raises:
        DeclarationError: the file is missing or wrong; the message says where and why.
    """
    try:
        return Table.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DeclarationError(f"{file}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DeclarationError(f"{file}: {where}: {first['msg']}") from None


def key_of(name: str, entry: Entry, environment: Mapping[str, str]) -> str:
    """Return the key of a service; empty where it needs none.

    Raises:
        DeclarationError: its variable is not set, or holds what no header may hold.
    """
    if not entry.key:
        return ""
    key = environment.get(entry.key, "")
    if not key or not key.isascii() or not key.isprintable():
        raise DeclarationError(f"services.{name}: the variable {entry.key} that should hold its key is not set, or odd")
    return key
