"""Configuration mistakes fail at start, with an id and a hint."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.db import connections

from search.milvus.client import is_file, without_password
from search.service.address import LONGEST_SOCKET_PATH

OLDEST_PGVECTOR = (0, 8, 4)


@register(Tags.database)
def pgvector_is_recent(databases: Sequence[str] | None = None, **kwargs: Any) -> list[Error]:
    """Refuse pgvector below 0.8.4: its HNSW vacuum corrupts indexes and its parallel build leaks."""
    errors = []
    for alias in databases or []:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
            available = cursor.fetchone()
            cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
            installed = cursor.fetchone() or available
        hint = "Install pgvector 0.8.4 or newer on the server, then run ALTER EXTENSION vector UPDATE."
        if installed is None:
            errors.append(Error(f"Database {alias!r} has no pgvector.", hint=hint, id="search.E001"))
        elif tuple(int(part) for part in installed[0].split(".")) < OLDEST_PGVECTOR:
            errors.append(Error(f"Database {alias!r} has pgvector {installed[0]}.", hint=hint, id="search.E002"))
    return errors


@register()
def encoder_url_is_an_address(**kwargs: Any) -> list[Error]:
    """Refuse a DAM_ENCODER_URL that no client can use."""
    url = settings.DAM_ENCODER_URL
    path = url.removeprefix("unix:") if url.startswith("unix:") else ""
    if not url or url.startswith(("http://", "https://")) or (path[:1] == "/" and len(path) <= LONGEST_SOCKET_PATH):
        return []
    hint = f"Set http://HOST:PORT, https://HOST, or unix:/PATH of at most {LONGEST_SOCKET_PATH} bytes."
    return [Error(f"DAM_ENCODER_URL is {url!r}.", hint=hint, id="search.E003")]


@register()
def index_is_known(**kwargs: Any) -> list[Error]:
    """Refuse an index that there is not, and an address of Milvus that no client can use."""
    if settings.DAM_INDEX == "pgvector":
        return []
    if settings.DAM_INDEX != "milvus":
        return [Error(f"DAM_INDEX is {settings.DAM_INDEX!r}.", hint="Set pgvector or milvus.", id="search.E006")]
    if find_spec("pymilvus") is None:
        return [Error("DAM_INDEX is milvus without pymilvus.", hint="pip install '.[milvus]'", id="search.E007")]
    uri = settings.DAM_MILVUS_URI
    if is_file(uri) and not uri.endswith(".db"):
        hint = "Set http://HOST:PORT, https://HOST, or the path of a file that ends in .db (milvus-lite)."
        return [Error(f"DAM_MILVUS_URI is {uri!r}.", hint=hint, id="search.E008")]
    if not is_file(uri) and not _is_server(uri):
        hint = "Set http://HOST:PORT, https://HOST, unix:/PATH, or the path of a file that ends in .db (milvus-lite)."
        return [Error(f"DAM_MILVUS_URI is {without_password(uri)!r}.", hint=hint, id="search.E008")]
    if is_file(uri) and find_spec("milvus_lite") is None:
        hint = "pip install milvus-lite, or set DAM_MILVUS_URI to a server's address."
        return [Error("DAM_MILVUS_URI is a file, and milvus-lite is not installed.", hint=hint, id="search.E009")]
    return []


def _is_server(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        if parts.scheme == "unix":
            return bool(parts.path)
        return parts.scheme in ("http", "https", "tcp") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
