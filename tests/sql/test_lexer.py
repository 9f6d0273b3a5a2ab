"""Where strings, comments and names begin and end: as for PostgreSQL, which is asked."""

import itertools
import time
from contextlib import suppress

import pytest
from django.db import connection

from search.sql import rules
from search.sql.lexer import Unterminated, code, statements, tokens
from search.sql.rules import SqlError

TEXTS = {
    "clip_text_embedding('black car')": ["black car"],
    "Clip_Text_Embedding ( 'it''s' )": ["it's"],
    "dam_sql . clip_text_embedding('a')": ["a"],
    '"dam_sql"."clip_text_embedding"(\'a\')': ["a"],
    "\"Clip_text_embedding\"('a')": [],
    "clip_text_embedding(E'it\\'s \\u7535\\x41\\n')": ["it's 电A\n"],
    "clip_text_embedding(e'a''b')": ["a'b"],
    "clip_text_embedding($$it's$$)": ["it's"],
    "clip_text_embedding($q$ $$ $x$ $q$)": [" $$ $x$ "],
    "clip_text_embedding($电$a$电$)": ["a"],
    "clip_text_embedding(U&'\\7535\\8F66')": ["电车"],
    "clip_text_embedding(N'a')": ["a"],
    "clip_text_embedding('one '\n   'text')": ["one text"],
    "clip_text_embedding('one ' -- note\n  -- 'another'\n 'text')": ["one text"],
    "clip_text_embedding(E'\\x61'\n'\\x62')": ["ab"],
    "clip_text_embedding('a'::text)": ["a"],
    "clip_text_embedding/* (' */('a' -- ')\n)": ["a"],
    "clip_text_embedding('a' || 'b')": [],
    "clip_text_embedding(title)": [],
    "clip_text_embedding": [],
    "my_clip_text_embedding('a')": [],
    "clip_text_embedding_('a')": [],
    "clip_text_embedding$('a')": [],
    "clip_image_embedding('a')": [],
    "'clip_text_embedding(''a'')'": [],
    "$$clip_text_embedding('a')$$": [],
    "-- clip_text_embedding('a')": [],
    "/* /* */ clip_text_embedding('a') */ 1": [],
    "clip_text_embedding('a'), clip_text_embedding('b'), clip_text_embedding('a')": ["a", "b"],
    "clip_text_embedding(B'01')": [],
}


@pytest.mark.django_db
@pytest.mark.parametrize("text", TEXTS)
def test_the_literals_of_calls_are_found_and_nothing_that_only_looks_like_one(text):
    [statement] = statements(f"SELECT {text}" if not text.startswith("--") else f"SELECT 1 {text}")
    literals = rules.literal_texts(statement)
    if literals:
        with connection.cursor() as cursor:
            cursor.execute("SELECT " + ", ".join(literals))
            assert list(cursor.fetchone()) == TEXTS[text]
    else:
        assert TEXTS[text] == []


def test_the_tokens_of_a_text_are_the_text():
    for text in [*TEXTS, "a;b", "1e9.5$1 $1a", "\x00é∂ \u3000", "a -- b", "E'", "$a$b$a$"]:
        try:
            assert "".join(token.text for token in tokens(text)) == text
        except Unterminated:
            assert text == "E'"


def test_semicolons_part_statements_only_where_they_are_code():
    text = "SELECT ';' -- ;\n, $$;$$ /* ; */, \";\"; ; \n SELECT 2 ;"
    assert [(part.sql, part.start) for part in statements(text)] == [
        ("SELECT ';' -- ;\n, $$;$$ /* ; */, \";\"", 0),
        ("SELECT 2", text.index("SELECT 2")),
    ]


@pytest.mark.parametrize("text", ["SELECT 'a", 'SELECT "a', "SELECT $x$ $$", "SELECT /* /* */", "SELECT E'a\\'"])
def test_what_is_not_closed_is_named_with_its_place(text):
    with pytest.raises(SqlError, match=r"line 2, column (8|9): What begins here is not closed") as refusal:
        rules.one_query(f"\n{text}")
    assert refusal.value.line == 2


@pytest.mark.parametrize(
    "text",
    ["'" + "a\n" * 40_000, "'a'" + "\n--x" * 25_000, "'a'" + " \n" * 40_000 + "x", "/*" * 50_000, "e'\\" * 30_000],
)
def test_no_text_takes_long_to_read(text):
    started = time.monotonic()
    with suppress(Unterminated):
        code(text)
    assert time.monotonic() - started < 2


@pytest.mark.django_db
def test_a_name_that_postgresql_sees_is_never_hidden_in_what_is_read_as_a_string():
    """Strings of both kinds, put together at random: if the server calls pg_sleep, the rules have seen it."""
    pieces = ["'", "E'", "\\", "''", "$$", "\n", "--", "/*", "*/", "pg_sleep(0)", ",", '"', "U&'", " "]
    with connection.cursor() as cursor:
        for chosen in itertools.islice(itertools.permutations(pieces, 4), 0, None, 7):
            text = f"SELECT {''.join(chosen)}"
            try:
                statement = rules.one_query(text)
                calls = "pg_sleep" in {token.text for token in code(statement.sql) if token.kind == "name"}
            except SqlError:
                continue
            if calls:
                continue
            cursor.execute("SAVEPOINT here")
            try:
                cursor.execute("EXPLAIN (VERBOSE) " + text)
                assert "pg_sleep(" not in "".join(line for (line,) in cursor.fetchall() if "'" not in line), text
            except Exception as error:
                if isinstance(error, AssertionError):
                    raise
            cursor.execute("ROLLBACK TO SAVEPOINT here")
