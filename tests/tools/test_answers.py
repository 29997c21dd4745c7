"""Does SQLite answer a rewritten question as it would on a database that holds nothing but what the asker may see?"""

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.analytic import IN_POSTGRES, QUESTIONS
from tools.house import CLOSED, OPEN, answered, raw, unordered


def test_there_are_enough_questions() -> None:
    assert len(set(QUESTIONS)) >= 200


@pytest.mark.parametrize("sql", QUESTIONS)
def test_with_open_rules_the_answer_is_the_raw_databases(sql: str, whole: sqlite3.Connection) -> None:
    if "random" in sql:
        return
    expected, found = raw(whole, sql), answered(whole, sql, OPEN)
    assert found[0] == [
        name.replace('"', "`") if "`" in mine else name for name, mine in zip(expected[0], found[0], strict=True)
    ]
    assert sorted(map(repr, found[1])) == sorted(map(repr, expected[1]))
    assert "ORDER BY" not in sql or found[1] == expected[1]


@pytest.mark.parametrize("sql", QUESTIONS)
def test_with_closed_rules_the_answer_is_that_of_a_filtered_copy(
    sql: str, whole: sqlite3.Connection, part: sqlite3.Connection
) -> None:
    expected, found = raw(part, sql), answered(whole, sql, CLOSED)
    assert sorted(map(repr, found[1])) == sorted(map(repr, expected[1]))
    assert "ORDER BY" not in sql or found[1] == expected[1]
    assert "CANARY" not in repr(found)


@pytest.mark.parametrize(("sql", "same"), IN_POSTGRES)
def test_a_question_in_postgres_dialect_means_what_it_means_there(
    sql: str, same: str, whole: sqlite3.Connection, part: sqlite3.Connection
) -> None:
    assert answered(whole, sql, OPEN, "postgres")[1] == raw(whole, same)[1]
    assert answered(whole, sql, CLOSED, "postgres")[1] == raw(part, same)[1]


def test_most_ordinary_questions_are_the_same_in_both_dialects(whole: sqlite3.Connection) -> None:
    shared = [sql for sql in QUESTIONS if sql.startswith(("SELECT 번호", "SELECT e.id", "SELECT rank AS k"))]
    for sql in shared:
        ordered = sql if "ORDER BY 1" not in sql else sql + " NULLS FIRST"
        assert unordered(answered(whole, ordered, CLOSED, "postgres"))[1] == unordered(answered(whole, sql, CLOSED))[1]


_NUMBERS = st.sampled_from(
    ["id", "team_id", "score", "salary", "length(name)", "id % 5", "coalesce(score, 0)", "3", "NULL"]
)
_TEXTS = st.sampled_from(["name", "rank", "hired_on", "'대리'", "substr(hired_on, 1, 4)", "upper(name)"])
_COMPARED = st.sampled_from(["=", "<>", "<", ">=", "IS", "IS NOT"])
_LEAVES = st.one_of(
    st.tuples(_NUMBERS, _COMPARED, _NUMBERS).map(" ".join),
    st.tuples(_TEXTS, _COMPARED, _TEXTS).map(" ".join),
    st.sampled_from(
        [
            "rank IS NULL",
            "name LIKE '%k%'",
            "team_id IN (SELECT id FROM department WHERE parent_id = 10)",
            "EXISTS (SELECT 1 FROM 매출 WHERE 담당 = employee.id AND 금액 > 500000)",
            "score > (SELECT avg(score) FROM employee)",
        ]
    ),
)
_CONDITIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda part: f"({' '.join(part)})"),
        inner.map(lambda part: f"NOT ({part})"),
        st.tuples(inner, _NUMBERS).map(lambda part: f"(CASE WHEN {part[0]} THEN {part[1]} END) > 2"),
    ),
    max_leaves=5,
)


@given(condition=_CONDITIONS, key=_TEXTS, outer=_CONDITIONS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_condition_gives_what_the_filtered_copy_gives(
    condition: str, key: str, outer: str, whole: sqlite3.Connection, part: sqlite3.Connection
) -> None:
    joined = condition.replace("employee.", "e.")
    for sql in (
        f"SELECT * FROM employee WHERE {condition} ORDER BY id",
        f"SELECT {key} AS k, count(*), sum(score) FROM employee WHERE {condition} GROUP BY 1 ORDER BY 1",
        f"SELECT d, e.id FROM (SELECT id d FROM department) LEFT JOIN employee e ON {joined} AND d < 3 ORDER BY 1, 2",
        f"WITH t AS (SELECT * FROM employee WHERE {condition}) SELECT id FROM t AS employee WHERE {outer} ORDER BY id",
    ):
        assert answered(whole, sql, CLOSED)[1] == raw(part, sql)[1], sql
