"""manage.py sql and install_sql: their words, their exit codes."""

import io
import json
import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from search.models import QueryVector
from search.sql import console, session
from search.sql.console import Answer
from search.sql.text import short, table


def run(*arguments: str, stdin: str = "", monkeypatch=None) -> str:
    output = StringIO()
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    call_command("sql", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_statement_is_run_with_the_vectors_of_the_texts_that_it_names(make_asset, bundled_model, monkeypatch):
    from assets.preparation import prepare_batch

    assets = [make_asset(f"{color}.png", color=color) for color in ("red", "blue")]
    prepare_batch()
    text = "SELECT id, title FROM images ORDER BY embedding <-> clip_text_embedding(E'a\\x20red thing')::vector(512)"
    found = run(f"{text} LIMIT 1")
    assert QueryVector.objects.get().text == "a red thing"
    number = str(assets[0].pk)
    wide = max(len(number), 2)
    assert found == f" {'id':>{wide}} | title\n{'-' * (wide + 2)}+---------\n {number:>{wide}} | red.png\n(1 row)\n"
    rows = json.loads(run(text, "--json"))
    assert [row[0] for row in rows["rows"]] == [asset.pk for asset in assets]
    assert (rows["columns"], rows["row_count"], rows["truncated"]) == (["id", "title"], 2, False)
    # Several statements, one after another, from stdin; the mistake in the last is told with its place in all of it.
    both = run(stdin="SELECT 1 AS one;\n-- and\nSELECT 'x' AS two;\n", monkeypatch=monkeypatch)
    assert both == " one\n-----\n   1\n(1 row)\n\n two\n-----\n x\n(1 row)\n"
    with pytest.raises(CommandError, match='line 3, column 10: column "nothing" does not exist'):
        run("-", stdin="SELECT 1;\n\n  SELECT nothing", monkeypatch=monkeypatch)
    # Rights: the server's own by default, somebody's by name.
    from django.contrib.auth.models import User

    User.objects.create_user("gone", is_active=False)
    assert "(2 rows)" in run("SELECT id FROM images")
    assert "(0 rows)" in run("SELECT id FROM images", "--user", "gone")
    with pytest.raises(CommandError, match="no user 'nobody'"):
        run("SELECT 1", "--user", "nobody")


@pytest.mark.django_db
def test_values_are_those_of_json_or_as_postgresql_writes_them(db):
    answer = console.run(
        "SELECT 1::bigint, 2.5::float8, true, NULL, 1.10::numeric, 'infinity'::timestamptz, '{\"a\": 1}'::jsonb,"
        " ARRAY['a', NULL, 'ö'], '[1,2]'::vector(2), '\\x00ff'::bytea, '2026-01-02 03:04+02'::timestamptz, row(1, 'x')",
        session.EVERYTHING,
    )
    assert answer.rows == [
        (1, 2.5, True, None, "1.10", "infinity", '{"a": 1}', ["a", None, "ö"], "[1,2]", "\\x00ff",
         "2026-01-02 01:04:00+00", "(1,x)")
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_result_without_columns_and_one_with_a_name_twice(db):
    assert console.run("SELECT", session.EVERYTHING).columns == []
    assert console.run("SELECT 1 AS a, 2 AS a", session.EVERYTHING).rows == [(1, 2)]
    assert console.run("SHOW dam.public_read", session.EVERYTHING).rows == [("on",)]


def test_a_table_shortens_vectors_and_shows_no_control_characters():
    vector = "[" + ",".join(["0.25"] * 512) + "]"
    assert short(vector) == "[0.25,0.25,0.25,… 512]"
    assert short("a\x1b[31m\nb") == "a [31m b"
    assert short(["a", "b"]) == "a, b"
    shown = table(Answer(["id", "[bold]x"], [(1, "[red]y"), (22, None)], True, 1.0))
    assert (
        shown == " id | [bold]x\n----+---------\n  1 | [red]y\n 22 |\n(2 rows, and more that DAM_SQL_ROWS keeps back)"
    )


def test_a_cell_of_millions_is_shown_as_quickly_as_a_short_one():
    started = time.monotonic()
    assert short([0.25] * 7_000_000) == short([0.25] * 250)
    assert short("<" * 30_000_000) == "<" * 199 + "…"
    assert time.monotonic() - started < 1


@pytest.mark.django_db
def test_install_sql_makes_what_is_missing_and_may_be_repeated(small_space):
    def install(*arguments):
        output = StringIO()
        call_command("install_sql", *arguments, stdout=output)
        return output.getvalue()

    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER dam_sql_follow ON search_embeddingmodel; DROP SCHEMA dam_sql CASCADE")
        for _time in range(2):
            said = install()
            for name in ("images,", "image_words", "visible_assets", "clip_text_embedding()", "match_images()"):
                assert name in said
            assert "Role dam_sql: signs in" in said
            cursor.execute(
                "SELECT has_table_privilege('dam_sql', 'dam_sql.images', 'SELECT'),"
                " has_function_privilege('dam_sql', 'dam_sql.clip_text_embedding(text)', 'EXECUTE'),"
                " has_function_privilege('dam_sql', 'dam_sql.match_images(vector, float8, integer)', 'EXECUTE'),"
                " has_function_privilege('dam_sql', 'dam_sql.follow_active_model()', 'EXECUTE')"
            )
            assert cursor.fetchone() == (True, True, True, False)
        cursor.execute("SELECT count(*) FROM dam_sql.images")


@pytest.mark.django_db
def test_a_server_without_the_extensions_refuses_live_and_changes_nothing(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(oid ORDER BY oid) FROM pg_proc WHERE pronamespace = 'dam_sql'::regnamespace")
        before = cursor.fetchone()
        with pytest.raises(CommandError, match="neither the extension plpython3u nor http"):
            call_command("install_sql", "--live")
        cursor.execute("SELECT array_agg(oid ORDER BY oid) FROM pg_proc WHERE pronamespace = 'dam_sql'::regnamespace")
        assert cursor.fetchone() == before
        cursor.execute("SELECT to_regclass('dam_sql.encoder')")
        assert cursor.fetchone() == (None,)


@pytest.mark.django_db
def test_on_a_server_of_ones_own_the_role_gets_a_password_made_of_the_secret_key(monkeypatch, settings):
    monkeypatch.setattr(session, "is_embedded", lambda: False)
    output = StringIO()
    call_command("install_sql", stdout=output)
    assert "signs in with a password made of SECRET_KEY" in output.getvalue()
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'dam_sql'")
        assert cursor.fetchone() == (True,)
    before = session.password()
    assert before == session.password()
    settings.SECRET_KEY = "another"
    assert session.password() != before
