"""Do the migrations build what the code declares, and leave what is there alone?"""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from daeri.app import MIGRATIONS
from daeri.records.store import Store, system
from databases import address

pytestmark = pytest.mark.anyio


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"version_table": "daeri_version", "compare_type": True})
    return list(compare_metadata(context, system))


async def test_the_migrations_build_exactly_the_declared_tables(tmp_path: Path) -> None:
    store = Store(address(tmp_path / "daeri.db"))
    await store.upgrade(MIGRATIONS, "daeri_version")
    assert await store.read(differences) == []
    await store.close()


async def test_a_second_start_keeps_what_is_there(tmp_path: Path) -> None:
    store = Store(address(tmp_path / "daeri.db"))
    await store.upgrade(MIGRATIONS, "daeri_version")
    await store.write(lambda connection: connection.execute(text("INSERT INTO approval_series VALUES ('DR', 2026, 7)")))
    await store.upgrade(MIGRATIONS, "daeri_version")
    kept = await store.read(lambda connection: connection.execute(text("SELECT * FROM approval_series")).all())
    assert [tuple(row) for row in kept] == [("DR", 2026, 7)]
    await store.close()
