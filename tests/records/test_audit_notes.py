"""Do the signed notes prove the end of the chain, through crashes, lost files, handed-on and lost keys?"""

import asyncio
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from daeri.errors import BrokenChain, NotReady
from daeri.records import audit
from daeri.records.anchors import ANCHOR_SECONDS, Anchors, prove
from daeri.records.store import Store
from daeri.verify_audit import CHECKPOINT, KEY
from records.audit_house import Kept, anchored, build_chain, entry


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return build_chain(tmp_path_factory.mktemp("chain"), 30)


@pytest.fixture
def folder(kept: Kept, tmp_path: Path) -> Path:
    return shutil.copytree(kept.folder, tmp_path / "copy")


def run(folder: Path, *statements: str) -> None:
    async def edit(_: Anchors, store: Store) -> None:
        for statement in statements:
            await store.write(lambda connection, statement=statement: connection.execute(text(statement)))

    asyncio.run(anchored(folder, edit))


def proved(folder: Path, key: str | None = None, *copies: Path) -> audit.Proof:
    async def look(anchors: Anchors, store: Store) -> audit.Proof:
        return await prove(store, [*anchors.files, *copies], key or anchors.public)

    proof: audit.Proof = asyncio.run(anchored(folder, look))
    return proof


def written(folder: Path, *numbers: int) -> None:
    async def write(_: Anchors, store: Store) -> None:
        await store.write(lambda connection: audit.append_all(connection, [entry(number) for number in numbers]))

    asyncio.run(anchored(folder, write))


def opened(folder: Path) -> None:
    asyncio.run(anchored(folder, lambda anchors, _: anchors.open()))


def bad(folder: Path, key: str | None = None, *copies: Path) -> tuple[int, str]:
    with pytest.raises(BrokenChain) as broken:
        proved(folder, key, *copies)
    return broken.value.seq, broken.value.reason.en


def test_a_new_chain_begins_with_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    opened(tmp_path)
    assert stat.S_IMODE((tmp_path / "audit.key").stat().st_mode) == 0o600
    assert b"PRIVATE KEY" in (tmp_path / "audit.key").read_bytes()

    async def look(_: Anchors, store: Store) -> list[dict[str, Any]]:
        return await store.read(audit.recent)

    rows = asyncio.run(anchored(tmp_path, look))
    assert [row["action"] for row in rows[::-1]] == [KEY, CHECKPOINT]
    assert proved(tmp_path).noted == 1


def test_a_head_that_is_a_note_is_not_noted_again(kept: Kept, folder: Path) -> None:
    opened(folder)
    opened(folder)
    assert proved(folder).last == len(kept.rows)
    assert (folder / "audit.anchors").read_text() == kept.notes


def test_each_note_stands_in_the_chain_and_in_the_file(kept: Kept) -> None:
    told = [json.loads(row["detail"])["note"] for row in kept.rows if row["action"] == CHECKPOINT]
    assert [json.loads(line) for line in kept.notes.splitlines()] == told
    assert [kept.rows[note["seq"] - 1]["hash"] for note in told] == [note["hash"] for note in told]


def test_rows_younger_than_a_note_are_noted_within_a_minute(folder: Path) -> None:
    written(folder, 500, 501)
    before = proved(folder)
    assert before.noted == before.last - 3
    opened(folder)
    assert proved(folder).noted == before.last
    assert ANCHOR_SECONDS <= 60


def test_a_note_that_a_crash_kept_from_the_file_is_found_missing_and_written_at_the_next_start(folder: Path) -> None:
    file = folder / "audit.anchors"
    whole = file.read_text()
    *_, last = whole.splitlines()
    file.write_text(whole[: -len(last) // 2])
    row, why = bad(folder)
    assert (row, why) == (json.loads(last)["seq"], "its note in the file of notes is missing, changed or out of place")
    opened(folder)
    assert [line for line in file.read_text().splitlines() if line.endswith("}")] == whole.splitlines()


def test_a_lost_file_of_notes_is_noticed_and_written_again_from_the_chain(kept: Kept, folder: Path) -> None:
    (folder / "audit.anchors").unlink()
    assert bad(folder)[0] == 1
    opened(folder)
    assert (folder / "audit.anchors").read_text() == kept.notes
    assert proved(folder).last == len(kept.rows)


def test_a_second_file_gets_every_note_also_after_it_was_away(kept: Kept, folder: Path, tmp_path: Path) -> None:
    away = tmp_path / "elsewhere" / "notes"

    async def note(anchors: Anchors, _: Store) -> None:
        anchors.files = [*anchors.files, away]
        await anchors.open()

    asyncio.run(anchored(folder, note))
    assert away.read_text() == kept.notes
    away.write_text("".join(kept.notes.splitlines(keepends=True)[2:]))
    assert proved(folder, None, away).noted == len(kept.rows) - 1


def test_a_chain_cut_to_before_a_note_is_found_by_a_copy_even_if_the_file_was_cut_too(
    kept: Kept, folder: Path, tmp_path: Path
) -> None:
    run(folder, "delete from audit where seq > 20")
    lines = kept.notes.splitlines(keepends=True)
    (folder / "audit.anchors").write_text("".join(line for line in lines if json.loads(line)["seq"] < 20))
    copy = tmp_path / "copy.notes"
    copy.write_text("".join(lines[-1:]))
    assert proved(folder, kept.key).last == 20
    assert bad(folder, kept.key, copy)[0] == 21


def test_the_key_is_handed_on_and_the_old_public_key_still_proves_the_chain(kept: Kept, folder: Path) -> None:
    asyncio.run(anchored(folder, lambda anchors, _: anchors.rotate()))
    proof = proved(folder, kept.key)
    assert list(proof.keys.values())[:2] == [kept.key, kept.last_key]
    assert len(proof.keys) == 3
    assert proof.noted == proof.last - 1


def test_a_rotation_that_a_crash_interrupted_is_finished_at_the_next_start(folder: Path) -> None:
    old = (folder / "audit.key").read_bytes()
    asyncio.run(anchored(folder, lambda anchors, _: anchors.rotate()))
    (folder / "audit.key").rename(folder / "audit.key.next")
    (folder / "audit.key").write_bytes(old)
    opened(folder)
    assert (folder / "audit.key").read_bytes() != old
    assert not (folder / "audit.key.next").exists()
    assert proved(folder).noted


def test_a_running_server_takes_up_a_key_that_another_process_handed_on(folder: Path) -> None:
    async def both(anchors: Anchors, store: Store) -> None:
        await anchors.open()
        await anchored(folder, lambda other, _: other.rotate())
        await store.write(lambda connection: audit.append(connection, entry(900)))
        await anchors.note()

    asyncio.run(anchored(folder, both))
    proof = proved(folder)
    assert proof.noted == proof.last - 1


def test_a_server_without_the_key_of_its_chain_does_not_start(folder: Path) -> None:
    (folder / "audit.key").unlink()
    with pytest.raises(NotReady, match="replace-lost"):
        opened(folder)
    (folder / "audit.key").write_text("not a key")
    with pytest.raises(NotReady, match="cannot be read"):
        opened(folder)


def test_a_lost_key_is_replaced_on_record_and_the_old_public_key_proves_no_more(kept: Kept, folder: Path) -> None:
    (folder / "audit.key").unlink()
    asyncio.run(anchored(folder, lambda anchors, _: anchors.rotate(lost=True)))
    opened(folder)
    assert proved(folder).noted
    row, why = bad(folder, kept.key)
    assert (row, why) == (proved(folder).last, "it is signed by a key that no known key handed on")


def test_a_database_older_than_its_notes_is_refused_until_that_is_on_record(kept: Kept, folder: Path) -> None:
    run(folder, "delete from audit where seq > 30")
    with pytest.raises(NotReady, match="audit accept"):
        opened(folder)
    moved = asyncio.run(anchored(folder, lambda anchors, _: anchors.accept()))
    assert moved[0].read_text() == kept.notes
    proof = proved(folder)
    assert proof.last > 30

    async def look(_: Anchors, store: Store) -> list[dict[str, Any]]:
        return await store.read(audit.recent)

    accepted = next(row for row in asyncio.run(anchored(folder, look)) if row["action"] == "audit.accept")
    assert accepted["detail"]["noted"] == json.loads(kept.notes.splitlines()[-1])["seq"]


def test_notes_written_before_they_were_signed_still_count(folder: Path, kept: Kept) -> None:
    file = folder / "audit.anchors"
    old = {"at": "2026-11-20T00:00:00.000Z", "seq": 5, "hash": kept.rows[4]["hash"]}
    lines = kept.notes.splitlines()
    file.write_text("\n".join([lines[0], json.dumps(old), *lines[1:]]) + "\n")
    assert proved(folder).last == len(kept.rows)
    file.write_text("\n".join([lines[0], json.dumps(old | {"hash": "0" * 64}), *lines[1:]]) + "\n")
    assert bad(folder)[0] == 5
