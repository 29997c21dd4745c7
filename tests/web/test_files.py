"""My files as a screen: one's own alone, deleted by a form."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daeri.library.disk import Disk
from daeri.tools.files import files_catalog
from web.conftest import text_of
from worlds import COLLEAGUE, OWNER, World, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, files_catalog()) as opened:
        opened.door.parts[Disk] = Disk(tmp_path / "own-files")
        yield opened


@pytest.fixture
async def written(world: World) -> int:
    values = {"name": "집계.csv", "text": "a,b\n"}
    owner = await world.actor(OWNER)
    held = await world.held(await world.deputy(OWNER), "files.write", values)
    await world.approvals.decide(owner, held.approval_id, "approve")
    (row,) = (await world.done(owner, "files.list", {})).result["rows"]
    return int(row["file"])


async def test_a_person_sees_their_files_and_can_fetch_them(people, written):
    page = await people["owner"].get("/files")
    assert "assistant" in text_of(page)
    assert f'href="/v1/files/{written}/content"' in page.text
    assert 'aria-current="page"' in page.text


async def test_nobody_else_sees_a_file_or_deletes_it_by_its_form(people, world, written):
    await world.done(await world.actor(COLLEAGUE), "files.write", {"name": "mine.txt", "text": "x"})
    for other in ("colleague", "stranger", "hr"):
        assert "집계" not in (await people[other].get("/files")).text
        answer = await people[other].post("/files", {"file": str(written)}, seen="/files")
        assert answer.status_code == 404
    assert "집계" in (await people["owner"].get("/files")).text


async def test_a_person_deletes_a_file_of_theirs(people, written):
    answer = await people["owner"].post("/files", {"file": str(written)}, seen="/files")
    assert (answer.status_code, answer.headers["location"]) == (303, "/files?deleted=1")
    assert "저장한 파일이 없어요" in text_of(await people["owner"].get("/files"))
    assert (await people["owner"].post("/files", {"file": "x"}, seen="/files")).status_code == 404
