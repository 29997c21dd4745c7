"""Writes the Alembic revision that brings Daeri's own tables from the newest revision to what the code declares.

Use: python scripts/migration.py 0002 "what changes". Read the result before you commit it.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import daeri.library.editions
import daeri.operations.approval
import daeri.operations.invoke
import daeri.records.identity
import daeri.runs.journal
import daeri.runs.pushes  # noqa: F401 - the tables are declared where they are used
from daeri.records.store import Store, system

MIGRATIONS = Path("src/daeri/migrations")
HEAD = '''"""{message}."""

import sqlalchemy as sa
from alembic import op

import daeri.records.record

revision = "{revision}"
down_revision = {down!r}


def upgrade() -> None:
    """Apply."""
    {body}
'''


async def main(revision: str, message: str) -> None:
    """Compare a database at the newest revision with the declared tables and write the difference."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    down = ScriptDirectory.from_config(config).get_current_head()

    def difference(connection: Connection) -> str:
        context = MigrationContext.configure(connection, opts={"version_table": "daeri_version", "compare_type": True})
        operations = produce_migrations(context, system).upgrade_ops
        if operations is None:
            raise SystemExit("Alembic gave no operations")
        return render_python_code(operations, render_as_batch=False)

    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/x.db")
        if down is not None:
            await store.upgrade(MIGRATIONS, "daeri_version")
        body = await store.write(difference)
        await store.close()
    name = f"{revision}_{'_'.join(message.lower().split())[:40]}.py"
    text = HEAD.format(message=message, revision=revision, down=down, body=body)
    (MIGRATIONS / "versions" / name).write_text(text)
    print(MIGRATIONS / "versions" / name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
