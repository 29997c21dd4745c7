# ruff: noqa: E501 - one statement a line
"""Questions that people ask in PostgreSQL's own SQL, beside those of `analytic.py` that are PostgreSQL's too."""

_LINES = """
SELECT DISTINCT ON (team_id) team_id, id, name FROM employee ORDER BY team_id, hired_on, id
SELECT team_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY score) FROM employee GROUP BY team_id ORDER BY team_id
SELECT rank, mode() WITHIN GROUP (ORDER BY team_id) FROM employee GROUP BY rank ORDER BY rank
SELECT team_id, rank, count(*) FROM employee GROUP BY ROLLUP (team_id, rank) ORDER BY 1, 2, 3
SELECT team_id, rank, count(*), grouping(team_id) FROM employee GROUP BY CUBE (team_id, rank) ORDER BY 1, 2, 3, 4
SELECT team_id, rank, count(*) FROM employee GROUP BY GROUPING SETS ((team_id), (rank), ()) ORDER BY 1, 2, 3
SELECT d.name, s.id FROM department d CROSS JOIN LATERAL (SELECT id FROM employee e WHERE e.team_id = d.id ORDER BY id LIMIT 2) s ORDER BY 1, 2
SELECT d.name, s.n FROM department d LEFT JOIN LATERAL (SELECT count(*) AS n FROM employee e WHERE e.team_id = d.id) s ON true ORDER BY d.id
SELECT m::date, count(e.id) FROM generate_series('2010-01-01'::timestamp, '2026-01-01', '1 year') AS m LEFT JOIN employee e ON date_trunc('year', e.hired_on) = m GROUP BY 1 ORDER BY 1
SELECT n, n * n FROM generate_series(1, 10) AS n ORDER BY n
SELECT string_agg(name, ', ' ORDER BY id) FROM employee
SELECT rank, array_agg(id ORDER BY id) FROM employee GROUP BY rank ORDER BY rank
SELECT id FROM employee WHERE team_id = ANY (ARRAY[1, 2]) ORDER BY id
SELECT id FROM employee WHERE id = ANY ('{1,2,3,4,5,6,7}') ORDER BY id
SELECT id FROM employee WHERE team_id <> ALL (SELECT id FROM department WHERE id < 2) ORDER BY id
SELECT to_char(hired_on, 'YYYY-MM') AS 월, count(*) FROM employee GROUP BY 월 ORDER BY 월
SELECT date_trunc('quarter', 일자)::date AS q, sum(금액) FROM 매출 GROUP BY q ORDER BY q
SELECT extract(dow FROM 일자) AS 요일, avg(금액) FROM 매출 GROUP BY 1 ORDER BY 1
SELECT id, age(date '2026-11-21', hired_on) FROM employee ORDER BY id
SELECT id, date '2026-11-21' - hired_on FROM employee ORDER BY id
SELECT id, hired_on + interval '1 month', hired_on + 30 FROM employee ORDER BY id
SELECT id FROM employee WHERE hired_on > current_date - interval '3 years' ORDER BY id
SELECT id FROM employee WHERE hired_on BETWEEN '2015-01-01' AND '2020-12-31' ORDER BY id
SELECT id, score::int, score::text, score::numeric(10, 1), cast(score AS double precision) FROM employee ORDER BY id
SELECT round(avg(score)::numeric, 2) FROM employee
SELECT sum(salary) FILTER (WHERE team_id = 1), sum(salary) FILTER (WHERE team_id = 2) FROM employee
SELECT id, name ILIKE 'k%', name LIKE '김%', name NOT ILIKE '%a%' FROM employee ORDER BY id
SELECT id FROM employee WHERE rank IS DISTINCT FROM '대리' AND rank IS NOT NULL ORDER BY id
SELECT id FROM employee WHERE (salary > 0) IS NOT TRUE ORDER BY id
SELECT id, left_on IS NULL AS 재직 FROM employee ORDER BY id
SELECT bool_and(score > 0), bool_or(score > 0), every(id > 0) FROM employee
SELECT id, greatest(score, 1), least(score, 1), coalesce(score, 0) FROM employee ORDER BY id
SELECT id, split_part(name, '', 1), left(name, 1), right(name, 1), initcap(name), reverse(name) FROM employee ORDER BY id
SELECT id, position('하' in name), substring(name from 1 for 2), trim(both 'K' from name), overlay(name placing 'x' from 1 for 1) FROM employee ORDER BY id
SELECT id, tags -> 'grade', tags ->> 'city', tags #>> '{grade}', json_typeof(tags) FROM employee ORDER BY id
SELECT id, tags::jsonb FROM employee WHERE tags IS NOT NULL ORDER BY id
SELECT json_build_object('id', id, 'name', name) FROM employee ORDER BY id
SELECT json_agg(name ORDER BY id) FROM employee
SELECT stddev(score), variance(score), corr(score, id) FROM employee
SELECT width_bucket(금액, 0, 900000, 5) AS 구간, count(*) FROM 매출 GROUP BY 1 ORDER BY 1
SELECT 번호, sum(금액) OVER w, rank() OVER w FROM 매출 WINDOW w AS (PARTITION BY 거래처 ORDER BY 번호) ORDER BY 번호
SELECT 번호, sum(금액) OVER (ORDER BY 일자 RANGE BETWEEN INTERVAL '7 days' PRECEDING AND CURRENT ROW) FROM 매출 ORDER BY 번호
SELECT 번호, 금액 - lag(금액) OVER (ORDER BY 번호) FROM 매출 ORDER BY 번호
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(n, t) ORDER BY n
SELECT v.n, e.name FROM (VALUES (7), (9)) AS v(n) LEFT JOIN employee e ON e.id = v.n ORDER BY 1
WITH t AS MATERIALIZED (SELECT * FROM employee) SELECT count(*) FROM t
WITH employee AS (SELECT * FROM employee WHERE team_id = 1) SELECT count(*), min(employee.id) FROM employee
WITH a AS (SELECT * FROM department), department AS (SELECT 1 AS id) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM department)
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 20) SELECT sum(n) FROM t
WITH RECURSIVE up AS (SELECT id, name, 1 AS depth FROM department WHERE parent_id IS NULL UNION ALL SELECT d.id, d.name, depth + 1 FROM department d JOIN up ON up.id = d.parent_id) SELECT * FROM up ORDER BY depth, id
SELECT id FROM employee ORDER BY id OFFSET 2 FETCH FIRST 3 ROWS ONLY
(SELECT id FROM employee ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM project ORDER BY id LIMIT 2)
SELECT id FROM employee INTERSECT ALL SELECT id FROM project ORDER BY id
SELECT x.id AS "ID", x."name" AS "Name" FROM "employee" AS x ORDER BY "ID"
SELECT EMPLOYEE.ID FROM Employee ORDER BY Employee.id
SELECT id, name COLLATE "C" FROM employee ORDER BY name COLLATE "C", id
SELECT 'it''s', 'a\\b', '%', 1.5e3, .5, -3 % 2, 2 ^ 10, 7 / 2, 7 / 2.0
SELECT timestamp '2026-01-01 09:00' AT TIME ZONE 'Asia/Seoul' IS NOT NULL, interval '1 day 2 hours', date '2026-01-01'
"""
MORE = [line for line in _LINES.splitlines() if line]
