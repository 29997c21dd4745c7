"""The stand-alone verifier: one short file of nothing but Python, which judges databases and exports as Daeri does."""

import ast
import asyncio
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import daeri.verify_audit
from daeri.records.anchors import Anchors
from daeri.records.exporting import Range, lines, range_of
from daeri.records.store import Store
from daeri.verify_audit import GENESIS, Broken, Verifier, is_signature, main, verify_export
from records.audit_house import Kept, anchored, build_chain
from worlds import NOW

FILE = Path(daeri.verify_audit.__file__)
LINES_MAX = 299
FLIPS = 250


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return build_chain(tmp_path_factory.mktemp("chain"), 60)


def exported(kept: Kept, first: int = 1, last: int = 10**6, *, signed: bool = True) -> list[bytes]:
    async def write(anchors: Anchors, store: Store) -> list[bytes]:
        def all_lines(connection: Any) -> list[bytes]:
            key = anchors.signer(connection) if signed else None
            return list(lines(connection, Range(first, last), key, NOW))

        return await store.read(all_lines)

    found: list[bytes] = asyncio.run(anchored(kept.folder, write))
    return found


def judged(export: list[bytes], key: str | None = None) -> Verifier:
    verifier = Verifier(key)
    verify_export(iter(export), verifier)
    return verifier


def bad(export: list[bytes], key: str | None = None) -> tuple[int, str]:
    with pytest.raises(Broken) as broken:
        judged(export, key)
    return broken.value.seq, broken.value.code


def test_it_is_one_file_of_under_300_lines_that_imports_only_the_standard_library() -> None:
    text = FILE.read_text()
    assert len(text.splitlines()) <= LINES_MAX
    named = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name.split(".")[0] for name in named} <= sys.stdlib_module_names


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a copy of the file where nothing else can be imported."""
    copy = shutil.copy(FILE, cwd / "verify.py")
    return subprocess.run(
        [sys.executable, "-I", "-S", copy, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd
    )


def test_a_copy_of_it_verifies_a_database_and_an_export_where_nothing_else_is_installed(
    kept: Kept, tmp_path: Path
) -> None:
    key_file = tmp_path / "public"
    key_file.write_text(f"name of the key\n{kept.key}\n")
    asked = run(kept.database, "--key", key_file, "--notes", kept.notes_file, "--copy", kept.notes_file, cwd=tmp_path)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert f"rows 1-{len(kept.rows)} are as they were written; signed up to row {len(kept.rows) - 1}" in asked.stdout
    assert kept.rows[-1]["hash"] in asked.stdout
    export = tmp_path / "export.jsonl"
    export.write_bytes(b"".join(exported(kept)))
    asked = run(export, "--key", kept.key, cwd=tmp_path)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert f"signed up to row {len(kept.rows)}" in asked.stdout


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("update audit set action = 'x' where seq = 20", 20),
        ("delete from audit where seq = 20", 20),
        ("delete from audit where seq >= 20", 20),
        ("delete from audit where seq <= 20", 1),
        ("update audit set at = '2020-01-01T00:00:00+00:00' where seq = 20", 20),
        ("update audit set records = x'ff' where seq = 20", 20),
        ("update audit set records = cast(x'ff' as text) where seq = 20", 20),
        ("update audit set detail = 7 where seq = 20", 20),
    ],
)
def test_a_changed_database_exits_5_and_names_the_row(kept: Kept, tmp_path: Path, statement: str, row: int) -> None:
    database = Path(shutil.copy(kept.database, tmp_path))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()
    asked = run(database, "--notes", kept.notes_file, cwd=tmp_path)
    assert asked.returncode == 5
    assert f"broken at row {row}: " in asked.stderr


def test_what_cannot_be_read_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "db").write_bytes(b"SQLite format 3\0 but not really")
    assert main([str(tmp_path / "missing")]) == 1
    assert main([str(tmp_path / "db")]) == 1
    assert main([str(tmp_path / "db"), "--key", "no hex"]) == 1
    assert capsys.readouterr().err.count("cannot be read") == 3


def test_any_character_changed_in_an_export_is_found_and_the_row_of_its_line_named(kept: Kept) -> None:
    whole = exported(kept, 15, 45)
    assert judged(list(whole), kept.key).noted == 45
    chance = random.Random(7)  # noqa: S311 - nothing secret
    for _ in range(FLIPS):
        number = chance.randrange(len(whole))
        line = bytearray(whole[number])
        at = chance.randrange(len(line))
        line[at] = chance.choice([byte for byte in b'0123456789abcxyz":{}, \n\xff' if byte != line[at]])
        row, code = bad([*whole[:number], bytes(line), *whole[number + 1 :]], kept.key)
        if number == 0:  # the head stands for the first row, or for row 1 where it no longer says which that is
            assert code == "number" or row in (1, 15)
        elif number == len(whole) - 1:  # the end stands for the row that would come next, or for all of them
            assert row in (15, 45, 46)
        else:
            assert row == 14 + number or (code == "number" and row < 14 + number)


def test_lines_that_are_dropped_doubled_added_or_cut_off_are_found(kept: Kept) -> None:
    whole = exported(kept, 15, 45)
    for number in range(1, len(whole) - 1):
        assert bad([*whole[:number], *whole[number + 1 :]])[0] == 14 + number
        assert bad([*whole[:number], whole[number], *whole[number:]])[0] == 14 + number
        assert bad(whole[:number]) == (14 + number, "cut")
    assert bad([*whole, whole[3]]) == (15, "frame")
    assert bad([]) == (1, "cut")


def test_an_export_that_somebody_without_the_key_made_anew_is_not_signed_by_it(kept: Kept) -> None:
    whole = exported(kept, 15, 45, signed=False)
    assert judged(whole).noted  # by a note within it
    cut = exported(kept, 15, 19, signed=False)
    assert judged(cut).noted == 0
    assert bad(cut, kept.key) == (15, "unsigned")


def test_an_export_may_hold_any_stretch_of_time_or_nothing(kept: Kept) -> None:
    async def look(_: Anchors, store: Store) -> list[Range]:
        times = [NOW.replace(second=10), NOW.replace(second=20), NOW.replace(year=2030), NOW.replace(year=2000)]
        return await store.read(
            lambda connection: [
                range_of(connection),
                range_of(connection, times[0], times[1]),
                range_of(connection, since=times[2]),
                range_of(connection, until=times[3]),
            ]
        )

    everything, some, late, early = asyncio.run(anchored(kept.folder, look))
    assert (everything.first, everything.last) == (1, len(kept.rows))
    between = [row["seq"] for row in kept.rows if NOW.replace(second=10).isoformat() <= row["at"]]
    assert some.first == between[0]
    assert everything.last - some.last <= 1  # a note written at an earlier time stands near the end
    for empty in (late, early):
        assert judged(exported(kept, empty.first, empty.last)).last == empty.first - 1


def test_a_chain_that_begins_in_the_middle_needs_a_signed_base(kept: Kept) -> None:
    verifier = Verifier()
    for row in kept.rows[20:]:
        verifier.take(row)
    with pytest.raises(Broken) as broken:
        verifier.finish(whole=True)
    assert (broken.value.seq, broken.value.code) == (1, "number")


def test_an_empty_chain_is_whole_unless_notes_tell_of_rows(kept: Kept) -> None:
    verifier = Verifier(kept.key)
    verifier.finish(whole=True)
    assert (verifier.last, verifier.hash) == (0, GENESIS)


VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "signed", "signature"), VECTORS)
def test_signatures_of_the_standard_itself_fit(public: str, signed: str, signature: str) -> None:
    assert is_signature(bytes.fromhex(public), bytes.fromhex(signed), bytes.fromhex(signature))


def test_it_judges_signatures_as_the_library_does() -> None:
    chance = random.Random(11)  # noqa: S311 - nothing secret
    for number in range(40):
        private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        public, signed = private.public_key().public_bytes_raw(), chance.randbytes(number)
        signature = private.sign(signed)
        assert is_signature(public, signed, signature)
        forged = bytearray(signature)
        forged[chance.randrange(64)] ^= 1 << chance.randrange(8)
        other = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32)).public_key().public_bytes_raw()
        for wrong in (
            (public, signed, bytes(forged)),
            (public, signed + b"x", signature),
            (other, signed, signature),
            (public, signed, signature[:63]),
            (public, signed, signature[:32] + b"\xff" * 32),
        ):
            try:
                assert not is_signature(*wrong)
            except ValueError:  # no point of the curve
                continue


def test_the_notes_of_a_database_are_those_of_its_file(kept: Kept) -> None:
    told = [json.loads(line) for line in kept.notes.splitlines()]
    assert all(set(note) == {"at", "hash", "key", "seq", "signature"} for note in told)
