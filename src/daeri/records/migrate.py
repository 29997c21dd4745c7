"""How are tables brought to their newest revision? Alembic, without its command line or its environment file.

Loaded only when there is something to migrate (`store.py` looks first).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def migrate(connection: Connection, scripts: Path, version_table: str) -> None:
    """Run the scripts' revisions that `version_table` does not name yet, in the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    directory = ScriptDirectory.from_config(config)

    def steps(revision: Any, context: Any) -> Sequence[Any]:
        del context
        return directory._upgrade_revs("head", revision)  # noqa: SLF001 - Alembic's documented pattern for programs

    with _views_aside(connection), EnvironmentContext(config, directory, fn=steps) as environment:
        environment.configure(connection=connection, version_table=version_table, transactional_ddl=False)
        environment.run_migrations()


@contextmanager
def _views_aside(connection: Connection) -> Iterator[None]:
    """Keep SQLite from reading the company's own views when a table of ours is renamed: a broken one would stop it."""
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql("PRAGMA legacy_alter_table=ON")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA legacy_alter_table=OFF")
