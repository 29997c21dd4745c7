# ruff: noqa: E501 - one statement a line
"""Questions that people ask of a company's data, in SQLite's dialect. None names the one hidden column."""

from itertools import product

_HAND = """
SELECT * FROM employee
SELECT e.* FROM employee AS e
SELECT id, name FROM employee ORDER BY id
SELECT "id", [name], `rank` FROM "employee" ORDER BY "id"
SELECT id AS 번호, name AS "이 름" FROM employee ORDER BY 번호
SELECT DISTINCT rank FROM employee
SELECT DISTINCT team_id, rank FROM employee ORDER BY team_id, rank
SELECT count(*) FROM employee
SELECT count(*), count(rank), count(DISTINCT rank) FROM employee
SELECT count(salary), sum(salary), avg(salary), total(salary) FROM employee
SELECT min(name), max(name), min(hired_on), max(hired_on) FROM employee
SELECT name FROM employee WHERE name = 'KIM'
SELECT name FROM employee WHERE name LIKE 'k%'
SELECT name FROM employee WHERE name GLOB 'k*'
SELECT name FROM employee WHERE name LIKE '%''%'
SELECT 거래처 FROM 매출 WHERE 거래처 LIKE '100!%%' ESCAPE '!'
SELECT id FROM employee WHERE salary = '7000000'
SELECT id FROM employee WHERE salary > 0
SELECT id FROM employee WHERE salary IS NULL ORDER BY id
SELECT id FROM employee WHERE salary IS NOT NULL
SELECT id FROM employee WHERE rank ISNULL OR left_on NOTNULL
SELECT id FROM employee WHERE NOT (rank = '대리')
SELECT id FROM employee WHERE rank <> '대리' OR rank IS NULL
SELECT id FROM employee WHERE rank IS NOT '대리'
SELECT id FROM employee WHERE rank IS NOT DISTINCT FROM NULL
SELECT id FROM employee WHERE rank IN ('대리', '과장')
SELECT id FROM employee WHERE rank NOT IN ('대리', NULL)
SELECT id FROM employee WHERE id BETWEEN 10 AND 20 ORDER BY id DESC
SELECT id FROM employee WHERE id NOT BETWEEN 10 AND 20 ORDER BY id LIMIT 5
SELECT id FROM employee ORDER BY id LIMIT 5 OFFSET 3
SELECT id FROM employee ORDER BY id LIMIT 3, 5
SELECT id, hired_on FROM employee ORDER BY hired_on DESC, id
SELECT id, rank FROM employee ORDER BY rank NULLS LAST, id
SELECT id, rank FROM employee ORDER BY rank DESC NULLS FIRST, id
SELECT id, name FROM employee ORDER BY name COLLATE BINARY, id
SELECT id, name FROM employee ORDER BY 2, 1
SELECT id, score, round(score), abs(score), -score, +score FROM employee ORDER BY id
SELECT id, id % 7, id / 2, id * 1.5, id + 1, id - 1 FROM employee ORDER BY id
SELECT id, id & 3, id | 8, id << 2, id >> 1, ~id FROM employee ORDER BY id
SELECT id, 10 / 0, 1 / 2, 1.0 / 2 FROM employee ORDER BY id
SELECT name || ' ' || rank FROM employee ORDER BY id
SELECT coalesce(rank, '없음'), ifnull(salary, 0), nullif(rank, '대리') FROM employee ORDER BY id
SELECT id, CASE WHEN score > 2 THEN '높음' WHEN score < 0 THEN '낮음' ELSE '보통' END AS 등급 FROM employee ORDER BY id
SELECT id, CASE rank WHEN '대리' THEN 1 WHEN '과장' THEN 2 END FROM employee ORDER BY id
SELECT id, iif(rank = '대리', 'y', 'n') FROM employee ORDER BY id
SELECT upper(name), lower(name), length(name), substr(name, 1, 1), substr(name, -1) FROM employee ORDER BY id
SELECT trim('  x '), ltrim('xxa', 'x'), rtrim('axx', 'x'), replace(name, '김', '金') FROM employee ORDER BY id
SELECT instr(name, '하'), hex(name), unicode(name), quote(name) FROM employee ORDER BY id
SELECT printf('%05d %s', id, name), format('%.2f', score) FROM employee ORDER BY id
SELECT typeof(id), typeof(name), typeof(score), typeof(salary), typeof(hired_on) FROM employee ORDER BY id
SELECT CAST(id AS TEXT), CAST(name AS INTEGER), CAST(score AS INTEGER) FROM employee ORDER BY id
SELECT date(hired_on), date(hired_on, '+1 month'), date(hired_on, 'start of year') FROM employee ORDER BY id
SELECT strftime('%Y', hired_on) AS y, count(*) FROM employee GROUP BY y ORDER BY y
SELECT strftime('%Y-%m', 일자) AS 월, sum(금액) AS 합계 FROM 매출 GROUP BY 월 ORDER BY 월
SELECT julianday('2026-11-21') - julianday(hired_on) FROM employee ORDER BY id
SELECT datetime('2026-11-21 14:00', '+9 hours'), time('12:00'), unixepoch('2026-01-01')
SELECT id, CAST(strftime('%m', hired_on) AS INTEGER) AS m FROM employee WHERE m > 6 ORDER BY id
SELECT team_id, count(*) AS n FROM employee GROUP BY team_id
SELECT team_id, count(*) AS n FROM employee GROUP BY team_id HAVING n > 3
SELECT team_id, rank, count(*) FROM employee GROUP BY team_id, rank ORDER BY 1, 2
SELECT team_id, avg(score) FROM employee GROUP BY 1 HAVING avg(score) IS NOT NULL ORDER BY 1
SELECT rank, group_concat(id, ',') FROM (SELECT * FROM employee ORDER BY id) GROUP BY rank ORDER BY rank
SELECT rank, max(hired_on), name FROM employee GROUP BY rank ORDER BY rank
SELECT count(*) FILTER (WHERE rank = '대리'), count(*) FILTER (WHERE score > 0) FROM employee
SELECT sum(CASE WHEN left_on IS NULL THEN 1 ELSE 0 END) AS 재직 FROM employee
SELECT e.name, d.name FROM employee e JOIN department d ON d.id = e.team_id ORDER BY e.id
SELECT e.name, d.name FROM employee e, department d WHERE d.id = e.team_id ORDER BY e.id
SELECT e.name, d.name FROM employee e LEFT JOIN department d ON d.id = e.team_id ORDER BY e.id
SELECT d.name, count(e.id) FROM department d LEFT JOIN employee e ON e.team_id = d.id GROUP BY d.id ORDER BY d.id
SELECT d.name, count(e.id) FROM department d LEFT JOIN employee e ON e.team_id = d.id AND e.rank = '대리' GROUP BY d.id
SELECT d.name FROM department d LEFT JOIN employee e ON e.team_id = d.id WHERE e.id IS NULL ORDER BY d.id
SELECT d.name, e.name FROM employee e RIGHT JOIN department d ON d.id = e.team_id ORDER BY d.id, e.id
SELECT d.id, e.id FROM employee e FULL JOIN department d ON d.id = e.team_id ORDER BY d.id, e.id
SELECT a.id, b.id FROM employee a JOIN employee b ON a.team_id = b.team_id AND a.id < b.id ORDER BY 1, 2
SELECT count(*) FROM department a CROSS JOIN department b
SELECT count(*) FROM department a, department b, department c
SELECT * FROM department JOIN project USING (id) ORDER BY id
SELECT id, name FROM department NATURAL JOIN (SELECT id FROM project) ORDER BY id
SELECT p.name, d.name, e.name FROM project p JOIN department d ON d.id = p.team_id JOIN employee e ON e.id = p.lead
SELECT * FROM (SELECT id FROM employee) AS x JOIN (SELECT id FROM project) AS y ON x.id = y.id ORDER BY x.id
SELECT x.id FROM (employee x JOIN department d ON d.id = x.team_id) ORDER BY x.id
SELECT child.name, parent.name FROM department child LEFT JOIN department parent ON parent.id = child.parent_id
SELECT id FROM employee WHERE team_id IN (SELECT id FROM department WHERE name LIKE '영업%') ORDER BY id
SELECT id FROM employee WHERE team_id NOT IN (SELECT id FROM department WHERE parent_id IS NOT NULL) ORDER BY id
SELECT id FROM employee WHERE (team_id, rank) IN (SELECT team_id, rank FROM employee WHERE id < 20) ORDER BY id
SELECT id FROM employee e WHERE EXISTS (SELECT 1 FROM 매출 s WHERE s.담당 = e.id AND s.금액 > 800000) ORDER BY id
SELECT id FROM employee e WHERE NOT EXISTS (SELECT 1 FROM 매출 s WHERE s.담당 = e.id) ORDER BY id
SELECT id, (SELECT count(*) FROM 매출 s WHERE s.담당 = e.id) AS n FROM employee e ORDER BY id
SELECT id, (SELECT sum(금액) FROM 매출 WHERE 담당 = employee.id) FROM employee ORDER BY id
SELECT id FROM employee e WHERE score = (SELECT max(score) FROM employee i WHERE i.team_id = e.team_id) ORDER BY id
SELECT id FROM employee WHERE score > (SELECT avg(score) FROM employee) ORDER BY id
SELECT team_id, n FROM (SELECT team_id, count(*) AS n FROM employee GROUP BY team_id) WHERE n > 2 ORDER BY team_id
SELECT avg(n) FROM (SELECT count(*) AS n FROM 매출 GROUP BY 담당)
SELECT (SELECT count(*) FROM employee) AS 직원, (SELECT count(*) FROM project) AS 과제
SELECT EXISTS (SELECT 1 FROM project WHERE cost > 100), NOT EXISTS (SELECT 1 FROM project WHERE cost > 1000)
WITH t AS (SELECT team_id, count(*) AS n FROM employee GROUP BY team_id) SELECT * FROM t ORDER BY n DESC, team_id
WITH a AS (SELECT id FROM employee), b AS (SELECT id FROM a WHERE id > 10) SELECT count(*) FROM b, a WHERE a.id = b.id
WITH t(a, b) AS (SELECT id, name FROM employee) SELECT b, count(a) FROM t GROUP BY b ORDER BY b
WITH t AS MATERIALIZED (SELECT * FROM employee) SELECT x.id FROM t x JOIN t y ON x.id = y.id + 1 ORDER BY 1
WITH t AS NOT MATERIALIZED (SELECT * FROM employee WHERE id > 5) SELECT id FROM t ORDER BY id
WITH employee AS (SELECT 1 AS id UNION ALL SELECT 2) SELECT sum(id) FROM employee
WITH 팀 AS (SELECT id, name FROM department) SELECT 팀.name, count(*) FROM 팀 JOIN employee e ON e.team_id = 팀.id GROUP BY 1
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 50) SELECT sum(n), count(*) FROM c
WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n * 2 FROM c LIMIT 10) SELECT n FROM c
WITH RECURSIVE up(id, name, depth) AS (SELECT id, name, 0 FROM department WHERE parent_id IS NULL UNION ALL SELECT d.id, d.name, up.depth + 1 FROM department d JOIN up ON up.id = d.parent_id) SELECT * FROM up ORDER BY id
WITH RECURSIVE days(d) AS (SELECT '2026-01-01' UNION ALL SELECT date(d, '+1 month') FROM days WHERE d < '2026-12-01') SELECT d, (SELECT count(*) FROM 매출 WHERE strftime('%Y-%m', 일자) = strftime('%Y-%m', d)) FROM days
SELECT x FROM (WITH t AS (SELECT id AS x FROM employee) SELECT x FROM t WHERE x < 30) ORDER BY x
SELECT id, row_number() OVER (ORDER BY id) FROM employee ORDER BY id
SELECT id, rank() OVER (PARTITION BY team_id ORDER BY hired_on), dense_rank() OVER (ORDER BY rank) FROM employee ORDER BY id
SELECT id, sum(금액) OVER (), 번호 FROM 매출 JOIN employee ON id = 담당 ORDER BY 번호
SELECT 번호, sum(금액) OVER (ORDER BY 번호) AS 누적 FROM 매출 ORDER BY 번호
SELECT 번호, avg(금액) OVER (ORDER BY 번호 ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM 매출 ORDER BY 번호
SELECT 번호, count(*) OVER (ORDER BY 일자 RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM 매출 ORDER BY 번호
SELECT 번호, sum(금액) OVER (ORDER BY 번호 GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM 매출 ORDER BY 번호
SELECT 번호, lag(금액) OVER w, lead(금액, 1, 0) OVER w FROM 매출 WINDOW w AS (PARTITION BY 담당 ORDER BY 번호) ORDER BY 번호
SELECT id, first_value(id) OVER w, last_value(id) OVER w, nth_value(id, 2) OVER w FROM employee WINDOW w AS (ORDER BY id) ORDER BY id
SELECT id, ntile(4) OVER (ORDER BY id), percent_rank() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id) FROM employee ORDER BY id
SELECT * FROM (SELECT id, team_id, row_number() OVER (PARTITION BY team_id ORDER BY hired_on, id) AS r FROM employee) WHERE r = 1 ORDER BY id
SELECT team_id, sum(count(*)) OVER () FROM employee GROUP BY team_id ORDER BY team_id
SELECT id, sum(score) FILTER (WHERE score > 0) OVER (ORDER BY id) FROM employee ORDER BY id
SELECT name FROM employee UNION SELECT name FROM department ORDER BY 1
SELECT name FROM employee UNION ALL SELECT name FROM department ORDER BY name
SELECT id FROM employee INTERSECT SELECT id FROM project ORDER BY id
SELECT id FROM employee EXCEPT SELECT lead FROM project ORDER BY id
SELECT team_id FROM employee UNION SELECT id FROM department EXCEPT SELECT 1 ORDER BY 1
SELECT '직원' AS 종류, count(*) AS 수 FROM employee UNION ALL SELECT '과제', count(*) FROM project ORDER BY 1
VALUES (1, 'a'), (2, 'b')
SELECT * FROM (VALUES (1, '가'), (2, '나'))
SELECT column1, e.name FROM (VALUES (7), (9)) LEFT JOIN employee e ON e.id = column1 ORDER BY 1
SELECT 1 AS one, 'it''s' AS "따옴표", NULL AS nil, TRUE, FALSE, 1e3, 0x10, .5
SELECT current_date = date('now'), random() IS NOT NULL
SELECT tags -> '$.grade', tags ->> '$.city', tags ->> 'grade' FROM employee WHERE json_valid(tags) ORDER BY id
SELECT json_extract(tags, '$.grade'), json_type(tags), json_array_length(tags) FROM employee ORDER BY id
SELECT json_group_array(id), json_group_object(id, name) FROM (SELECT id, name FROM employee ORDER BY id)
SELECT json_object('id', id, 'name', name), json_array(id, rank) FROM employee ORDER BY id
SELECT 번호, "비고 란" FROM 매출 WHERE "비고 란" IS NOT NULL ORDER BY 번호
SELECT 거래처, sum(금액) AS 합계, count(*) AS 건수 FROM 매출 GROUP BY 거래처 ORDER BY 합계 DESC, 거래처
SELECT 거래처, 금액 FROM 매출 WHERE 금액 > (SELECT avg(금액) FROM 매출) AND 일자 >= '2026-06-01' ORDER BY 번호
SELECT d.name AS 부서, sum(s.금액) AS 합계 FROM 매출 s JOIN employee e ON e.id = s.담당 JOIN department d ON d.id = e.team_id GROUP BY d.id ORDER BY 합계 DESC
SELECT e.name, s.합 FROM employee e JOIN (SELECT 담당, sum(금액) AS 합 FROM 매출 GROUP BY 담당) s ON s.담당 = e.id ORDER BY e.id
SELECT max(a, b), min(a, b) FROM (SELECT id AS a, team_id AS b FROM employee) ORDER BY 1
SELECT id FROM employee /* 주석 */ WHERE id > 3 -- 끝
SELECT sqrt(16), power(2, 10), log10(1000), floor(2.5), ceil(2.5), sign(-3), mod(7, 3), pi(), exp(0), ln(1), trunc(2.7)
SELECT count(*) FROM employee WHERE 1 = 1 AND 'a' < 'b' AND NULL IS NULL
SELECT e.id FROM employee e JOIN project p ON p.lead = e.id OR p.team_id = e.team_id GROUP BY e.id HAVING count(*) > 1 ORDER BY e.id
SELECT cost, typeof(cost), cost = '12.50', cost > 11 FROM project ORDER BY id
SELECT p.* , e.name FROM project AS p LEFT JOIN employee AS e ON e.id = p.lead ORDER BY p.id
SELECT e.salary FROM employee e LEFT JOIN project p ON p.lead = e.id WHERE e.salary IS NOT NULL
SELECT avg(salary) - min(salary) FROM employee WHERE team_id = 1
SELECT sum(salary) FROM employee GROUP BY salary ORDER BY 1
"""


def _families() -> list[str]:
    found = []
    keys = ["team_id", "rank", "strftime('%Y', hired_on)", "left_on IS NULL"]
    measures = ["count(*)", "sum(score)", "avg(score)", "max(hired_on)", "count(DISTINCT name)"]
    for key, measure in product(keys, measures):
        found.append(f"SELECT {key} AS k, {measure} AS m FROM employee GROUP BY 1 ORDER BY 1")
    conditions = ["금액 > 300000", "금액 IS NULL", "일자 < '2026-04-01'", "거래처 = 'ABC'", "담당 % 2 = 0"]
    for first, second, word in product(conditions, conditions, ("AND", "OR")):
        if first < second:
            found.append(f"SELECT 번호, 금액 FROM 매출 WHERE {first} {word} NOT ({second}) ORDER BY 번호")
    for kind, tail in product(("JOIN", "LEFT JOIN"), ("", " AND p.cost > 11", " AND p.due IS NOT NULL")):
        found.append(
            f"SELECT e.id, count(p.id) FROM employee e {kind} project p ON p.team_id = e.team_id{tail} GROUP BY e.id"
        )
    windows = product(
        ("row_number()", "rank()", "sum(금액)", "max(금액)"), ("", "PARTITION BY 담당 ", "PARTITION BY 거래처 ")
    )
    found += [
        f"SELECT 번호, {function} OVER ({by}ORDER BY 일자, 번호) FROM 매출 ORDER BY 번호" for function, by in windows
    ]
    return found


QUESTIONS = [line for line in _HAND.strip().splitlines() if line] + _families()

IN_POSTGRES = [
    ("SELECT name FROM employee WHERE name LIKE '김%' ORDER BY id", "SELECT name FROM employee WHERE name GLOB '김*' ORDER BY id"),
    ("SELECT name FROM employee WHERE name ILIKE 'K%' ORDER BY id", "SELECT name FROM employee WHERE name LIKE 'k%' ORDER BY id"),
    ("SELECT date_trunc('month', 일자), sum(금액) FROM 매출 GROUP BY 1 ORDER BY 1", "SELECT strftime('%Y-%m-01', 일자), sum(금액) FROM 매출 GROUP BY 1 ORDER BY 1"),
    ("SELECT extract(year FROM hired_on), count(*) FROM employee GROUP BY 1 ORDER BY 1", "SELECT CAST(strftime('%Y', hired_on) AS INTEGER), count(*) FROM employee GROUP BY 1 ORDER BY 1"),
    ("SELECT to_char(일자, 'YYYY-MM'), count(*) FROM 매출 GROUP BY 1 ORDER BY 1", "SELECT strftime('%Y-%m', 일자), count(*) FROM 매출 GROUP BY 1 ORDER BY 1"),
    ("SELECT id FROM employee WHERE hired_on > '2026-01-01'::date - interval '10 years' ORDER BY id", "SELECT id FROM employee WHERE hired_on > date('2026-01-01', '-10 years') ORDER BY id"),
    ("SELECT id, rank FROM employee ORDER BY rank, id", "SELECT id, rank FROM employee ORDER BY rank NULLS LAST, id"),
    ("SELECT id, rank FROM employee ORDER BY rank DESC, id", "SELECT id, rank FROM employee ORDER BY rank DESC NULLS FIRST, id"),
    ("SELECT e.name FROM employee e CROSS JOIN department d WHERE d.id = e.team_id ORDER BY e.id", "SELECT e.name FROM employee e, department d WHERE d.id = e.team_id ORDER BY e.id"),
    ("SELECT left(name, 1), length(name), concat(name, NULL, '!') FROM employee ORDER BY id", "SELECT substr(name, 1, 1), length(name), name || '!' FROM employee ORDER BY id"),
    ("SELECT greatest(id, 10), least(id, 10) FROM employee ORDER BY id", "SELECT max(id, 10), min(id, 10) FROM employee ORDER BY id"),
    ("(SELECT id FROM employee) UNION (SELECT id FROM project) ORDER BY id", "SELECT id FROM employee UNION SELECT id FROM project ORDER BY id"),
    ("SELECT id FROM employee WHERE rank IS DISTINCT FROM '대리' ORDER BY id FETCH FIRST 3 ROWS ONLY", "SELECT id FROM employee WHERE rank IS NOT '대리' ORDER BY id LIMIT 3"),
    ("SELECT count(*) FILTER (WHERE score > 0), sum(score)::int FROM employee", "SELECT count(*) FILTER (WHERE score > 0), CAST(sum(score) AS INTEGER) FROM employee"),
    ("WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 9) SELECT sum(n) FROM c", "SELECT 45"),
    ("SELECT 번호, sum(금액) OVER (PARTITION BY 담당 ORDER BY 번호) FROM 매출 ORDER BY 번호", "SELECT 번호, sum(금액) OVER (PARTITION BY 담당 ORDER BY 번호) FROM 매출 ORDER BY 번호"),
    ("SELECT 7 / 2, 7 % 4, 7.0 / 2", "SELECT 3, 3, 3.5"),
    ("SELECT extract(quarter FROM 일자) AS q, count(*) FROM 매출 GROUP BY 1 ORDER BY 1", "SELECT (CAST(strftime('%m', 일자) AS INTEGER) + 2) / 3, count(*) FROM 매출 GROUP BY 1 ORDER BY 1"),
]  # fmt: skip
"""A question in PostgreSQL's dialect, and the same one as SQLite would have it."""
