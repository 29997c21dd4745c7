"""Where is the data, where is the server, and who asks? Options, environment and a demo's own files, in that order."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words

DEMO_DIR: Final = Path("daeri-demo")
DEMO_LOGIN: Final = "deputy"
SERVER: Final = "http://127.0.0.1:8787"
DATABASE: Final = "daeri.db"
URL_VARIABLE: Final = "DAERI_DATABASE_URL"
URL_VARIABLES: Final = (URL_VARIABLE, "DATABASE_URL")
URL_FILE: Final = "database.json"
"""Says in a data folder where its data is, when it is not in the folder."""
SQLITE_URL: Final = "sqlite:///"
MARKER: Final = "demo.json"
"""Says in a data folder how far a demo is built, and in which database."""
KEYS_FILE: Final = "demo-keys.json"
SERVER_FILE: Final = "server.json"
ENV_FILE: Final = ".env"
SQLITE: Final = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Place:
    """What the options of one command say about where and who; None where they are silent."""

    dir: Path | None = None
    server: str | None = None
    key: str | None = None
    login: str | None = None
    url: str | None = None

    def folder(self) -> Path:
        """Return the folder of the data: --dir, DAERI_DIR, ./daeri-demo where there is one, else the settings'."""
        if self.dir is not None:
            return self.dir
        named = os.environ.get("DAERI_DIR")
        if named:
            return Path(named)
        if DEMO_DIR.is_dir():
            return DEMO_DIR
        from daeri.settings import Settings  # noqa: PLC0415 - Pydantic loads only where nothing else names a folder

        return Settings().dir

    def database_url(self) -> str | None:
        """Return the address of the database where it is not a file in the folder, or None.

        It is looked for in --database, DAERI_DATABASE_URL, DATABASE_URL, `.env`, and in the folder's own note.
        """
        named = self.url or next(filter(None, map(os.environ.get, URL_VARIABLES)), None)
        if named:
            return named
        noted = _read(self.folder() / URL_FILE).get("url")
        if noted:
            return str(noted)
        if not Path(ENV_FILE).is_file():
            return None
        from daeri.settings import Settings  # noqa: PLC0415 - Pydantic loads only where the variable does not say it

        found = Settings().database_url
        return found.get_secret_value() if found else None

    def database(self) -> Path | None:
        """Return the file of the records; None where they are on a database server.

        Raises:
            Trouble: there is none yet.
        """
        named = self.database_url()
        if named and not named.startswith(SQLITE_URL):
            return None
        found = Path(named.removeprefix(SQLITE_URL)) if named else self.folder() / DATABASE
        if not _is_database(found):
            raise Trouble(
                "no-data",
                Words(f"{self.folder()} 폴더에 데이터가 없어요", f"There is no data in {self.folder()}"),
                fix=Words(
                    "--dir 로 데이터 폴더를 알려 주거나 먼저 만들어 주세요:  daeri demo",
                    "Name the data folder with --dir, or make one first:  daeri demo",
                ),
            )
        return found

    def has_data(self) -> bool:
        """Say whether there is a database to work on: one that is named, or the folder's own file."""
        return self.database_url() is not None or (self.folder() / DATABASE).is_file()

    def is_demo(self) -> bool:
        """Say whether the folder's demo people are those of its database: a demo's keys must not open real data."""
        url = self.database_url()
        marked = _read(self.folder() / MARKER).get("database")
        return (self.folder() / KEYS_FILE).is_file() and marked == (url and whereabouts(url))

    @property
    def names_server(self) -> bool:
        """Whether a server was named, so that nothing else may answer in its place."""
        return bool(self.server or os.environ.get("DAERI_SERVER"))

    def address(self) -> str:
        """Return the server's address: --server, DAERI_SERVER, what runs on the folder, else the usual port."""
        named = self.server or os.environ.get("DAERI_SERVER")
        if not named:
            running = _read(self.folder() / SERVER_FILE)
            named = str(running.get("url") or SERVER)
        if not named.startswith(("http://", "https://")):
            raise Trouble(
                "usage",
                Words(f"서버 주소가 아니에요: {named}", f"Not the address of a server: {named}"),
                fix=Words(f"이렇게 적어 주세요:  --server {SERVER}", f"Write it like this:  --server {SERVER}"),
                code=Code.USAGE,
            )
        return named.rstrip("/")

    def credential(self) -> str:
        """Return the API key: --key, --as, DAERI_KEY, else the demo's deputy.

        Raises:
            Trouble: there is no key for that person.
        """
        named = self.key or (None if self.login else os.environ.get("DAERI_KEY"))
        if named:
            return named
        login = self.login or DEMO_LOGIN
        keys = _read(self.folder() / KEYS_FILE)
        if login in keys:
            return str(keys[login])
        if keys:
            known = ", ".join(keys)
            why = Words(f"데모 계정은 {known} 이에요", f"The demo accounts are {known}")
        else:
            file = self.folder() / KEYS_FILE
            why = Words(f"{file} 파일이 없어요 (데모에만 있어요)", f"There is no {file} (only a demo has one)")
        raise Trouble(
            "no-key",
            Words(f"'{login}' 이름으로 물어볼 키가 없어요", f"There is no key to ask as '{login}'"),
            why=why,
            fix=Words(
                "--as 로 데모 계정을 고르거나, DAERI_KEY 에 API 키를 넣어 주세요 (만들기: daeri key create LOGIN)",
                "Choose a demo account with --as, or set DAERI_KEY to an API key (make one: daeri key create LOGIN)",
            ),
            code=Code.NOT_ALLOWED,
        )


def whereabouts(url: str) -> str:
    """Return where a database is, without who asks and with which password."""
    parts = urlsplit(url)
    host = parts.hostname or dict(parse_qsl(parts.query)).get("host") or "localhost"
    return f"{host}:{parts.port or 5432}{parts.path}" if not url.startswith(SQLITE_URL) else url


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(SQLITE)) == SQLITE
    except OSError:
        return False


def _read(file: Path) -> dict[str, Any]:
    """Read a small JSON object; a file that is missing or half-written says nothing."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
