"""clip_text_embedding that asks the encoder by itself, on servers that can: ``manage.py install_sql --live``.

It asks as clients of OpenAI do (``/v1/embeddings``), because the answer is text: one of the two extensions takes no
bytes. Where the encoder is, and its token, stand in a table that the role of the console cannot read.
"""

from typing import Any

from django.conf import settings

_ENCODER = """
CREATE TABLE IF NOT EXISTS dam_sql.encoder (url text NOT NULL, token text NOT NULL);
DELETE FROM dam_sql.encoder;
"""

# The body that plpython3u runs, with plpy, model and query.
PYTHON = """
import json
import urllib.request
encoder = plpy.execute("SELECT url, token FROM dam_sql.encoder")[0]
headers = {"Content-Type": "application/json", "Authorization": "Bearer " + encoder["token"]}
body = json.dumps({"model": model, "input": query}).encode()
request = urllib.request.Request(encoder["url"] + "/v1/embeddings", body, headers)
try:
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"][0]["embedding"]
except (OSError, ValueError, LookupError, TypeError) as error:
    plpy.error("clip_text_embedding: the encoder gave no vector: %s" % error)
"""

HTTP = """
DECLARE
    encoder record;
    answer record;
BEGIN
    SELECT url, token INTO encoder FROM dam_sql.encoder;
    SELECT status, content INTO answer FROM http((
        'POST', encoder.url || '/v1/embeddings', ARRAY[http_header('Authorization', 'Bearer ' || encoder.token)],
        'application/json', json_build_object('model', model, 'input', query)::text
    )::http_request);
    IF answer.status <> 200 THEN
        RAISE EXCEPTION 'clip_text_embedding: the encoder gave no vector: %', left(answer.content, 500);
    END IF;
    RETURN ARRAY(
        SELECT number::double precision
        FROM json_array_elements_text(answer.content::json -> 'data' -> 0 -> 'embedding') AS number
    );
END
"""

EXTENSIONS = {"plpython3u": ("plpython3u", PYTHON), "http": ("plpgsql", HTTP)}


class Refused(Exception):
    """The database cannot ask the encoder; the message says why."""


def install(cursor: Any) -> str:
    """Make ``dam_sql.ask_encoder``, which clip_text_embedding asks; return the extension that it uses.

    Raises Refused, before anything is changed.
    """
    url = settings.DAM_ENCODER_URL
    cursor.execute("SELECT extname FROM pg_extension WHERE extname = ANY(%s)", [list(EXTENSIONS)])
    found = {name for (name,) in cursor.fetchall()}
    extension = next((name for name in EXTENSIONS if name in found), None)
    if extension is None:
        raise Refused(
            "This server has neither the extension plpython3u nor http, so it cannot ask the encoder. Nothing was"
            " changed: clip_text_embedding goes on reading the vectors that the library has made. An administrator of"
            " the server can CREATE EXTENSION one of the two, where it has been installed."
        )
    if not url.startswith(("http://", "https://")):
        raise Refused(
            f"DAM_ENCODER_URL is {url!r}: the database server needs an address that begins with http:// and that it"
            " can reach. Nothing was changed."
        )
    make(cursor, extension)
    return extension


def make(cursor: Any, extension: str) -> None:
    """Make ``dam_sql.ask_encoder`` with the body for this extension."""
    language, body = EXTENSIONS[extension]
    cursor.execute(_ENCODER)
    encoder = [settings.DAM_ENCODER_URL.rstrip("/"), settings.DAM_ENCODER_TOKEN]
    cursor.execute("INSERT INTO dam_sql.encoder (url, token) VALUES (%s, %s)", encoder)
    cursor.execute("SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = %s", [extension])
    schema = (cursor.fetchone() or ("public",))[0]
    cursor.execute(
        "CREATE OR REPLACE FUNCTION dam_sql.ask_encoder(model text, query text) RETURNS double precision[]"
        f" LANGUAGE {language} STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, {schema}, pg_temp"
        f" AS $live${body}$live$"
    )


def remove(cursor: Any) -> None:
    """Have clip_text_embedding read the vectors of the library alone."""
    cursor.execute("DROP FUNCTION IF EXISTS dam_sql.ask_encoder(text, text); DROP TABLE IF EXISTS dam_sql.encoder")
