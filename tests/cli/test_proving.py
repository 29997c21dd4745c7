"""The audit log proves itself from the file alone, and names the row that somebody changed."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cli.processes import daeri


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder, tmp_path / "demo")
    return tmp_path / "demo"


def tamper(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "daeri.db")) as database:
        database.execute(statement)
        database.commit()


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
        ("UPDATE audit SET records = x'ff' WHERE seq = 2", 2),
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
