"""Configuration mistakes fail at start, with an id and a hint."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import Error, Tags, register
from django.db import connections

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
