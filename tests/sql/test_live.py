"""install_sql --live, where the server could: the two bodies, run by what stands in for the extensions."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module

import pytest
from django.db import DatabaseError, connection

from search.sql import live

pytestmark = pytest.mark.django_db
ANSWER = [3.0, 4.0] + [0.0] * 6


@pytest.fixture
def encoder(settings):
    """A server that answers as OpenAI's does; yields what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, self.headers["Authorization"], body))
            status = 200 if body["input"] != "refused" else 503
            self.send_response(status)
            self.end_headers()
            answer = {"data": [{"embedding": ANSWER}]} if status == 200 else {"error": "full"}
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.DAM_ENCODER_URL = f"http://127.0.0.1:{server.server_port}"
    settings.DAM_ENCODER_TOKEN = "secret"
    yield asked
    server.shutdown()
    server.server_close()


def test_the_body_for_plpython3u_asks_the_encoder_by_its_token(encoder, settings):
    class Plpy:
        def execute(self, statement):
            assert statement == "SELECT url, token FROM dam_sql.encoder"
            return [{"url": settings.DAM_ENCODER_URL, "token": settings.DAM_ENCODER_TOKEN}]

        def error(self, message):
            raise DatabaseError(message)

    # As PL/Python makes a function of a body.
    lines = "\n".join(f"    {line}" for line in live.PYTHON.splitlines())
    names = {"plpy": Plpy()}
    exec(f"def ask(model, query):\n{lines}", names)
    assert names["ask"]("test-space", "电车") == ANSWER
    assert encoder == [("/v1/embeddings", "Bearer secret", {"model": "test-space", "input": "电车"})]
    with pytest.raises(DatabaseError, match="the encoder gave no vector: HTTP Error 503"):
        names["ask"]("test-space", "refused")


HTTP_STANDS_IN = """
CREATE TYPE public.http_header AS (field text, value text);
CREATE TYPE public.http_request AS
    (method text, uri text, headers public.http_header[], content_type text, content text);
CREATE TYPE public.http_response AS (status integer, content text);
CREATE TABLE public.asked (uri text, token text, body json);
CREATE FUNCTION public.http_header(field text, value text) RETURNS public.http_header
    LANGUAGE sql AS 'SELECT field, value';
CREATE FUNCTION public.http(request public.http_request) RETURNS public.http_response LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.asked VALUES (request.uri, request.headers[1].value, request.content::json);
    IF request.content::json ->> 'input' = 'refused' THEN RETURN (503, '{"error": "full"}'::text); END IF;
    RETURN (200, '{"data": [{"embedding": [3, 4, 0, 0, 0, 0, 0, 0]}]}'::text);
END $$;
"""


def rows(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


@pytest.fixture
def installed(small_space, settings):
    settings.DAM_ENCODER_URL, settings.DAM_ENCODER_TOKEN = "http://encoder:8001/", "secret"
    with connection.cursor() as cursor:
        cursor.execute(HTTP_STANDS_IN)
        live.make(cursor, "http")
        # So that the stand-in may write down what it was asked.
        cursor.execute("ALTER FUNCTION dam_sql.ask_encoder VOLATILE")


def test_the_body_for_http_gives_the_function_a_vector_of_length_1(installed):
    assert rows("SELECT dam_sql.clip_text_embedding(' old ' || 'tram ')::text") == [("[0.6,0.8,0,0,0,0,0,0]",)]
    assert rows("SELECT uri, token, body::text FROM asked") == [
        ("http://encoder:8001/v1/embeddings", "Bearer secret", '{"model" : "test-space", "input" : "old tram"}')
    ]
    with pytest.raises(DatabaseError, match=r'the encoder gave no vector: {"error": "full"}'):
        rows("SELECT dam_sql.clip_text_embedding('refused')")


def test_the_encoder_is_asked_once_for_all_rows(installed):
    rows("SELECT dam_sql.clip_text_embedding('tram') FROM generate_series(1, 5)")
    assert rows("SELECT count(*) FROM asked") == [(1,)]


def test_the_encoders_token_is_not_for_the_role_of_the_console(installed):
    with connection.cursor() as cursor:
        import_module("search.migrations.0011_dam_sql").grant(cursor)
    [rights] = rows(
        "SELECT has_table_privilege('dam_sql', 'dam_sql.encoder', 'SELECT'),"
        " has_function_privilege('dam_sql', 'dam_sql.ask_encoder(text, text)', 'EXECUTE'),"
        " (SELECT prosrc LIKE '%secret%' FROM pg_proc WHERE proname = 'ask_encoder')"
    )
    assert rights == (False, False, False)


def test_what_it_made_is_removed_again(installed):
    with connection.cursor() as cursor:
        live.remove(cursor)
    with pytest.raises(DatabaseError, match="has no vector yet"):
        rows("SELECT dam_sql.clip_text_embedding('tram')")
