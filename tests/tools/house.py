"""A small company in a file: what an asker may see of it, and a copy that holds only that.

Whatever an asker must never see says so: it holds the word CANARY.
"""

import random
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daeri.tools.query import Permitted, rewrite

SCHEMA = """
CREATE TABLE department (id INTEGER PRIMARY KEY, name TEXT NOT NULL, parent_id INTEGER);
CREATE TABLE employee (
    id INTEGER PRIMARY KEY, name VARCHAR(100) COLLATE NOCASE, rank TEXT, team_id INTEGER, salary INTEGER,
    hired_on DATE, left_on DATE, score REAL, tags JSON, secret TEXT
);
CREATE TABLE 매출 (번호 INTEGER PRIMARY KEY, 담당 INTEGER, 거래처 TEXT, 금액 BIGINT, 일자 DATE, "비고 란" TEXT);
CREATE TABLE project (id INTEGER PRIMARY KEY, name TEXT, team_id INTEGER, cost NUMERIC(10, 2), due DATE, lead INTEGER);
CREATE TABLE payroll (id INTEGER PRIMARY KEY, employee_id INTEGER, amount TEXT);
CREATE INDEX by_team ON employee (team_id);
CREATE INDEX by_name ON employee (name);
CREATE INDEX 담당별 ON 매출 (담당, 일자);
"""
EMPLOYEES = "team_id IN (1, 2)"
SALES = "담당 IN (SELECT id FROM main.employee WHERE team_id IN (1, 2))"
PROJECTS = "team_id = 1 OR due IS NULL"
ASKER = 7

OPEN: dict[str, Permitted] = {
    "department": Permitted(["id", "name", "parent_id"]),
    "employee": Permitted(
        ["id", "name", "rank", "team_id", "salary", "hired_on", "left_on", "score", "tags", "secret"]
    ),
    "매출": Permitted(["번호", "담당", "거래처", "금액", "일자", "비고 란"]),
    "project": Permitted(["id", "name", "team_id", "cost", "due", "lead"]),
}
CLOSED: dict[str, Permitted] = {
    "department": OPEN["department"],
    "employee": Permitted(
        ["id", "name", "rank", "team_id", "hired_on", "left_on", "score", "tags"],
        {"salary": f"(SELECT salary WHERE id = {ASKER})"},
        EMPLOYEES,
    ),
    "매출": Permitted(OPEN["매출"].columns, rows=SALES),
    "project": Permitted(OPEN["project"].columns, rows=PROJECTS),
}


def furnish(path: Path) -> Path:
    """Make the database."""
    dice = random.Random(7)  # noqa: S311 - not a secret
    names = ["김하은", "이서준", "Kim", "Park", "박서연", "최지우", "정유진", "Lee", "O'Hara", "한도윤"]
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.executemany(
        "INSERT INTO department VALUES (?, ?, ?)",
        [
            (1, "영업1팀", 10),
            (2, "영업2팀", 10),
            (3, "지원팀", 11),
            (4, "빈팀", None),
            (10, "영업본부", 12),
            (11, "경영본부", 12),
            (12, "대표이사실", None),
        ],
    )
    for key in range(1, 61):
        team = dice.choice([1, 1, 2, 3, 3, 10, None]) if key != ASKER else 1
        hidden = team not in (1, 2)
        name = f"CANARY{key}" if hidden else dice.choice(names)
        salary = 770_000_000 + key if hidden else dice.choice([30, 40, 40, 50, None]) and 1_000_000 * key
        row = (key, name, dice.choice(["사원", "대리", "과장", None]), team, salary)
        hired = f"20{dice.randint(10, 25)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
        left = dice.choice([None, None, None, "2026-03-31"])
        tags = dice.choice([None, "[]", '["a", "b"]', '{"grade": 3, "city": "서울"}'])
        more = (hired, left, dice.choice([None, 1.5, 2.25, -3.0]), tags, f"CANARY-secret-{key}")
        connection.execute("INSERT INTO employee VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row + more)
    teams = dict(connection.execute("SELECT id, team_id FROM employee"))
    for key in range(1, 401):
        owner = dice.randint(1, 60)
        customer = dice.choice(["가나상사", "다라물산", "ABC", "def", "100% 유통"])
        customer = customer if teams[owner] in (1, 2) else "CANARY상사"
        day = f"2026-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
        amount = dice.choice([None, *range(-50_000, 900_000, 25_000)])
        connection.execute(
            "INSERT INTO 매출 VALUES (?, ?, ?, ?, ?, ?)",
            (key, owner, customer, amount, day, dice.choice([None, "메모"])),
        )
    for key in range(1, 31):
        team, due = dice.choice([1, 2, 3, None]), dice.choice([None, f"2026-0{dice.randint(1, 9)}-15"])
        name = f"과제 {key}" if team == 1 or due is None else f"CANARY 과제 {key}"
        cost = dice.choice([None, 10, 12.5, 300])
        connection.execute("INSERT INTO project VALUES (?, ?, ?, ?, ?, ?)", (key, name, team, cost, due, key * 2))
    connection.executemany(
        "INSERT INTO payroll VALUES (?, ?, ?)", [(key, key, f"CANARY-pay-{key}") for key in range(1, 61)]
    )
    connection.commit()
    connection.close()
    return path


def filtered(path: Path, copy: Path) -> Path:
    """Make the copy that holds only what CLOSED lets through."""
    connection = sqlite3.connect(copy)
    connection.executescript(SCHEMA)
    connection.execute("ATTACH ? AS source", (str(path),))
    conditions = {
        "department": "1",
        "employee": EMPLOYEES,
        "매출": SALES.replace("main.", "source."),
        "project": PROJECTS,
    }
    for table, condition in conditions.items():
        connection.execute(f"INSERT INTO main.{table} SELECT * FROM source.{table} WHERE {condition}")
    connection.execute("UPDATE employee SET salary = NULL WHERE id <> ?", (ASKER,))
    connection.execute("ALTER TABLE employee DROP COLUMN secret")
    connection.execute("DROP TABLE payroll")
    connection.commit()
    connection.close()
    return copy


def opened(path: Path) -> sqlite3.Connection:
    """Open a file for reading only."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def answered(
    connection: sqlite3.Connection, sql: str, tables: Mapping[str, Permitted], dialect: Any = "sqlite"
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns and rows of a rewritten statement."""
    return raw(connection, rewrite(connection, sql, tables, dialect))


def raw(connection: sqlite3.Connection, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns and rows of a statement as it is; in a fixed order where it asks for none."""
    cursor = connection.execute(sql)
    rows = cursor.fetchall()
    return [column[0] for column in cursor.description], rows


def unordered(answer: tuple[list[str], list[tuple[Any, ...]]]) -> tuple[list[str], list[str]]:
    """Return an answer without the order of its rows."""
    return answer[0], sorted(map(repr, answer[1]))
