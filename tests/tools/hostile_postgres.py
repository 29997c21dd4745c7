"""Statements that try what only PostgreSQL has. Whatever they return may not hold the word CANARY."""

_LINES = r"""
SELECT * FROM pg_user
SELECT * FROM pg_catalog.pg_class
SELECT * FROM pg_stat_activity
SELECT * FROM pg_authid
SELECT * FROM "pg_authid"
SELECT * FROM information_schema.tables
SELECT * FROM tables
WITH pg_user AS (SELECT * FROM pg_user) SELECT * FROM pg_user
WITH a AS (SELECT * FROM b), b AS (SELECT * FROM payroll) SELECT * FROM a
WITH payroll AS (SELECT * FROM payroll) SELECT * FROM payroll
WITH employee AS (SELECT * FROM payroll) SELECT * FROM employee
WITH RECURSIVE payroll AS (SELECT * FROM payroll) SELECT * FROM payroll
WITH RECURSIVE a AS (SELECT * FROM payroll), payroll AS (SELECT 1 AS amount) SELECT * FROM a
SELECT (WITH payroll AS (SELECT 1) SELECT count(*) FROM payroll), amount FROM payroll
SELECT * FROM (WITH payroll AS (SELECT 1) SELECT 1) x JOIN payroll ON true
(WITH payroll AS (SELECT 1) SELECT 1 FROM payroll) UNION SELECT id FROM payroll
SELECT pg_read_file('/etc/passwd')
SELECT pg_read_binary_file('/etc/passwd')
SELECT "pg_read_file"('/etc/passwd')
SELECT pg_catalog.pg_read_file('/etc/passwd')
WITH pg_read_file(x) AS (SELECT 1) SELECT pg_read_file('/etc/passwd') FROM pg_read_file
WITH lo_import(x) AS (SELECT 1) SELECT lo_import('/etc/passwd') FROM lo_import
SELECT pg_ls_dir('/')
SELECT lo_import('/etc/passwd')
SELECT lo_get(1)
SELECT query_to_xml('SELECT * FROM payroll', true, true, '')
SELECT table_to_xml('payroll', true, true, '')
SELECT database_to_xml(true, true, '')
SELECT xpath('/x', query_to_xml('SELECT * FROM payroll', true, true, ''))
SELECT dblink('x', 'y')
SELECT * FROM dblink('x', 'SELECT 1') AS t(a int)
SELECT pg_sleep(10)
SELECT pg_sleep_for('10 s')
SELECT set_config('role', 'postgres', false)
SELECT set_config('search_path', 'public', false)
SELECT current_setting('data_directory')
SET ROLE postgres
SET search_path = public
SET LOCAL transaction_read_only = off
RESET ROLE
SET TRANSACTION READ WRITE
SHOW data_directory
SELECT nextval('x')
SELECT pg_terminate_backend(1)
SELECT pg_cancel_backend(1)
SELECT pg_advisory_lock(1)
SELECT pg_notify('x', 'y')
SELECT pg_export_snapshot()
SELECT pg_switch_wal()
SELECT pg_reload_conf()
SELECT pg_relation_size('payroll')
SELECT pg_typeof(id) FROM employee
SELECT txid_current()
SELECT has_table_privilege('payroll', 'select')
SELECT obj_description(1)
SELECT 'payroll'::regclass::text
SELECT 'payroll'::"regclass"
SELECT 'payroll'::regclass::oid
SELECT regclass 'payroll'
SELECT "regclass" 'payroll'
SELECT oid '1'
SELECT CAST('pg_user' AS regclass)
SELECT CAST('payroll' AS pg_catalog.regclass)
SELECT to_regclass('payroll')
SELECT 'x'::regproc
SELECT 'postgres'::regrole
SELECT '(0,1)'::tid
SELECT '1'::xid
SELECT 'x'::employee
SELECT e FROM employee e
SELECT employee FROM employee
SELECT (e).secret FROM employee e
SELECT (e.*)::text FROM employee e
SELECT row_to_json(e) FROM employee e
SELECT e.row_to_json FROM employee e
SELECT to_jsonb(e) FROM employee e
SELECT json_agg(e) FROM employee e
SELECT row(e.*) FROM employee e
SELECT e.secret FROM employee e
SELECT ctid FROM employee
SELECT xmin, tableoid FROM employee
SELECT e.ctid, e.cmax FROM employee e
SELECT * FROM public.employee
SELECT public.employee.secret FROM employee
SELECT * FROM "public"."employee"
SELECT * FROM daeri.public.employee
SELECT * FROM public.payroll AS employee
SELECT * FROM ONLY payroll
SELECT * FROM ONLY employee
SELECT * FROM payroll TABLESAMPLE SYSTEM (100)
SELECT * FROM employee *
TABLE payroll
TABLE employee
VALUES ((SELECT amount FROM payroll))
SELECT * FROM LATERAL (SELECT * FROM payroll) x
SELECT * FROM employee e, LATERAL (SELECT e.secret) x
SELECT * FROM ROWS FROM (generate_series(1, 2)) x
SELECT * FROM generate_series(1, 1000000000)
SELECT count(*) FROM generate_series(1, 1000000000)
SELECT generate_series(1, 1000000000)
SELECT * FROM json_to_record('{}') AS x(a regclass)
SELECT * FROM json_each('{}')
SELECT * FROM unnest(ARRAY['payroll'::regclass])
SELECT * FROM XMLTABLE('/x' PASSING '<x/>' COLUMNS a text)
SELECT * FROM current_user
SELECT ARRAY(SELECT amount FROM payroll)
SELECT ARRAY(SELECT secret FROM employee)
SELECT amount FROM U&"payr\006fll"
SELECT U&"secret" FROM employee
SELECT secret FROM U&"employee"
SELECT U&'x'
SELECT E'\x43'
SELECT B'1'
SELECT N'x'
SELECT $$CANARY$$
SELECT $x$CANARY$x$
SELECT amount FROM payroll WHERE id = $1
COPY payroll TO STDOUT
COPY (SELECT 1) TO PROGRAM 'id'
COPY employee FROM PROGRAM 'id'
DO $$BEGIN END$$
CALL x()
EXECUTE x
PREPARE x AS SELECT 1
DEALLOCATE ALL
DECLARE c CURSOR FOR SELECT 1
FETCH ALL FROM daeri_asked
MOVE ALL FROM daeri_asked
CLOSE ALL
CLOSE daeri_asked
LISTEN x
NOTIFY x
UNLISTEN *
LOAD 'x'
DISCARD ALL
CHECKPOINT
CLUSTER
LOCK TABLE employee
SECURITY LABEL ON TABLE employee IS 'x'
COMMENT ON TABLE employee IS 'x'
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE EXTENSION dblink
CREATE ROLE x SUPERUSER
ALTER ROLE postgres PASSWORD 'x'
ALTER SYSTEM SET work_mem = '1GB'
REASSIGN OWNED BY postgres TO x
MERGE INTO employee USING payroll ON true WHEN MATCHED THEN DELETE
TRUNCATE employee
REFRESH MATERIALIZED VIEW x
IMPORT FOREIGN SCHEMA x FROM SERVER y INTO public
EXPLAIN ANALYZE SELECT * FROM payroll
EXPLAIN (ANALYZE) DELETE FROM employee
SELECT 1 INTO x
SELECT * INTO TEMP x FROM employee
SELECT id FROM employee FOR UPDATE
SELECT id FROM employee FOR SHARE OF employee
INSERT INTO payroll VALUES (1) RETURNING *
WITH x AS (DELETE FROM payroll RETURNING *) SELECT * FROM x
WITH x AS (INSERT INTO employee (id) VALUES (999) RETURNING *) SELECT * FROM x
WITH x AS (UPDATE employee SET name = 'x' RETURNING *) SELECT 1
SELECT version()
SELECT current_user
SELECT CURRENT_ROLE, SESSION_USER, USER
SELECT current_database(), current_schema
SELECT inet_server_addr()
SELECT id FROM employee WHERE id = 1; DROP TABLE payroll
SELECT 1; COMMIT; DROP TABLE payroll
SELECT id FROM employee UNION SELECT id FROM payroll
SELECT id FROM "payroll"
SELECT id FROM PAYROLL
SELECT id FROM dMARK_payroll
SELECT * FROM "dMARK_0"
SELECT id FROM employee WHERE 1 = (SELECT 1 FROM payroll LIMIT 1)
SELECT id FROM employee e JOIN payroll USING (id)
SELECT 'a' 'b'
SELECT xmlparse(document '<a/>')
SELECT OPERATOR(pg_catalog.+) 1
SELECT 1 OPERATOR(pg_catalog.=) 1
SELECT name ~ '(a+)+$' FROM employee
SELECT name !~* 'x' FROM employee
SELECT name SIMILAR TO 'x' FROM employee
SELECT name @@ 'x' FROM employee
SELECT regexp_replace(name, '(a+)+', 'x') FROM employee
SELECT repeat('x', 1000000000)
SELECT lpad('x', 1000000000)
SELECT rpad('x', 1000000000)
SELECT format('%1000000000s', 'x')
SELECT ts_stat('SELECT * FROM payroll')
SELECT * FROM ts_stat('SELECT * FROM payroll')
SELECT cursor_to_xml('daeri_asked', 1, true, true, '')
SELECT name COLLATE pg_catalog."default" FROM employee
SELECT id AS "x""; DROP TABLE payroll; --" FROM employee
SELECT 'x\'; DROP TABLE payroll; --'
SELECT '\' || (SELECT amount FROM payroll) || '\'
SELECT 1 /* /* */ FROM payroll */
SELECT 1 /* nested /* */ ; DROP TABLE payroll */
"""
OWN = [line for line in _LINES.splitlines() if line] + ["SELECT 'a' \n 'b'", "SELECT 1 --\r FROM payroll"]
