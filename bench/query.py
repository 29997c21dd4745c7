"""What does governing a question in SQL cost, and which way of governing? `python -m bench query`.

The same questions over the same tables, each text new (so nothing is remembered), in five ways:

- raw: as it is, by whoever may see everything;
- in front: Daeri's way, each table defined in front of the statement (`tools/query.py`), behind the walls;
- in front, seen before: the same where the text was asked before, by anyone;
- views: temporary views under the tables' own names, made for each question, with the same check and walls;
- subqueries: every table in the tree replaced by a subquery, and the statement written anew from the tree;
  neither checked nor behind walls.

p50 less raw's p50 is what governing costs. Answers are compared: a way that answers otherwise is counted as wrong.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.dialects.sqlite import SQLite

from bench.load import percentile
from bench.table import Line, table
from daeri.records.guarded import Limits, Relation, Walls, folded, quoted, run
from daeri.tools.query import Permitted, Reader
from daeri.tools.sql_check import check, parsed

SIZES = (100_000, 1_000_000)
CALLS = 200
TEAM = 3
QUESTIONS = """
SELECT id, name, salary FROM employee WHERE id = {n}
SELECT e.name, d.name FROM employee e, department d WHERE d.id = e.team_id AND e.id < {n} ORDER BY e.id LIMIT 20
SELECT d.name, count(*) AS n, sum(s.amount) FROM sale s JOIN employee e ON e.id = s.employee_id \
 JOIN department d ON d.id = e.team_id WHERE e.id = {n} GROUP BY d.name ORDER BY n DESC
WITH t AS (SELECT employee_id, sum(amount) AS total FROM sale WHERE employee_id IN ({n}, {n} + 1) GROUP BY 1) \
 SELECT e.name, t.total, rank() OVER (ORDER BY t.total DESC) FROM t JOIN employee e ON e.id = t.employee_id
SELECT name FROM employee e WHERE id BETWEEN {n} AND {n} + 40 AND EXISTS \
 (SELECT 1 FROM sale s WHERE s.employee_id = e.id AND s.amount > 500000) ORDER BY name
""".strip().splitlines()
EVERYTHING = {
    "department": Permitted(["id", "name"]),
    "employee": Permitted(["id", "name", "team_id", "salary"]),
    "sale": Permitted(["id", "employee_id", "amount", "sold_on"]),
}
RULED = {
    "department": Permitted(["id", "name"]),
    "employee": Permitted(["id", "name", "team_id"], {"salary": "(SELECT salary WHERE id = 3)"}, f"team_id <= {TEAM}"),
    "sale": Permitted(
        ["id", "employee_id", "amount", "sold_on"],
        rows=f"employee_id IN (SELECT id FROM main.employee WHERE team_id <= {TEAM})",  # noqa: S608 - a rule's own text
    ),
}

Way = Callable[[str], list[Any]]


def furnish(path: Path, rows: int) -> sqlite3.Connection:
    """Make a company with `rows` sales and return a read-only connection to it."""
    dice = random.Random(1)  # noqa: S311 - not a secret
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE department (id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE employee (id INTEGER PRIMARY KEY, name TEXT, team_id INTEGER, salary INTEGER);"
        "CREATE TABLE sale (id INTEGER PRIMARY KEY, employee_id INTEGER, amount INTEGER, sold_on DATE);"
    )
    people = rows // 100
    connection.executemany("INSERT INTO department VALUES (?, ?)", [(n, f"team {n}") for n in range(1, 11)])
    connection.executemany(
        "INSERT INTO employee VALUES (?, ?, ?, ?)",
        [(n, f"person {n}", n % 10 + 1, n * 1_000) for n in range(1, people)],
    )
    connection.executemany(
        "INSERT INTO sale VALUES (?, ?, ?, ?)",
        ((n, dice.randrange(1, people), dice.randrange(1_000_000), "2026-01-01") for n in range(rows)),
    )
    connection.executescript(
        "CREATE INDEX team ON employee (team_id); CREATE INDEX seller ON sale (employee_id, amount);"
    )
    connection.commit()
    connection.close()
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def relations_of(permitted: Mapping[str, Permitted]) -> dict[str, Relation]:
    """Return what is permitted as relations."""
    return {folded(name): one.relation(name, ["id", "name", "team_id", "salary"]) for name, one in permitted.items()}


def in_front(connection: sqlite3.Connection, relations: Mapping[str, Relation], *, remember: bool) -> Way:
    """Daeri's way."""
    kept = Reader()

    def ask(sql: str) -> list[Any]:
        rewritten = (kept if remember else Reader()).rewrite(sql, "sqlite", relations)
        return run(connection, rewritten.sql, rewritten.walls, Limits()).rows

    return ask


def views(connection: sqlite3.Connection, relations: Mapping[str, Relation]) -> Way:
    """Temporary views under the tables' own names, gone after the question; behind the same walls."""

    def ask(sql: str) -> list[Any]:
        checked = check(sql)
        used = [relations[name] for name in checked.tables]
        made = [(f"x_{one.name}", one.body) for one in used]
        made += [(one.name, f"SELECT * FROM {quoted('x_' + one.name)}") for one in used]  # noqa: S608 - quoted
        walls = Walls(frozenset(name for name, _ in made), frozenset(checked.tables), checked.named | checked.tables)

        def answer(action: int, first: Any, second: Any, database: Any, source: Any) -> int:
            if action == sqlite3.SQLITE_READ and database == "temp":
                return sqlite3.SQLITE_OK if first in walls.trusted else sqlite3.SQLITE_DENY
            return walls(action, first, second, database, source)

        for name, body in made:
            connection.execute(f"CREATE TEMP VIEW {quoted(name)} AS {body}")
        try:
            return run(connection, sql, answer, Limits()).rows  # type: ignore[arg-type]
        finally:
            for name, _ in reversed(made):
                connection.execute(f"DROP VIEW temp.{quoted(name)}")

    return ask


def subqueries(connection: sqlite3.Connection, relations: Mapping[str, Relation]) -> Way:
    """Every table replaced in the tree, the statement written anew from it; without walls."""
    bodies = {name: parse_one(relation.body, dialect="sqlite") for name, relation in relations.items()}

    def ask(sql: str) -> list[Any]:
        _, tree = parsed(sql, SQLite())
        own = {cte.alias for cte in tree.find_all(exp.CTE)}
        for node in list(tree.find_all(exp.Table)):
            if node.name not in own:
                alias = exp.TableAlias(this=exp.to_identifier(node.alias or node.name))
                node.replace(exp.Subquery(this=bodies[node.name].copy(), alias=alias, joins=node.args.get("joins")))
        return connection.execute(tree.sql(dialect="sqlite")).fetchall()

    return ask


def measured(name: str, ask: Way, texts: Sequence[str], expected: Sequence[list[Any]], base: float | None) -> Line:
    """Ask every text once and compare."""
    waits: list[float] = []
    wrong = 0
    cpu = time.process_time()
    for sql, right in zip(texts, expected, strict=True):
        started = time.perf_counter()
        rows = ask(sql)
        waits.append((time.perf_counter() - started) * 1000)
        wrong += sorted(map(repr, rows)) != sorted(map(repr, right))
    cpu = (time.process_time() - cpu) * 1000 / len(texts)
    p50 = median(waits)
    more = "" if base is None else f", p50 {p50 - base:+.2f} ms"
    return Line(name, cpu, p50, percentile(waits, 99), f"{len(texts)} questions, {wrong} wrong{more}")


def compare(rows: int, place: Path) -> list[Line]:
    """Measure every way, with open and with closed rules."""
    connection = furnish(place / f"{rows}.db", rows)
    people = rows // 100
    texts = [QUESTIONS[n % len(QUESTIONS)].replace("{n}", str(1 + n * 7 % (people - 50))) for n in range(CALLS)]
    lines: list[Line] = []

    def plain(sql: str) -> list[Any]:
        return connection.execute(sql).fetchall()

    for label, permitted in (("open", EVERYTHING), ("ruled", RULED)):
        relations = relations_of(permitted)
        front = in_front(connection, relations, remember=True)
        expected = [plain(sql) for sql in texts] if label == "open" else [front(sql) for sql in texts]
        raw = measured(f"{rows:,} rows, {label}: raw", plain, texts, [plain(sql) for sql in texts], None)
        ways = {
            "in front": in_front(connection, relations, remember=False),
            "in front, seen before": front,
            "views": views(connection, relations),
            "subqueries": subqueries(connection, relations),
        }
        for sql in texts:
            front(sql)
        lines += [raw]
        for name, ask in ways.items():
            lines.append(measured(f"{rows:,} rows, {label}: {name}", ask, texts, expected, raw.p50))
    connection.close()
    return lines


def answer(place: Path) -> str:
    """Measure every way at every size and return the table."""
    return table([line for rows in SIZES for line in compare(rows, place)])
