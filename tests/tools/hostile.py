# ruff: noqa: E501 - one statement a line
"""Statements that try to see, change or stop what is not theirs. Whatever they return may not hold the word CANARY."""

from itertools import product

READS = """
SELECT secret FROM employee
SELECT e.secret FROM employee e
SELECT employee.secret FROM employee
SELECT "secret" FROM employee
SELECT [secret] FROM employee
SELECT `secret` FROM employee
SELECT SECRET FROM EMPLOYEE
SELECT id FROM employee WHERE secret LIKE 'C%'
SELECT id FROM employee WHERE "secret" LIKE 'C%'
SELECT id FROM employee ORDER BY secret
SELECT id FROM employee GROUP BY secret
SELECT max(id) FROM employee HAVING max(secret) > 'A'
SELECT max(id) FROM employee HAVING max("secret") > 'A'
SELECT sum(id) OVER (PARTITION BY secret) FROM employee
SELECT id FROM employee LIMIT (SELECT length(secret) FROM employee LIMIT 1)
SELECT a.id FROM employee a JOIN employee b USING (secret)
SELECT a.id FROM employee a JOIN employee b ON a.secret = b.secret
SELECT secret FROM (SELECT * FROM employee)
SELECT x.secret FROM employee AS x(a, b, c)
WITH t(secret) AS (SELECT * FROM employee) SELECT secret FROM t
WITH t AS (SELECT *, secret FROM employee) SELECT * FROM t
SELECT (SELECT secret FROM employee i WHERE i.id = e.id) FROM employee e
SELECT (SELECT e.secret) FROM employee e
SELECT id FROM employee e WHERE EXISTS (SELECT 1 WHERE e.secret = 'CANARY-secret-1')
SELECT CASE WHEN secret = 'CANARY-secret-1' THEN 1 END FROM employee
SELECT coalesce(secret, '') FROM employee
SELECT employee FROM employee
SELECT json_object('x', secret) FROM employee
SELECT group_concat(secret) FROM employee
SELECT count(DISTINCT secret) FROM employee
SELECT salary AS secret FROM employee WHERE secret = 'CANARY-secret-1'
SELECT main.employee.secret FROM employee
SELECT main.employee.secret FROM main.employee
SELECT secret FROM main.employee
SELECT * FROM main.employee
SELECT * FROM "main"."employee"
SELECT * FROM 'main'.'employee'
SELECT * FROM main.employee AS department
SELECT * FROM temp.employee
SELECT count(*) FROM main.employee WHERE name LIKE 'CANARY%'
SELECT * FROM payroll
SELECT amount FROM "payroll"
SELECT amount FROM 'payroll'
SELECT amount FROM main.payroll
SELECT count(*) FROM payroll
SELECT 1 FROM employee WHERE id IN payroll
SELECT 1 FROM employee WHERE (id, id, name) IN payroll
SELECT 1 WHERE EXISTS (SELECT 1 FROM payroll)
SELECT id FROM employee UNION SELECT amount FROM payroll
SELECT id FROM employee EXCEPT SELECT id FROM payroll
SELECT e.id, p.amount FROM employee e LEFT JOIN payroll p ON p.employee_id = e.id
SELECT e.id, p.amount FROM employee e, payroll p
WITH payroll AS (SELECT 1 AS amount) SELECT * FROM payroll, main.payroll
WITH employee AS (SELECT * FROM main.employee) SELECT * FROM employee
WITH employee AS (SELECT secret FROM main.employee) SELECT * FROM employee
SELECT amount FROM (WITH payroll AS (SELECT 1) SELECT 1), payroll
SELECT * FROM (SELECT * FROM (WITH payroll AS (SELECT 1 AS id) SELECT id FROM payroll)) JOIN payroll USING (id)
WITH a AS (SELECT * FROM payroll), payroll AS (SELECT 1 AS x) SELECT * FROM a
WITH RECURSIVE t AS (SELECT amount FROM payroll UNION SELECT * FROM t) SELECT * FROM t
SELECT (SELECT amount FROM payroll LIMIT 1)
SELECT id FROM employee ORDER BY (SELECT amount FROM payroll)
VALUES ((SELECT amount FROM payroll))
TABLE payroll
SELECT rowid FROM employee
SELECT _rowid_, * FROM employee
SELECT oid FROM employee WHERE oid > 0
SELECT employee.rowid FROM employee
SELECT name FROM employee WHERE rowid IN (1, 2, 3)
SELECT * FROM sqlite_master
SELECT sql FROM sqlite_schema
SELECT * FROM sqlite_temp_master
SELECT * FROM main.sqlite_master
SELECT * FROM sqlite_sequence
SELECT * FROM sqlite_stat1
SELECT * FROM pragma_table_info('employee')
SELECT * FROM pragma_table_info('payroll')
SELECT * FROM pragma_table_xinfo('employee')
SELECT * FROM pragma_table_list
SELECT * FROM pragma_database_list
SELECT * FROM pragma_index_list('employee')
SELECT * FROM pragma_function_list
SELECT * FROM pragma_compile_options
SELECT e.id FROM employee e, pragma_table_info('employee') p
SELECT * FROM dbstat
SELECT * FROM sqlite_dbpage
SELECT * FROM sqlite_stmt
SELECT * FROM bytecode('SELECT 1')
SELECT * FROM tables_used('SELECT 1')
SELECT * FROM json_each((SELECT json_group_array(amount) FROM payroll))
SELECT * FROM json_each('payroll')
SELECT value FROM employee, json_each(employee.secret)
SELECT * FROM json_tree('[1]')
SELECT * FROM generate_series(1, 1000000000)
SELECT * FROM fts3tokenize('simple', 'x')
SELECT * FROM employee INDEXED BY by_team
SELECT * FROM employee NOT INDEXED
SELECT name FROM employee WHERE name MATCH 'x'
SELECT name FROM employee WHERE name REGEXP 'x'
SELECT name FROM employee WHERE id = 2 OR 1 = 1
SELECT name FROM employee WHERE id = 2 OR 1 = 1 -- AND team_id = 1
SELECT name FROM employee WHERE 1 = 1) OR (1 = 1
SELECT name FROM employee WHERE id = 1 /* ) */ OR /* ( */ 1 = 1
SELECT name FROM employee) UNION SELECT amount FROM payroll --
SELECT name FROM employee UNION ALL SELECT secret FROM employee
SELECT * FROM "employee" WHERE "name" LIKE "CANARY%"
SELECT * FROM employee WHERE name = ?
SELECT * FROM employee WHERE name = ?1
SELECT * FROM employee WHERE name = :name
SELECT * FROM employee WHERE name = @name
SELECT * FROM employee WHERE name = $name
SELECT salary FROM employee WHERE salary > 770000000
SELECT max(salary) FROM employee WHERE id <> 7
SELECT id FROM employee ORDER BY salary DESC LIMIT 3
SELECT x'43414e415259'
SELECT * FROM employee FOR UPDATE
SELECT * FROM employee e WHERE e.team_id NOT IN (1, 2)
SELECT * FROM employee WHERE team_id = 3 OR name LIKE 'CANARY%'
SELECT * FROM 매출 WHERE 거래처 = 'CANARY상사'
SELECT count(*) FROM 매출 WHERE 거래처 LIKE 'CANARY%'
"""

CALLS = """
load_extension('x')
load_extension('/tmp/x.so', 'main')
readfile('/etc/passwd')
writefile('/tmp/daeri-hostile', 'x')
edit('x')
fts3_tokenizer('simple')
sqlite_version()
sqlite_source_id()
sqlite_compileoption_get(1)
sqlite_compileoption_used('x')
sqlite_offset(id)
randomblob(1000000000)
zeroblob(1000000000)
changes()
total_changes()
last_insert_rowid()
likely(id)
eval('SELECT 1')
pg_sleep(10)
pg_read_file('/etc/passwd')
pg_ls_dir('/')
lo_import('/etc/passwd')
dblink('host=x', 'SELECT 1')
current_setting('x')
set_config('x', 'y', false)
version()
query_to_xml('SELECT * FROM payroll', true, true, '')
has_table_privilege('payroll', 'select')
pg_terminate_backend(1)
rtreecheck('x')
snippet(employee)
matchinfo(employee)
nonsense(id)
"""

OTHER = """
DELETE FROM employee
UPDATE employee SET name = 'x'
INSERT INTO employee (id) VALUES (999)
INSERT INTO employee SELECT * FROM employee
REPLACE INTO employee (id) VALUES (1)
DELETE FROM employee RETURNING secret
DROP TABLE employee
CREATE TABLE x (id)
CREATE TABLE x AS SELECT * FROM payroll
CREATE TEMP VIEW employee AS SELECT * FROM main.payroll
CREATE VIEW v AS SELECT 1
CREATE TRIGGER t AFTER INSERT ON employee BEGIN SELECT 1; END
CREATE VIRTUAL TABLE v USING fts5(x)
CREATE INDEX i ON employee (name)
ALTER TABLE employee RENAME TO x
PRAGMA query_only = OFF
PRAGMA table_info(employee)
PRAGMA writable_schema = ON
ATTACH '/tmp/daeri-hostile.db' AS x
DETACH main
VACUUM
VACUUM INTO '/tmp/daeri-hostile.db'
REINDEX
ANALYZE
BEGIN
COMMIT
ROLLBACK
SAVEPOINT x
EXPLAIN SELECT * FROM payroll
EXPLAIN QUERY PLAN SELECT * FROM payroll
SELECT 1; DELETE FROM employee
SELECT 1; SELECT amount FROM payroll
SELECT 1;; SELECT 2
; DROP TABLE employee
WITH t AS (SELECT 1) DELETE FROM employee
WITH t AS (DELETE FROM employee RETURNING *) SELECT * FROM t
WITH t AS (SELECT 1) INSERT INTO employee (id) SELECT 5
SELECT * INTO x FROM employee
COPY employee TO '/tmp/daeri-hostile'
COPY (SELECT * FROM payroll) TO PROGRAM 'id'
SET ROLE postgres
SET SESSION AUTHORIZATION postgres
SHOW ALL
RESET ALL
DO $$ BEGIN PERFORM 1; END $$
CALL x()
LISTEN x
GRANT ALL ON employee TO public
LOCK TABLE employee
SELECT * FROM ONLY employee, payroll
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_tables
SELECT * FROM pg_shadow
SELECT current_user
SELECT session_user
SELECT * FROM employee TABLESAMPLE BERNOULLI (50)
SELECT * FROM LATERAL (SELECT * FROM payroll) x
SELECT * FROM employee, LATERAL (SELECT secret) x
SELECT row_to_json(employee) FROM employee
SELECT employee.* FROM employee WHERE (employee).secret IS NOT NULL
SELECT 'x'::regclass
SELECT $$CANARY$$
SELECT E'\\x43'
SELECT U&'\\0043'
SELECT raise(ABORT, 'x')
SELECT @@version
SELECT SLEEP(5)
SELECT * FROM employee PIVOT (sum(id) FOR rank IN ('대리'))
SELECT DISTINCT ON (secret) id FROM employee
"""

_LONG = "WITH RECURSIVE c(s, n) AS (SELECT 'a', 0 UNION ALL SELECT s || s, n + 1 FROM c WHERE n < 17), d AS (SELECT s FROM c ORDER BY n DESC LIMIT 1) "
HEAVY = [
    _LONG + "SELECT instr(s, s || 'b'), instr(s, substr(s, 1, 65536) || 'b') FROM d",
    _LONG + "SELECT replace(s, substr(s, 1, 65536) || 'b', 'c') FROM d",
    _LONG + "SELECT trim(s, s) FROM d",
    _LONG + "SELECT s LIKE '%a%a%a%a%a%a%a%a%a%a%b%' FROM d",
    _LONG + "SELECT s GLOB '*a*a*a*a*a*a*a*a*a*[b]*' FROM d",
    _LONG + "SELECT printf('%s%.100000d', s, 1) FROM d",
    _LONG + "SELECT length(s || s || s || s) FROM d",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION SELECT n + 1 FROM c) SELECT max(n) FROM c",
    "WITH RECURSIVE c(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM c) SELECT length(s) FROM c",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c",
    "SELECT count(*) FROM 매출 a, 매출 b, 매출 c, 매출 d, 매출 e",
    "SELECT count(*) FROM 매출 a JOIN 매출 b ON 1 JOIN 매출 c ON 1 JOIN 매출 d ON 1 WHERE a.금액 + b.금액 + c.금액 = d.금액",
    "SELECT printf('%.*c', 1000000000, 'x')",
    "SELECT replace(replace(replace('xxxxxxxxxx', 'x', '{0}'), 'x', '{0}'), 'x', '{0}')".replace("{0}", "x" * 300),
    "SELECT group_concat(a.거래처) FROM 매출 a, 매출 b, 매출 c",
    "SELECT max(a.금액) OVER (ORDER BY b.번호) FROM 매출 a, 매출 b, 매출 c",
    "SELECT 1 FROM employee WHERE name LIKE '" + "%_" * 400 + "x'",
    "SELECT " + "(" * 500 + "1" + ")" * 500,
    "SELECT " + "-" * 0 + " - " * 2000 + "1",
    "SELECT " + "NOT " * 3000 + "1",
    "SELECT " + " + ".join(["1"] * 2400),
    "SELECT " + "CASE WHEN 1 THEN " * 300 + "1" + " END" * 300,
    "SELECT * FROM " + "(SELECT * FROM " * 60 + "employee" + ")" * 60,
    " UNION ALL ".join(["SELECT 1"] * 600),
    "SELECT * FROM " + ", ".join(f"employee e{n}" for n in range(80)),
    "SELECT " + ", ".join(["*"] * 900) + " FROM employee",
    "SELECT '" + "x" * 30_000 + "'",
    "SELECT 1 WHERE 1 IN (" + ",".join(["1"] * 9000) + ")",
]

ODD = [
    "", " ", ";", "--", "/* */", "SELECT", "SELECT 1 FROM", "\0", "SELECT 1\0; DELETE FROM employee", "SELECT '\0'",
    "SELECT\u00a0amount\u00a0FROM\u00a0payroll", "SELECT 1 /* /* */ FROM payroll */", "ＳＥＬＥＣＴ 1", "SELECT '",
    'SELECT "', "SELECT [", "SELECT `", "SELECT 1 -- \n FROM payroll", "SELECT/**/amount/**/FROM/**/payroll",
    "SELECT 1e999", "SELECT -9223372036854775808", "SELECT abs(-9223372036854775808)", "SELECT CAST(x'ff' AS TEXT)",
    "SELECT '\ud800'", "SELECT 1amount FROM payroll", "SELECT amount FROM pay\u200broll", "SELECT 1 FROM ﻿payroll",
]  # fmt: skip


def _each(block: str) -> list[str]:
    return [line for line in block.strip().splitlines() if line]


def _calls() -> list[str]:
    places = ("SELECT {} FROM employee", "SELECT id FROM employee WHERE {} IS NULL ORDER BY {}")
    return [place.replace("{}", call) for call, place in product(_each(CALLS), places)]


HOSTILE = [*_each(READS), *_calls(), *_each(OTHER), *ODD]
