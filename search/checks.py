"""Configuration mistakes fail at start, with an id and a hint."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.db import connections

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
