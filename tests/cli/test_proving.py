"""The audit log proves itself from the file alone, and names the row that somebody changed."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from cli.processes import Built, daeri, environment, talk, typed
from daeri import verify_audit
from daeri.clock import Clock
from daeri.records import audit
from daeri.records.anchors import Anchors
from daeri.records.store import Store
from databases import copied, database_of, look, only_sqlite


@pytest.fixture
def copy(built: Built, tmp_path: Path) -> Path:
    return copied(built.folder, tmp_path / "demo")


def tamper(folder: Path, statement: str) -> None:
    look(folder, statement)


def age(folder: Path) -> None:
    """Let five years pass: the rows as they would have been written then, signed by the same server."""

    async def write() -> None:
        store = Store(database_of(folder))
        files = [folder / "audit.anchors"]
        for file in (*files, folder / "audit.key"):
            file.unlink()

        def rewrite(connection: Connection) -> None:
            connection.execute(text("delete from audit"))
            times = [datetime.now(UTC) - timedelta(days=days) for days in (1900, 1800, 1700, 3, 2, 1)]
            audit.append_all(connection, [audit.Entry(at, 1, None, "rest", "work.find", "done") for at in times])

        await store.write(rewrite)
        await Anchors(store, Clock(), folder / "audit.key", files).open()
        await store.close()

    asyncio.run(write())


@only_sqlite("a server's files are its own; that a reader writes nothing is shown in records/test_store.py")
def test_an_untouched_log_verifies_and_is_not_touched(copy: Path) -> None:
    before = (copy / "daeri.db").read_bytes()
    ended = daeri("audit", "verify", "--dir", copy)
    assert ended.returncode == 0, ended.stderr
    assert "모두 그대로예요" in ended.stdout
    assert (copy / "daeri.db").read_bytes() == before


def test_a_changed_row_exits_5_and_is_named(copy: Path) -> None:
    tamper(copy, "UPDATE audit SET action = 'leave.cancel' WHERE seq = 7")
    ended = daeri("audit", "verify", "--dir", copy)
    assert ended.returncode == 5
    assert "7번째 기록" in ended.stderr
    assert "leave.cancel" in ended.stderr
    english = daeri("--lang", "en", "audit", "verify", "--dir", copy)
    assert "Row 7 was changed" in english.stderr
    verdict = daeri("audit", "verify", "--dir", copy, "--json")
    assert verdict.returncode == 5
    assert json.loads(verdict.stdout)["row"] == 7


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("DELETE FROM audit WHERE seq = 5", 5),
        ("UPDATE audit SET records = 'no json' WHERE seq = 4", 4),
        ("UPDATE audit SET at = 'yesterday' WHERE seq = 3", 3),
        pytest.param(
            "UPDATE audit SET records = x'ff' WHERE seq = 2",
            2,
            marks=only_sqlite("a column of PostgreSQL holds one kind of value"),
        ),
    ],
)
def test_a_removed_or_garbled_row_is_named_too(copy: Path, statement: str, row: int) -> None:
    tamper(copy, statement)
    ended = daeri("audit", "verify", "--dir", copy, "--json")
    assert ended.returncode == 5, ended.stderr
    assert json.loads(ended.stdout)["row"] == row


def test_a_folder_without_data_and_a_file_that_is_no_database_say_so(tmp_path: Path) -> None:
    missing = daeri("audit", "verify", "--dir", tmp_path)
    assert missing.returncode == 1
    assert "no-data" in missing.stderr
    (tmp_path / "daeri.db").write_bytes(b"not a database at all" * 100)
    broken = daeri("audit", "verify", "--dir", tmp_path)
    assert broken.returncode == 1
    assert "Traceback" not in broken.stderr


def test_the_tail_shows_who_did_what(copy: Path) -> None:
    shown = daeri("audit", "tail", "-n", "3", "--dir", copy)
    assert shown.returncode == 0, shown.stderr
    assert "key.add" in shown.stdout
    assert "정도윤" in shown.stdout


def test_the_tail_shows_whose_data_who_acted_and_since_when(copy: Path) -> None:
    def rows(*options: str) -> list[dict[str, object]]:
        shown = talk("audit", "tail", "-n", "1000", "--json", "--dir", copy, *options)
        assert shown.returncode == 0, shown.stderr
        return json.loads(shown.stdout)["data"]

    everything = rows()
    mine = rows("--by", "정도윤")
    assert 0 < len(mine) < len(everything)
    assert {row["who"] for row in mine} == {"정도윤 차장"}
    assert rows("--since", "2999-01-01") == []
    assert all(row["seq"] for row in rows("--person", "deputy"))
    assert talk("audit", "tail", "--by", "아무개", "--dir", copy).returncode == 2
    assert talk("audit", "tail", "--since", "어제", "--dir", copy).returncode == 2


def test_the_tail_goes_on_as_rows_are_written(copy: Path) -> None:
    with subprocess.Popen(
        typed("audit", "tail", "-f", "-n", "1", "--json", "--dir", copy),
        stdout=subprocess.PIPE,
        text=True,
        env=environment() | {"PYTHONUNBUFFERED": "1"},
    ) as following:
        assert following.stdout is not None
        try:
            assert json.loads(following.stdout.readline())["action"] == "key.add"
            made = talk("key", "create", "hr", "--dir", copy)
            assert made.returncode == 0
            assert json.loads(following.stdout.readline())["action"] == "key.add"
        finally:
            following.terminate()


def test_the_log_proves_itself_elsewhere(copy: Path, tmp_path: Path) -> None:
    assert talk("audit", "key", "--dir", copy).returncode == 1
    note = json.loads(talk("audit", "note", "--dir", copy).stdout)
    key = json.loads(talk("audit", "key", "--json", "--dir", copy).stdout)
    assert note["key"] == key["key"]
    export = tmp_path / "export.jsonl"
    told = json.loads(talk("audit", "export", "--out", export, "--json", "--dir", copy).stdout)
    assert (told["first"], told["key"]) == (1, key["key"])
    command = [sys.executable, verify_audit.__file__, str(export), "--key", key["public_key"]]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    export.write_bytes(export.read_bytes().replace(b"key.add", b"key.bad", 1))
    broken = subprocess.run(command, check=False, capture_output=True, text=True)
    assert broken.returncode == 5
    assert "broken at row" in broken.stderr
    around = json.loads(talk("audit", "export", "--out", export, "--around", "20", "--json", "--dir", copy).stdout)
    assert around["rows"] == min(520, told["rows"])


def test_a_tail_that_was_cut_off_is_found_by_the_notes(copy: Path) -> None:
    note = json.loads(talk("audit", "note", "--dir", copy).stdout)
    assert json.loads(talk("audit", "verify", "--json", "--dir", copy).stdout)["signed_to"] == note["seq"]
    tamper(copy, f"DELETE FROM audit WHERE seq > {note['seq'] - 3}")
    verdict = talk("audit", "verify", "--json", "--dir", copy)
    assert (verdict.returncode, json.loads(verdict.stdout)["row"]) == (5, note["seq"] - 2)
    refused = talk("audit", "note", "--dir", copy)
    assert refused.returncode == 1
    assert "audit accept" in refused.stderr
    assert talk("audit", "accept", "--dir", copy).returncode == 0
    assert talk("audit", "verify", "--dir", copy).returncode == 0


def test_a_handed_on_key_still_proves_under_the_one_before(copy: Path) -> None:
    talk("audit", "note", "--dir", copy)
    before = json.loads(talk("audit", "key", "--json", "--dir", copy).stdout)["public_key"]
    after = json.loads(talk("audit", "key", "--rotate", "--json", "--dir", copy).stdout)["public_key"]
    assert after != before
    for key in (before, after):
        assert talk("audit", "verify", "--public-key", key, "--dir", copy).returncode == 0
    assert talk("audit", "verify", "--public-key", "ab" * 32, "--dir", copy).returncode == 5


def test_old_rows_go_only_when_asked_to_and_never_silently(copy: Path, tmp_path: Path) -> None:
    talk("audit", "note", "--dir", copy)
    young = json.loads(talk("audit", "prune", "--dry-run", "--json", "--dir", copy).stdout)
    assert (young["pruned"], young["rows"]) == (False, 0)
    age(copy)
    asked = talk("audit", "prune", "--dir", copy)
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    dry = json.loads(talk("audit", "prune", "--dry-run", "--json", "--dir", copy).stdout)
    assert dry["rows"] > 0
    archive = tmp_path / "old.jsonl"
    gone = talk("audit", "prune", "--yes", "--archive", archive, "--json", "--dir", copy)
    assert json.loads(gone.stdout) | {"pruned": False} == dry
    assert json.loads(talk("audit", "verify", "--json", "--dir", copy).stdout)["first"] == dry["last"] + 1
    assert verify_audit.main([str(archive)]) == 0


def test_a_log_that_was_changed_is_evidence_and_is_not_pruned(copy: Path) -> None:
    talk("audit", "note", "--dir", copy)
    tamper(copy, "UPDATE audit SET action = 'leave.cancel' WHERE seq = 7")
    assert talk("audit", "prune", "--yes", "--dir", copy).returncode == 5


def test_a_key_is_shown_once_works_within_its_scope_and_ends(copy: Path) -> None:
    made = json.loads(daeri("key", "create", "hr", "--scope", "leave.*", "--json", "--dir", copy).stdout)
    names = json.loads(daeri("op", "list", "--json", "--dir", copy, DAERI_KEY=made["key"]).stdout)["data"]
    assert {operation["catalog"] for operation in names} == {"leave"}
    revoked = daeri("key", "revoke", made["id"], "--dir", copy)
    assert revoked.returncode == 0
    assert made["key"] not in revoked.stdout
    assert daeri("op", "list", "--dir", copy, DAERI_KEY=made["key"]).returncode == 3


def test_the_accounts_are_listed_with_their_people(copy: Path) -> None:
    users = json.loads(daeri("user", "list", "--json", "--dir", copy).stdout)["data"]
    assert {user["login"] for user in users} == {"deputy", "lead", "director", "hr", "admin"}
