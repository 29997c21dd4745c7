"""Can what is written be read, checked, loaded and kept: by people, by ruff and mypy, by a second run?"""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

import daeri
from adopt import nasty
from adopt.adopt_house import look, written
from cli.processes import daeri as run
from daeri.adopt.compare import Unparsable, compare
from daeri.operations.policy_lint import lint
from daeri.records.record import Adopted, mark_of

SOURCES = Path(daeri.__file__).parents[1]
RULES = "ALL"
NOT_OURS = "COM812,CPY001,D203,D213,INP001,RUF001,RUF002,RUF003,TC"
"""Rules that contradict each other or the formatter, and those that Korean text and a file of its own cannot meet."""


def ruff(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ruff where the file lies, which is no project of ours."""
    command = [sys.executable, "-m", "ruff", *map(str, arguments)]
    where = Path(arguments[-1]).parent
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=where)


@pytest.fixture
def file(source: str, tmp_path: Path) -> Path:
    file = tmp_path / "company.py"
    file.write_text(source, encoding="utf-8")
    return file


def test_the_module_is_formatted(file: Path) -> None:
    told = ruff("format", "--isolated", "--diff", file)
    assert told.returncode == 0, told.stdout


def test_the_module_passes_the_linter(file: Path) -> None:
    told = ruff("check", "--isolated", "--select", RULES, "--ignore", NOT_OURS, "--line-length", "120", file)
    assert told.returncode == 0, told.stdout


def test_the_module_is_typed(file: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MYPYPATH": str(SOURCES)},
        cwd=file.parent,
    )
    assert told.returncode == 0, told.stdout


def test_the_module_says_nothing_of_what_the_database_holds(source: str) -> None:
    for value in ("김하은", "900101", "010-1234", "haeun@", "10.0.0.1"):
        assert value not in source


def test_every_personal_field_is_hidden_from_everybody(company_module: ModuleType) -> None:
    staff = company_module.사원
    hidden = [column.key for column in staff.__table__.columns if mark_of(column.info).readers == ()]
    assert hidden == ["성명", "주민번호", "휴대폰", "EMAIL_ADDR", "기본급", "비고"]
    assert all(mark_of(staff.__table__.columns[name].info).data_class == "personal" for name in hidden)


def test_every_record_without_a_rule_is_named_by_the_linter(company_module: ModuleType) -> None:
    found = {finding.where for finding in lint(company_module.company()) if finding.code == "row-rule"}
    classes = [one for one in vars(company_module).values() if isinstance(one, type) and issubclass(one, Adopted)]
    assert found == {one.__tablename__ for one in classes if one is not Adopted}


def test_an_unchanged_database_differs_in_nothing(erp: Path, source: str) -> None:
    assert compare(source, look(erp)).is_empty


def test_what_is_new_and_what_is_gone_is_shown_against_an_edited_file(source: str, tmp_path: Path) -> None:
    changed = nasty.build(tmp_path / "erp.db")
    with closing(sqlite3.connect(changed)) as connection:
        connection.executescript(
            """
            DROP VIEW broken; DROP VIEW "매출";
            CREATE TABLE "계약" (id INTEGER PRIMARY KEY, "계약자" TEXT);
            ALTER TABLE "부서" ADD COLUMN "전화번호" TEXT;
            ALTER TABLE log DROP COLUMN ip;
            """
        )
    edited = source.replace("class 부서(Adopted):", "class Unit(Adopted):").replace("상위부서: Mapped", "above: Mapped")
    edited = edited.replace(
        'mapped_column(ForeignKey("부서.부서코드"))\n\n\n', 'mapped_column("상위부서", key="above")\n\n\n'
    )
    difference = compare(edited, look(changed))
    assert [entry.kind for entry in difference.new] == ["계약"]
    assert difference.gone == [("매출", "매출")]
    assert [(name, [field.name for field in fields]) for name, _, fields in difference.fields] == [
        ("Unit", ["전화번호"])
    ]
    assert difference.missing == [("Log", "ip")]


def test_a_file_that_is_no_python_is_not_compared(erp: Path) -> None:
    with pytest.raises(Unparsable):
        compare("class (", look(erp))


def test_an_empty_database_becomes_a_company_without_records(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    empty.write_bytes(b"")
    source = written(empty, "empty")
    assert "Adopted" not in source.split("class DaeriTeam")[0].replace('"', "")
    compile(source, "empty.py", "exec")


@pytest.mark.parametrize("name", ["query", "1st", "한빛 ERP", 'a"b', "class"])
def test_any_name_makes_a_company(name: str, tmp_path: Path) -> None:
    file = tmp_path / "company.py"
    file.write_text(written(nasty.build(tmp_path / "erp.db"), name), encoding="utf-8")
    compile(file.read_text(encoding="utf-8"), str(file), "exec")
    assert ruff("format", "--isolated", "--check", file).returncode == 0


def test_the_command_looks_first_writes_then_and_never_over_edits(tmp_path: Path) -> None:
    nasty.build(tmp_path / "erp.db")
    tried = run("adopt", "sqlite:///erp.db", "--dry-run", "--lang", "en", cwd=tmp_path)
    assert tried.returncode == 0, tried.stderr
    assert "13 tables · 3 views" in tried.stdout
    assert "Nothing was written" in tried.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["erp.db"]
    wrote = run("adopt", "sqlite:///erp.db", "--json", cwd=tmp_path)
    assert wrote.returncode == 0, wrote.stderr
    told = json.loads(wrote.stdout)
    assert {one["type"] for one in told["records"]} >= {"사원", "근태", "판매_내역"}
    file = tmp_path / "company.py"
    file.write_text(file.read_text(encoding="utf-8") + "# an edit\n", encoding="utf-8")
    again = run("adopt", "sqlite:///erp.db", cwd=tmp_path)
    assert again.returncode == 2
    assert "--diff" in again.stderr
    assert file.read_text(encoding="utf-8").endswith("# an edit\n")
    same = run("adopt", "sqlite:///erp.db", "--diff", "--lang", "ko", cwd=tmp_path)
    assert "다른 것이 없어요" in same.stdout
    assert run("adopt", "sqlite:///erp.db", "--force", cwd=tmp_path).returncode == 0
    assert not file.read_text(encoding="utf-8").endswith("# an edit\n")
    assert (tmp_path / "company.py.bak").read_text(encoding="utf-8").endswith("# an edit\n")
    checked = run("policy", "lint", "--company", "company:company", "--lang", "en", cwd=tmp_path)
    assert checked.returncode == 1
    assert checked.stdout.count("No row rule") == 16


def test_the_command_tells_what_is_wrong_without_the_password(tmp_path: Path) -> None:
    wrong = run("adopt", "postgresql://reader:geheim@127.0.0.1:1/erp", cwd=tmp_path)
    assert wrong.returncode == 6
    assert "database-unreadable" in wrong.stderr
    assert "geheim" not in wrong.stderr + wrong.stdout
    assert list(tmp_path.iterdir()) == []
    with closing(sqlite3.connect(tmp_path / "clash.db")) as connection:
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY)")
    clash = run("adopt", "sqlite:///clash.db", "--lang", "en", cwd=tmp_path)
    assert clash.returncode == 1
    assert "account" in clash.stderr
    assert not (tmp_path / "company.py").exists()


@pytest.mark.night
def test_a_database_that_daeri_already_lives_in_is_adopted_again_without_daeris_tables(tmp_path: Path) -> None:
    nasty.build(tmp_path / "erp.db")
    assert run("adopt", "sqlite:///erp.db", cwd=tmp_path).returncode == 0
    named = {"DAERI_DATABASE_URL": "sqlite:///erp.db", "DAERI_COMPANY": "company:company", "DAERI_DIR": "data"}
    added = run("user", "add", "kim", "--name", "김하은", "--known-as", "E001", "--role", "hr", cwd=tmp_path, **named)
    assert added.returncode == 0, added.stderr
    listed = run("user", "list", "--json", cwd=tmp_path, **named)
    assert json.loads(listed.stdout)["data"][0]["roles"] == ["hr"]
    again = run("adopt", "sqlite:///erp.db", "--diff", "--json", cwd=tmp_path)
    told = json.loads(again.stdout)
    assert told["clashes"] == []
    assert told["difference"]["new"] == []
    assert "account" in told["skipped"]


def test_the_example_rule_works_when_its_comment_signs_are_taken_away(tmp_path: Path) -> None:
    nasty.build(tmp_path / "erp.db")
    text = written(tmp_path / "erp.db", "erp")
    start, end = text.index("# from daeri.records import mine"), text.index("#\n# 쓰기를 열려면")
    example = text[start:end]
    opened = text.replace(example, "\n".join(line[2:] for line in example.splitlines()) + "\n")
    (tmp_path / "company.py").write_text(opened, encoding="utf-8")
    told = run("policy", "lint", "--company", "company:company", "--json", cwd=tmp_path)
    closed = [one["where"] for one in json.loads(told.stdout)["data"] if one["code"] == "row-rule"]
    assert len(closed) == 15
    assert "사원" not in closed
