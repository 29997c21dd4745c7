"""Is reading a file work that can be watched, stopped and taken up, and is only what is new of it embedded?"""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from daeri.app import Daeri
from daeri.library.cells import Reading
from daeri.library.librarian import Brought
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.settings import Settings
from databases import copied, forget, look, settings_for
from library.conftest import read_due
from servers import Server

pytestmark = pytest.mark.anyio

SECTIONS = [f"## 제{number}조\n\n{number}번째 조항은 부서 {number}의 일을 정한다." for number in range(1, 9)]
LONG = "\n\n".join(f"## {number}번\n\n" + f"{number}번 설비의 점검 방법을 적는다. " * 30 for number in range(400))


async def _pieces(content: str, encoding: str = "utf-8") -> AsyncIterator[bytes]:
    yield content.encode(encoding)


async def _deputy(daeri: Daeri) -> Actor:
    people = await daeri.door.mentions(Actor.system("test"), ["김하은"])
    return await daeri.identity.actor_of_person(people[0].id, "test")


async def _passages(daeri: Daeri, key: int) -> list[tuple[str, str]]:
    statement = text("SELECT text, model FROM passage WHERE file_id = :key ORDER BY ordinal")
    rows = await daeri.store.read(lambda connection: connection.execute(statement, {"key": key}).all())
    return [(row.text, row.model) for row in rows]


async def test_of_a_new_edition_only_changed_passages_are_embedded(
    hanbit_library: Daeri, monkeypatch: pytest.MonkeyPatch
) -> None:
    librarian, readings = hanbit_library.librarian, []
    read = librarian._cells.read

    def spy(*arguments: Any) -> Reading:
        readings.append(read(*arguments))
        return readings[-1]

    monkeypatch.setattr(librarian._cells, "read", spy)
    deputy, keys = await _deputy(hanbit_library), []
    changed = [*SECTIONS[:4], "## 제5조\n\n다섯째 조항은 새로 정한다.", *SECTIONS[5:]]
    for sections in (SECTIONS, changed):
        run = await librarian.add(deputy, Brought("조항.md", "시험"), _pieces("\n\n".join(sections)))
        await read_due(hanbit_library)
        keys.append(int(run["document"]["document"]))
    made = [[item.passage.text for item in each.passages if item.embedded is not None] for each in readings]
    assert (len(made[0]), made[1]) == (8, ["다섯째 조항은 새로 정한다."])
    held = await _passages(hanbit_library, keys[1])
    assert [words for words, _ in held][4] == "다섯째 조항은 새로 정한다."
    assert all(model for _, model in held), "what was not embedded anew has the vectors it had"


async def test_characters_that_no_database_keeps_lose_nothing_else_of_a_file(hanbit_library: Daeri) -> None:
    deputy = await _deputy(hanbit_library)
    content = _pieces("가나다\0라마바 설비 점검표", "utf-16")
    run = await hanbit_library.librarian.add(deputy, Brought("제어문자.txt", "시험"), content)
    await read_due(hanbit_library)
    held = await _passages(hanbit_library, int(run["document"]["document"]))
    assert held[0][0] == "가나다라마바 설비 점검표"


@pytest.fixture
async def working(furnished_library: Path, tmp_path: Path) -> AsyncIterator[Daeri]:
    """The company with its engine running."""
    folder = copied(furnished_library, tmp_path / "hanbit")
    async with Daeri(hanbit(), Settings(dir=folder, demo=True, **settings_for(folder))) as daeri:
        yield daeri
    forget(folder)


async def test_reading_tells_how_far_it_is_and_stops_when_it_is_cancelled(working: Daeri) -> None:
    deputy = await _deputy(working)
    run = await working.librarian.add(deputy, Brought("설비점검.md", "시험"), _pieces(LONG))
    key, seen = run["document"]["document"], []
    async for event in working.runs.events(deputy, run["run_id"]):
        if event is not None and event["type"] == "progress.updated":
            seen.append(event["passages"])
            if seen[-1]:
                break
    ended = await working.runs.cancel(deputy, run["run_id"])
    assert ended["status"] == "cancelled"
    assert await _status(working, deputy, key) == "stopped"
    assert await _passages(working, key) == []
    again = await working.librarian.add(deputy, Brought("설비점검.md", "시험"), _pieces(LONG))
    done = await working.runs.wait(deputy, again["run_id"], 60)
    assert (done["status"], again["document"]["document"]) == ("succeeded", key)
    assert len(await _passages(working, key)) > seen[-1]


async def test_what_was_stopped_is_not_read_when_the_server_starts_again(working: Daeri) -> None:
    deputy = await _deputy(working)
    run = await working.librarian.add(deputy, Brought("설비점검.md", "시험"), _pieces(LONG))
    await working.runs.cancel(deputy, run["run_id"])
    await working.librarian.take_up()
    assert await _status(working, deputy, run["document"]["document"]) == "stopped"
    assert await working.runs.planned("library") == set()


async def _status(daeri: Daeri, actor: Actor, key: int) -> str:
    """The status of a file once its stopped run has noticed."""
    for _ in range(200):
        row = await daeri.shelf.get(actor, "company_file", str(key), "ko")
        if row["status"] != "waiting":
            break
    return str(row["status"])


@pytest.mark.night
def test_a_server_killed_while_it_reads_goes_on_and_reads_every_file_once(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    server = Server(folder, "demo").start()
    try:
        for read in (4, 20):
            _until_read(folder, read)
            server.kill()
            server.start()
        _until_read(folder, 42)
    finally:
        server.stop()
    assert look(folder, "SELECT count(*) FROM company_file WHERE status = 'waiting'") == [(0,)]
    assert look(folder, "SELECT file_id FROM passage GROUP BY file_id, ordinal HAVING count(*) > 1") == []
    counted = (
        "SELECT f.id FROM company_file f WHERE f.passages <> (SELECT count(*) FROM passage p WHERE p.file_id = f.id)"
    )
    assert look(folder, counted) == []
    steps = look(folder, "SELECT output FROM step WHERE kind = 'read'")
    assert len(steps) >= 42
    assert len({row[0] for row in steps}) == len(steps)


def _until_read(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if look(folder, "SELECT count(*) FROM company_file WHERE status IN ('ready', 'unreadable')")[0][0] >= count:
            return
        time.sleep(0.05)
    raise AssertionError(look(folder, "SELECT name, status FROM company_file"))
