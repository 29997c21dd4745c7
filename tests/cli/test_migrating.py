"""`daeri migrate`: what it does, what `--check` says, and that servers which start at once do it once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.processes import Built, daeri, environment
from databases import copied, database_of, environment_for, look

STARTS = """
import asyncio, sys
from daeri.app import MIGRATIONS
from daeri.records.store import Store

async def start():
    store = Store(sys.argv[1])
    await store.upgrade(MIGRATIONS, "daeri_version")
    await store.close()

asyncio.run(start())
"""


SHOP = """
from pathlib import Path
from sqlalchemy import true
from daeri.operations import Agent, Catalog, Company
from daeri.records import Person, Team
from daeri.wording import Text

class Clerk(Person):
    __tablename__ = "clerk"

class Branch(Team):
    __tablename__ = "branch"

shop = Catalog("shop", Text("가게", "Shop"))

@shop.rows(Clerk)
def clerks(actor):
    '''Everybody sees the clerks.'''
    return true()

@shop.rows(Branch)
def branches(actor):
    '''Everybody sees the branches.'''
    return true()

def company():
    agents = [Agent("assistant", Text("비서", "Assistant"))]
    return Company(Text("가게", "Shop"), [shop], agents, migrations=Path(__file__).parent / "steps")
"""
FIRST = '''"""The first tables."""
from alembic import op
import sqlalchemy as sa
revision = "a1"
down_revision = None
def upgrade():
    op.create_table("price", sa.Column("id", sa.Integer, primary_key=True), sa.Column("won", sa.Integer))
    op.execute("INSERT INTO price (id, won) VALUES (1, 9000000000)")
'''
SECOND = '''"""Prices have names."""
from alembic import op
import sqlalchemy as sa
revision = "b2"
down_revision = "a1"
def upgrade():
    op.add_column("price", sa.Column("name", sa.String(100)))
'''


@pytest.fixture
def copy(built: Built, tmp_path: Path) -> Path:
    return copied(built.folder, tmp_path / "demo")


def test_tables_of_this_version_are_said_to_be_so(copy: Path) -> None:
    ended = daeri("migrate", "--check", "--dir", copy)
    assert ended.returncode == 0, ended.stderr
    assert "✓ 테이블이 이 판에 맞아요" in ended.stdout
    told = json.loads(daeri("migrate", "--check", "--json", "--dir", copy).stdout)
    assert told["current"] is True
    assert told["parts"][0]["name"] == "daeri"
    assert told["lacking"] == []


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A company with migrations of its own, of which the first was carried out and the second was not."""
    folder, steps = tmp_path / "data", tmp_path / "steps" / "versions"
    folder.mkdir()
    steps.mkdir(parents=True)
    (tmp_path / "shop.py").write_text(SHOP)
    (steps / "a1.py").write_text(FIRST)
    look(folder, "CREATE TABLE empty (id int)")
    done = migrate(folder, "--json")
    assert done.returncode in (0, 5), done.stderr
    (steps / "b2.py").write_text(SECOND)
    return folder


def migrate(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    where = environment_for(folder)
    return daeri("migrate", "--company", "shop", "--dir", folder, *options, cwd=folder.parent, **where)


def test_what_is_to_come_is_named_and_left_alone_by_check_and_then_done(shop: Path) -> None:
    for _ in range(2):
        ended = migrate(shop, "--check", "--lang", "en")
        assert ended.returncode == 1, ended.stderr
        assert "! the company b2  Prices have names" in ended.stdout
    parts = {part["name"]: part for part in json.loads(migrate(shop, "--json").stdout)["parts"]}
    assert (parts["company"]["at"], parts["company"]["missing"]) == ("b2", [])
    assert look(shop, "SELECT id, won, name FROM price") == [(1, 9_000_000_000, None)]


def test_what_is_declared_and_not_there_is_named(copy: Path) -> None:
    look(copy, "ALTER TABLE employee DROP COLUMN english_name")
    look(copy, "DROP TABLE expense")
    ended = daeri("migrate", "--check", "--dir", copy)
    assert ended.returncode == 5
    assert "employee.english_name" in ended.stdout
    assert "expense" in ended.stdout


@pytest.mark.parametrize("command", [["migrate"], ["serve", "--port", "0"]])
def test_a_database_of_a_newer_version_is_left_alone(copy: Path, command: list[str]) -> None:
    look(copy, "UPDATE daeri_version SET version_num = '0999'")
    ended = daeri(*command, "--dir", copy)
    assert ended.returncode == 5, ended.stderr
    assert "db-newer" in ended.stderr
    assert "0999" in ended.stderr
    assert look(copy, "SELECT version_num FROM daeri_version") == [("0999",)]


def test_where_there_is_no_data_nothing_is_made(tmp_path: Path) -> None:
    ended = daeri("migrate", "--check", "--dir", tmp_path)
    assert ended.returncode == 1
    assert "no-data" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_of_servers_that_start_at_once_on_an_empty_database_one_makes_the_tables(tmp_path: Path) -> None:
    where = database_of(tmp_path)
    started = [
        subprocess.Popen([sys.executable, "-c", STARTS, where], stderr=subprocess.PIPE, text=True, env=environment())
        for _ in range(4)
    ]
    for process in started:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert look(tmp_path, "SELECT count(*) FROM daeri_version") == [(1,)]
    assert look(tmp_path, "SELECT count(*) FROM audit") == [(0,)]


@pytest.mark.night
def test_of_servers_that_start_at_once_on_an_old_database_one_migrates_it(shop: Path) -> None:
    where = {**environment(), **environment_for(shop)}
    command = [sys.executable, "-m", "daeri.cli", "migrate", "--company", "shop", "--json", "--dir", str(shop)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=where, cwd=shop.parent)
        for _ in range(3)
    ]
    for process in started:
        out, said = process.communicate(timeout=120)
        assert process.returncode in (0, 5), said
        assert json.loads(out)["parts"][1]["missing"] == []
    assert look(shop, "SELECT count(*) FROM price WHERE name IS NULL") == [(1,)]
