"""The HNSW index of each embedding space: built beside searches, by one process at a time, repaired when interrupted.

One partial index per model over an expression, because the column holds vectors of any dimension. A query is served by
it only when it spells the same cast and the model's id (see ``ranking``). Without it rankings are exact: right, slower.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connection, models
from django.utils.translation import gettext_lazy as _
from psycopg.errors import DiskFull, OutOfMemory

from assets.locks import IS_HELD, alone

if TYPE_CHECKING:
    from search.models import EmbeddingModel

logger = logging.getLogger(__name__)

TABLE = "search_embedding"
MEGABYTE = 1024 * 1024
# What one vector takes while the graph is built in memory, beside its own values: measured, with some to spare.
GRAPH_BYTES = 1000
# Vectors below which every ranking is exact anyway, and there is no index.
LARGE = 10_000
LEAST_MEMORY, MOST_MEMORY = 64 * MEGABYTE, 16 * 1024 * MEGABYTE


class IndexState(models.TextChoices):
    MISSING = "missing", _("none")
    BUILDING = "building", _("being built")
    BROKEN = "broken", _("broken")  # a build was interrupted
    READY = "ready", _("ready")


@dataclass(frozen=True)
class Index:
    """A model's index; while it is built, PostgreSQL's name of the phase, and how much of it is done, in percent."""

    state: IndexState
    phase: str = ""
    percent: float | None = None


def name_of(model: "EmbeddingModel") -> str:
    return f"embedding_hnsw_{model.pk}"


_LOOK = f"""
    SELECT name,
        (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(name)),
        {IS_HELD},
        coalesce(phase, ''),
        round(100.0 * blocks_done / nullif(blocks_total, 0), 1)
    FROM unnest(%s::text[]) AS name
    LEFT JOIN pg_stat_progress_create_index ON index_relid = to_regclass(name)
"""  # noqa: S608


def look(models: Iterable["EmbeddingModel"]) -> dict[int, Index]:
    """Return the state of each model's index, by the model's id, in one statement."""
    names = {name_of(model): model.pk for model in models}
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, [list(names)])
        return {names[name]: _index(*found) for name, *found in cursor.fetchall()}


def state_of(model: "EmbeddingModel") -> IndexState:
    return look([model])[model.pk].state


def _index(valid: bool | None, locked: bool, phase: str, percent: Any) -> Index:
    if valid:
        return Index(IndexState.READY)
    if locked:
        return Index(IndexState.BUILDING, phase, None if percent is None else float(percent))
    return Index(IndexState.MISSING if valid is None else IndexState.BROKEN)


def build(model: "EmbeddingModel") -> bool:
    """Build this model's index unless it is there; searches and writes go on meanwhile. Not inside a transaction.

    What an interrupted build left is dropped first. Return False when another process is at it.
    """
    with alone(name_of(model)) as mine:
        if not mine:
            return False
        if state_of(model) is IndexState.READY:
            return True
        vectors = model.embeddings.filter(vector__isnull=False).count()
        try:
            _create(model, vectors)
        except OperationalError as error:
            # Workers of a parallel build share their memory through /dev/shm, which containers keep small.
            if not isinstance(error.__cause__, DiskFull | OutOfMemory):
                raise
            logger.warning("The index of %s is built by one process alone: %s", model, error)
            _create(model, vectors, parallel=False)
    return True


def drop(model: "EmbeddingModel") -> None:
    """Drop this model's index, if there is one; searches go on. Not inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name_of(model)}")


def memory_for(vectors: int, dimensions: int) -> int:
    """Return the bytes that a build over so many vectors is given: all that it needs, within what the server has."""
    needed = 16 * MEGABYTE + vectors * (2 * dimensions + GRAPH_BYTES)
    return max(LEAST_MEMORY, min(needed, _server_memory(), MOST_MEMORY))


def _create(model: "EmbeddingModel", vectors: int, *, parallel: bool = True) -> None:
    drop(model)  # invalid, or nothing
    megabytes = memory_for(vectors, model.dimensions) // MEGABYTE
    settings: dict[str, Any] = {"statement_timeout": 0, "maintenance_work_mem": f"'{megabytes}MB'"}
    if not parallel:
        settings["max_parallel_maintenance_workers"] = 0
    with connection.cursor() as cursor:
        try:
            for name, value in settings.items():
                cursor.execute(f"SET {name} = {value}")
            cursor.execute(
                f"CREATE INDEX CONCURRENTLY {name_of(model)} ON {TABLE}"
                f" USING hnsw ((vector::halfvec({model.dimensions:d})) halfvec_l2_ops) WHERE model_id = {model.pk:d}"
            )
        finally:
            for name in settings:
                cursor.execute(f"RESET {name}")


def _server_memory() -> int:
    """Half of what the server has free; where it does not say, a quarter of what it counts on for its cache."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege('pg_read_file(text, bigint, bigint, boolean)', 'execute')")
        if cursor.fetchone() == (True,):
            cursor.execute(
                "SELECT substring(pg_read_file('/proc/meminfo', 0, 8192, true)"
                " FROM 'MemAvailable:\\s+(\\d+) kB')::bigint"
            )
            if (kilobytes := cursor.fetchone()[0]) is not None:
                return kilobytes * 1024 // 2
        cursor.execute("SELECT pg_size_bytes(current_setting('effective_cache_size')) / 4")
        return cursor.fetchone()[0]
