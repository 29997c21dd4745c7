"""Does a document that was filed before the engine grew go on after the upgrade, number and all?"""

import importlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, create_engine, insert, text

from daeri.canonical import digest
from daeri.operations.filing import SEALED_FIRST
from daeri.records import audit
from daeri.records.record import Record
from daeri.records.store import Store
from worlds import (
    DEPARTMENTS,
    DIRECTOR,
    LEAD,
    OWNER,
    PEOPLE,
    SALARIES,
    WORLD_TABLES,
    Department,
    Employee,
    build,
    company,
)

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)


def first_tables(connection: Connection) -> None:
    """Make the tables as the first release had them, with the company in them."""
    module = importlib.import_module("daeri.migrations.versions.0001_the_first_tables")
    with Operations.context(MigrationContext.configure(connection)):
        module.upgrade()
    connection.execute(text("create table daeri_version (version_num varchar(32) primary key)"))
    connection.execute(text("insert into daeri_version values ('0001')"))
    Record.metadata.create_all(connection, tables=WORLD_TABLES)
    connection.execute(insert(Department.__table__), list(DEPARTMENTS))
    usual = {"login": None, "title": "", "roles": [], "left_on": None, "english_name": "", "salary": 0}
    people = [usual | {"salary": SALARIES.get(one["id"], 0)} | one for one in PEOPLE]
    connection.execute(insert(Employee.__table__), people)


def old_document(connection: Connection) -> None:
    """File a document as the first release did, and let its lead approve it."""
    document: dict[str, Any] = {
        "id": "apr_old",
        "operation": "work.request",
        "operation_digest": company.operations["work.request"].shape,
        "drafter_id": OWNER,
        "agent": None,
        "scopes": [],
        "arguments": {"start": "2026-12-01", "days": "3", "reason": ""},
        "worded": {"ko": [], "en": []},
        "preview": {"ko": [], "en": []},
        "rule": "leave-long",
        "because": ["본부장까지 결재해요", "Up to the director"],
        "run_id": None,
        "question": None,
    }
    assert set(SEALED_FIRST) == set(document)
    sealed = digest(document | {"line": [LEAD, DIRECTOR]})
    row = document | {"version": 2, "status": "in_progress", "door": "test", "lang": "ko", "digest": sealed}
    row |= {"drafted_at": "2026-11-20 05:00:00.000000"}
    values = {key: json.dumps(value) if isinstance(value, list | dict) else value for key, value in row.items()}
    names = ", ".join(values)
    connection.execute(
        text(f"insert into approval ({names}) values ({', '.join(f':{key}' for key in values)})"), values
    )
    for position, person, status in ((1, LEAD, "approved"), (2, DIRECTOR, "waiting")):
        connection.execute(
            text("insert into approval_step values ('apr_old', :n, :p, '[\"팀장\", \"lead\"]', :s, null, null)"),
            {"n": position, "p": person, "s": status},
        )
    for seq, act, person in ((1, "draft", OWNER), (2, "approve", LEAD)):
        connection.execute(
            text("insert into approval_act values ('apr_old', :n, :a, :p, null, '2026-11-20 05:00:00', null, :d)"),
            {"n": seq, "a": act, "p": person, "d": sealed},
        )
    connection.execute(text("insert into approval_number values (2026, 41)"))
    filed = digest(document["arguments"])
    usual = {"at": NOW, "agent": None, "door": "test", "approval_id": "apr_old"}
    filing: dict[str, Any] = usual | {"person_id": OWNER, "action": "work.request", "outcome": "filed"}
    audit.append(connection, audit.Entry(**filing, arguments_digest=filed))
    approving: dict[str, Any] = usual | {"person_id": LEAD, "action": "approval.approve", "outcome": "done"}
    audit.append(connection, audit.Entry(**approving))


async def test_a_document_of_the_first_release_is_decided_and_applied_after_the_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "daeri.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        first_tables(connection)
        old_document(connection)
    engine.dispose()
    store = Store(f"sqlite:///{path}")
    await store.upgrade(Path("src/daeri/migrations"), "daeri_version")
    world = build(store)
    director = await world.actor(DIRECTOR)
    page = await world.approvals.box(director, "waiting")
    assert [body["approval_id"] for body in page["data"]] == ["apr_old"]
    for name, ids in (("in_progress", ["apr_old"]), ("done", [])):
        page = await world.approvals.box(await world.actor(LEAD), name)  # type: ignore[arg-type]  # two of its names
        assert [body["approval_id"] for body in page["data"]] == ids
    body = await world.approvals.decide(director, "apr_old", "approve", version=2)
    assert (body["status"], body["number"]) == ("applied", "DR-2026-000042")
    assert [step["status"] for step in body["line"]] == ["approved", "approved"]
    assert len(await world.sql("select * from w_leave")) == 1
    await store.close()
