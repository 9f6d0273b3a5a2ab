"""What the console's statements cannot do: each is refused with its reason, and nothing has changed."""

import time

import pytest
from django.contrib.auth.models import User
from django.db import connection

from search.sql import console, session
from search.sql.rules import SqlError

REFUSED = {
    # writes
    "INSERT INTO assets_tag (name, slug) VALUES ('x', 'x')": "INSERT is not run here",
    "DELETE FROM auth_user": "DELETE is not run here",
    "UPDATE pg_settings SET setting = '5' WHERE name = 'dam.user_id'": "UPDATE is not run here",
    "WITH gone AS (DELETE FROM auth_user RETURNING 1) SELECT * FROM gone": "DELETE is not run here",
    "WITH x AS (UPDATE pg_settings SET setting = '99' WHERE name = 'work_mem') SELECT 1": "UPDATE is not run here",
    "WITH x AS (INSERT INTO dam_sql.visible_assets (id) VALUES (1) RETURNING 1) TABLE x": "INSERT is not run here",
    "WITH x AS (MERGE INTO dam_sql.images i USING images j ON true WHEN MATCHED THEN DO NOTHING) TABLE x": "MERGE",
    "EXPLAIN ANALYZE DELETE FROM dam_sql.visible_assets": "DELETE is not run here",
    "EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1": "read-only|permission denied",
    "SELECT * INTO stolen FROM images": "INTO is not run here",
    "CREATE TEMP TABLE mine (x int)": "CREATE is not run here",
    "SELECT * FROM images FOR UPDATE": "UPDATE is not run here",
    "SELECT * FROM images FOR SHARE": "read-only|permission denied",
    "TRUNCATE images": "TRUNCATE is not run here",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'": "CREATE is not run here",
    # other statements
    "COPY images TO '/tmp/stolen'": "COPY is not run here",
    "COPY (SELECT 1) TO PROGRAM 'id'": "COPY is not run here",
    "DO $$ BEGIN PERFORM pg_sleep(1); END $$": "DO is not run here",
    "SET dam.user_id = '1'": "SET is not run here",
    "SET ROLE postgres": "SET is not run here",
    "RESET ALL": "RESET is not run here",
    "LISTEN x": "LISTEN is not run here",
    "NOTIFY x": "NOTIFY is not run here",
    "LOCK TABLE images": "LOCK is not run here",
    "COMMIT": "COMMIT is not run here",
    "BEGIN": "BEGIN is not run here",
    "PREPARE x AS SELECT 1": "PREPARE is not run here",
    "CALL something()": "CALL is not run here",
    "VACUUM": "VACUUM is not run here",
    "SELECT 1; DELETE FROM auth_user": "One statement at a time",
    "SELECT 1;;;COMMIT": "One statement at a time",
    # functions with effects
    "SELECT set_config('role', 'none', false), query_to_xml('select * from auth_user', true, true, '')": "set_config()",
    "SELECT set_config('dam.public_read', 'on', true), count(*) FROM images": "set_config()",
    "SELECT \"set_config\"('a.b', 'c', true)": "set_config()",
    "SELECT pg_catalog . /* x */ set_config -- y\n ('a.b', 'c', true)": "set_config()",
    "SELECT U&\"\\0073et_config\"('a.b', 'c', true)": "without U&",
    "SELECT E'a'\n'b\\'', set_config('a.b', 'c', true), ''": "set_config()",
    "SELECT query_to_xml('select * from auth_user', true, true, '')": "query_to_xml()",
    "SELECT * FROM ts_stat('select password::tsvector from auth_user')": "ts_stat()",
    "SELECT ts_rewrite('a'::tsquery, 'select 1')": "ts_rewrite()",
    "SELECT lo_create(0)": "lo_create()",
    "SELECT lo_from_bytea(0, 'x')": "lo_from_bytea()",
    "SELECT lo_import('/etc/passwd')": "lo_import()",
    "SELECT pg_read_file('/etc/passwd')": "pg_read_file()",
    "SELECT * FROM pg_ls_dir('/')": "pg_ls_dir()",
    "SELECT pg_sleep(100)": "pg_sleep()",
    "SELECT PG_SLEEP_FOR('1 hour')": "pg_sleep_for()",
    "SELECT pg_terminate_backend(1)": "pg_terminate_backend()",
    "SELECT pg_cancel_backend(1)": "pg_cancel_backend()",
    "SELECT pg_advisory_lock(1)": "pg_advisory_lock()",
    "SELECT pg_notify('x', 'y')": "pg_notify()",
    "SELECT nextval('assets_tag_id_seq')": "nextval()",
    "SELECT pgmq.purge_queue('dam')": "purge_queue()|permission denied|not exist",
    # other schemas
    "SELECT * FROM auth_user": "permission denied for table auth_user",
    "SELECT * FROM public.search_queryvector": "permission denied",
    "TABLE knox_authtoken": "permission denied",
    "SELECT * FROM pg_authid": "permission denied",
    "SELECT * FROM pg_stats_ext_exprs, auth_user": "permission denied",
    "SELECT table_to_xml('auth_user', true, true, '')": "permission denied|libxml",
    "SELECT schema_to_xml('public', true, true, '')::text ~ 'pbkdf2|md5'": "permission denied|libxml",
    "SELECT * FROM dblink('dbname=postgres', 'select 1') AS x(y int)": "does not exist|dblink",
    "SELECT dam_sql.follow_active_model()": "permission denied|trigger|follow_active_model",
    "SHOW data_directory": "permission denied|must be",
    # no statement
    "": "no statement",
    " ; -- nothing\n ;": "no statement",
    "SELECT 'abc": "not closed",
    "SELECT /* abc": "not closed",
    "SELECT $x$ abc $$": "not closed",
    "SELECT 'a\0b'": "character in it that PostgreSQL has not",
    "SELECT '\ud800'": "character in it that PostgreSQL has not",
    "SELECT '" + "x" * 100_001 + "'": "100,010 characters",
    "12": "12 is not run here",
    "SELEC 1": "SELEC is not run here",
    "SELECT 1 FROM": "syntax error",
    "SELECT 1/0": "division by zero",
    "SELECT clip_text_embedding(E'\\xff')": "invalid byte sequence",
    "SELECT " + "(" * 20_000 + "1" + ")" * 20_000: "stack depth|memory exhausted",
}


@pytest.mark.parametrize("statement", REFUSED, ids=lambda statement: statement[:60])
def test_it_is_refused_with_its_reason(statement, sql, user):
    def state():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM auth_user), (SELECT count(*) FROM pg_class WHERE relkind = 'r'),"
                " (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM assets_tag)"
            )
            return cursor.fetchone()

    before = state()
    with pytest.raises(SqlError, match=f"(?s){REFUSED[statement]}".replace("()", r"\(\)")):
        sql(statement)
    assert state() == before


@pytest.mark.parametrize(
    "statement",
    [
        "WITH RECURSIVE bomb(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM bomb) SELECT count(*) FROM bomb",
        "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b",
        "SELECT a FROM (SELECT repeat(n::text, 1000000) AS a FROM generate_series(1, 1000) n) ORDER BY a LIMIT 1",
        "SELECT sum(length(repeat(md5(n::text), 10000))) FROM generate_series(1, 10000000) n",
    ],
)
def test_what_takes_long_is_stopped(statement, sql, settings):
    settings.DAM_SQL_SECONDS = 0.3
    started = time.monotonic()
    with pytest.raises(SqlError, match=r"stopped after 0\.3 seconds"):
        sql(statement)
    assert time.monotonic() - started < 4


def test_ten_million_rows_are_never_held(sql, settings):
    settings.DAM_SQL_ROWS = 100
    answer = sql("SELECT n, repeat('x', 100) FROM generate_series(1, 10000000) AS n")
    assert (len(answer.rows), answer.truncated) == (100, True)
    assert not sql("SELECT * FROM generate_series(1, 100)").truncated


@pytest.mark.parametrize(
    "statement", ["SELECT repeat('x', 200000000)", "SELECT repeat('x', 1000000) FROM generate_series(1, 100)"]
)
def test_the_bytes_of_an_answer_are_limited_also_within_one_row(statement, sql):
    with pytest.raises(SqlError, match="more than 32 MB"):
        sql(statement)


def test_what_a_statement_writes_to_disk_is_limited(sql):
    """In ten seconds it is some gigabytes, where nothing limits it."""
    rows = "SELECT repeat('x', 1000000) FROM generate_series(1, 2000)"
    with pytest.raises(SqlError, match="temp_file_limit"):
        sql(f"WITH kept AS MATERIALIZED ({rows}) SELECT count(*) FROM kept")


def test_no_volatile_function_of_the_server_is_called(sql):
    """Asked of the server itself: whatever PostgreSQL's version has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v' AND proname ~ '^[a-z_0-9]+$'")
        names = {name for (name,) in cursor.fetchall()} - console.rules.HARMLESS
    assert len(names) > 200
    with session.connect(session.EVERYTHING) as signed_in:
        for name in names:
            text = f"SELECT {name.upper()} ()"
            with pytest.raises(SqlError, match=r"is not (called|run) here"):
                console.rules.refuse_effects(signed_in.cursor(), console.rules.one_query(text), text)


def test_the_role_itself_is_held_to_reading_dam_sql(sql):
    """Without the rules of words: what the server says to whoever signs in as the role."""
    import psycopg

    User.objects.create_user("somebody")
    for statement in (
        "SELECT * FROM auth_user",
        "SELECT set_config('role', 'none', false), query_to_xml('select * from auth_user', true, true, '')",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE TABLE public.x (y int)",
        "CREATE SCHEMA x",
        "CREATE TABLE dam_sql.x (y int)",
        "DELETE FROM dam_sql.images",
        "CREATE TEMP TABLE mine AS SELECT * FROM auth_user",
        "WITH gone AS (DELETE FROM auth_user RETURNING 1) SELECT * FROM gone",
        "DELETE FROM dam_sql.visible_assets",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT lo_import('/etc/passwd')",
        "ALTER ROLE dam_sql SUPERUSER",
        "SET temp_file_limit = -1",
        "ALTER ROLE dam_sql RESET temp_file_limit",
        "SELECT dam_sql.follow_active_model()",
    ):
        with session.connect(session.EVERYTHING) as signed_in:
            signed_in.execute("SET default_transaction_read_only = off")
            with pytest.raises(psycopg.Error) as refusal:
                signed_in.execute(statement)
        assert refusal.value.sqlstate in {"42501", "55000", "0A000", "25006"}, (statement, refusal.value)
