"""How does the sample company come into a folder? Built once, through the public operations; recognised afterwards.

A marker file says `building` from before the first row and `ready` after the last, so a build that was interrupted is
seen and made again, and a folder with somebody's real data is never taken for one.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import structlog

from daeri import __version__
from daeri.app import Daeri
from daeri.cli.company import unreachable
from daeri.cli.place import DATABASE, KEYS_FILE, MARKER, SERVER_FILE, URL_FILE, whereabouts
from daeri.cli.trouble import Trouble
from daeri.cli.words import Words
from daeri.clock import Clock, rfc3339
from daeri.errors import DaeriError, NotReady
from daeri.operations.listing import ListQuery
from daeri.records import Actor, Record
from daeri.records.store import Store, system
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.settings import ANCHORS_FILE, AUDIT_KEY_FILE, Settings

log = structlog.get_logger()

LOGINS: Final = ("deputy", "lead", "director", "hr", "admin")
LOCK: Final = ".building"
MADE: Final = (DATABASE, "engine.db", ANCHORS_FILE, AUDIT_KEY_FILE, KEYS_FILE, SERVER_FILE, URL_FILE, MARKER)
"""The files of a demo, engine.db of one of before 2026-11-22; a build that broke off is cleared of these alone."""
BESIDE: Final = ("", "-wal", "-shm", "-journal")

T = TypeVar("T")
State = Literal["empty", "building", "ready", "foreign"]
Progress = Callable[[str, int, int], None]


def state_of(settings: Settings) -> State:
    """Say what there is: nothing yet, an interrupted build, a demo, or data that is not a demo's.

    Raises:
        Trouble: the database server cannot be reached.
    """
    folder = settings.dir
    marker = _marked(folder / MARKER)
    if marker is not None:
        if marker.get("database") != _where(settings):
            return "foreign"
        there = not settings.is_on_server or not _is_empty(settings)
        return "ready" if marker.get("state") == "ready" and there else "building"
    if settings.is_on_server:
        return "empty" if _is_empty(settings) else "foreign"
    return "foreign" if (folder / DATABASE).exists() else "empty"


def build_demo(settings: Settings, clock: Clock, progress: Progress) -> None:
    """Build the company into the settings' folder or database, with its demo accounts and their keys.

    Raises:
        Trouble: another process builds there, or it holds data that is not a demo's.
    """
    folder = settings.dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder):
        state = state_of(settings)
        if state == "ready":
            return
        if state == "foreign":
            raise _not_a_demo(settings)
        if state == "building" and settings.is_on_server:
            asyncio.run(_with_store(settings, lambda store: store.wipe(system, Record.metadata)))
        _clear(folder)
        _mark(settings, "building", clock)
        if settings.database_url is not None:  # so that every command on the folder finds its data
            write_private(folder / URL_FILE, {"url": settings.database_url.get_secret_value()})
        write_private(folder / KEYS_FILE, asyncio.run(_built(settings, clock, progress)))
        _mark(settings, "ready", clock)


def _not_a_demo(settings: Settings) -> Trouble:
    where = _where(settings) or str(settings.dir)
    return Trouble(
        "not-a-demo",
        Words(f"{where} 에 데모가 아닌 데이터가 있어요", f"{where} holds data that is not a demo's"),
        why=Words("지우지 않으려고 멈췄어요", "Stopped, so that nothing is lost"),
        fix=Words(
            "빈 데이터베이스나 다른 폴더로 해 주세요:  daeri demo --dir 폴더",
            "Take an empty database or another folder:  daeri demo --dir FOLDER",
        ),
    )


def _where(settings: Settings) -> str | None:
    return whereabouts(settings.database_url.get_secret_value()) if settings.database_url else None


def _is_empty(settings: Settings) -> bool:
    try:
        return asyncio.run(_with_store(settings, lambda store: store.is_empty()))
    except NotReady as error:
        raise unreachable(settings, error) from None


async def _with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    store = Store(settings.store_url)
    try:
        return await work(store)
    finally:
        await store.close()


async def _built(settings: Settings, clock: Clock, progress: Progress) -> dict[str, str]:
    daeri = Daeri(hanbit(), settings, clock)
    await daeri.open(working=False)
    try:
        await build(daeri.door, Actor.system("demo"), clock, progress)
        return await _people_in(daeri)
    finally:
        await daeri.close()


async def bring_documents(daeri: Daeri) -> None:
    """Bring the sample's documents in, once, while the server answers: to write and read them takes the longest."""
    marker = daeri.settings.dir / MARKER
    told = _marked(marker) or {}
    if told.get("documents") == "brought":
        return
    from daeri.sample.papers.bring import bring  # noqa: PLC0415 - what writes documents is loaded beside, not before

    try:
        await bring(daeri.librarian, daeri.door, daeri.shelf, daeri.clock)
    except DaeriError as error:
        log.warning("demo.documents", detail=error.detail.en)
        return
    write_private(marker, told | {"documents": "brought"})


async def _people_in(daeri: Daeri) -> dict[str, str]:
    """Give the demo people their accounts and keys; return the keys by login."""
    query = ListQuery(filters=[("login", "in", ",".join(LOGINS))])
    page = await daeri.shelf.page(Actor.system("demo"), "employee", query, "ko")
    ids = {row["login"]: row["id"] for row in page["data"]}
    keys = {}
    for login in LOGINS:
        await daeri.identity.add_account(login, ids[login], demo=True)
        keys[login] = (await daeri.identity.add_key(ids[login], "demo", decides=True)).secret
    return keys


def people_of(settings: Settings) -> list[dict[str, Any]]:
    """Return the demo people with their logins, in the order of LOGINS."""

    async def look() -> list[dict[str, Any]]:
        daeri = Daeri(hanbit(), settings)
        try:
            return await daeri.identity.demo_people()
        finally:
            await daeri.store.close()

    people = asyncio.run(look())
    return sorted(people, key=lambda person: LOGINS.index(person["login"]))


def write_private(file: Path, body: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all, readable by its owner only."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(body, ensure_ascii=False, indent=2) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def _mark(settings: Settings, state: str, clock: Clock) -> None:
    told = {"state": state, "at": rfc3339(clock.now()), "version": __version__, "database": _where(settings)}
    write_private(settings.dir / MARKER, told)


def _marked(marker: Path) -> dict[str, Any] | None:
    """Return what a marker says; nothing of use where it is half-written, None where there is none."""
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _clear(folder: Path) -> None:
    for name in MADE:
        for ending in BESIDE:
            (folder / f"{name}{ending}").unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder while building; a killed process lets go of it by itself."""
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Trouble(
                "in-use",
                Words("다른 창에서 이 폴더에 만들고 있어요", "Another process is building in this folder"),
                fix=Words(
                    "끝날 때까지 기다리거나 --dir 로 다른 폴더를 써 주세요", "Wait for it, or take another --dir"
                ),
            ) from None
        yield
        (folder / LOCK).unlink(missing_ok=True)
