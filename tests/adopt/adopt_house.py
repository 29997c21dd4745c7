"""An adopted company as it is really made: surveyed, written down, imported from its file, served in place."""

import importlib.util
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
from sqlalchemy import Engine, event

from daeri.adopt.clashes import CHART_TABLES, own_names
from daeri.adopt.describe import Described
from daeri.adopt.survey import survey, wanted_of
from daeri.adopt.write import module
from daeri.app import Daeri, application
from daeri.clock import Clock
from daeri.operations import Catalog, Company
from daeri.operations.call import run_to_end
from daeri.records import Actor, Record, Records
from daeri.records.trail import Trail
from daeri.settings import Settings
from daeri.wording import Text

PEOPLE: dict[str, dict[str, Any]] = {
    "owner": {"employee": "E001"},
    "colleague": {"employee": "E002"},
    "stranger": {"employee": None},
    "hr": {"employee": None, "roles": ["hr"]},
}
"""Who may sign in, and what the adopted tables call them; 0 and more are the same people where keys are numbers."""


def quiet(*_: Any) -> None:
    """Watch no progress."""


def look(url: str | Path, schema: str | None = None, only: Sequence[str] = ()) -> Described:
    """Survey a database."""
    text = f"sqlite:///{url}" if isinstance(url, Path) else url
    return survey(wanted_of(text, schema, only), own_names(), quiet)


def written(url: str | Path, name: str, schema: str | None = None) -> str:
    """Return the module that adopt writes for a database."""
    text = f"sqlite:///{url}" if isinstance(url, Path) else url
    wanted = wanted_of(text, schema, ())
    return module(look(url, schema), name=name, place=wanted.place, file=name, lang="ko")


def imported(source: str, folder: Path, name: str) -> ModuleType:
    """Import a module's text as a company's module is: from its file.

    Each process has one company; here several are imported, and each brings its own records of who may sign in.
    """
    for table in CHART_TABLES:
        if table in Record.metadata.tables:
            Record.metadata.remove(Record.metadata.tables[table])
    file = folder / f"{name}.py"
    file.write_text(source, encoding="utf-8")
    found = importlib.util.spec_from_file_location(name, file)
    assert found is not None
    assert found.loader is not None
    made = sys.modules[name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def with_rules(closed: Company, declare: Callable[[Catalog], None]) -> Company:
    """Return the same company with further rules, as somebody would write them at the end of the file."""
    catalog = Catalog("opened", Text("연 것", "What is open"))
    declare(catalog)
    return Company(name=closed.name, catalogs=[*closed.catalogs, catalog], agents=closed.agents, roles=closed.roles)


@dataclass
class Serving:
    """The adopted company behind its own application."""

    daeri: Daeri
    http: httpx.AsyncClient
    keys: dict[str, str]

    async def call(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[who]}", **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)

    async def get(self, who: str, path: str, **more: Any) -> httpx.Response:
        return await self.call(who, "GET", path, **more)

    async def rows(self, who: str, kind: str, **query: Any) -> list[dict[str, Any]]:
        """Return all rows of a list, page after page."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await self.get(who, f"/v1/records/{kind}", params={**query, **cursor})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    async def asked(self, who: str, sql: str) -> httpx.Response:
        return await self.call(who, "POST", "/v1/ops/query.run", json={"sql": sql})


@asynccontextmanager
async def serving(company: Company, url: str, folder: Path) -> AsyncIterator[Serving]:
    """Serve a company on a database as `daeri serve` does, with a key for each of the people."""
    daeri = Daeri(company, Settings(dir=folder / "data", database_url=url), Clock())
    await daeri.open(working=False)
    keys = {}
    for login, what in PEOPLE.items():
        person = company.people.person
        numeric = person.__known_as__ and person.__table__.columns["employee"].type.python_type is int
        known = what["employee"] and (int(what["employee"][1:]) if numeric else what["employee"])
        called = {person.__known_as__: known} if person.__known_as__ else {}
        row = person(login=login, name=login, roles=what.get("roles", []), **called)

        def add(connection: Any, row: Any = row) -> Any:
            records = Records(connection, company.rules, Actor.system("test"), Trail())
            return run_to_end(records.add(row))

        added = await daeri.store.write(add)
        keys[login] = (await daeri.identity.add_key(added.id, login, decides=False)).secret
    app = application(daeri, working=False)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", trust_env=False) as http:
        yield Serving(daeri, http, keys)
    await daeri.close()


@asynccontextmanager
async def serving_copy(company: Company, file: Path, folder: Path) -> AsyncIterator[Serving]:
    """Serve a company on a copy of a SQLite file."""
    copy = folder / "erp.db"
    shutil.copy(file, copy)
    async with serving(company, f"sqlite:///{copy}", folder) as served:
        yield served


@dataclass
class Heard:
    """The statements that went to a database."""

    statements: list[str] = field(default_factory=list)

    def about(self, name: str) -> list[str]:
        return [statement for statement in self.statements if name in statement]


@contextmanager
def heard() -> Iterator[Heard]:
    """Listen to every statement of every engine."""
    told = Heard()

    def hear(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        del connection, cursor
        told.statements.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield told
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
