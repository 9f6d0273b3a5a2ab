"""The mirror of a model's vectors in Milvus: copied once, kept by what the triggers wrote down, built anew at any time.

One process at a time writes to the collections of a model, batch by batch. What it sends is what the database has at
that moment, so that nothing is wrong with sending it twice: a process that is killed leaves the batch to the next one.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import psycopg
from django.db import OperationalError, connection, transaction
from django.db.models import Max
from django.db.models.functions import Now

from assets.locks import IS_HELD, alone, only_one
from search.indexes import Index, IndexState
from search.milvus import collections
from search.milvus.client import Missing, Unavailable
from search.milvus.collections import Row
from search.models import Embedding, EmbeddingModel, Mirror, MirrorChange

logger = logging.getLogger(__name__)

State = Mirror.State
BATCH = 1000
# Milvus may answer from what it knew some seconds ago: so long the changes that it has are compared here as well.
GRACE = timedelta(seconds=10)
# How long searches that began with a collection may still ask it.
LATER = timedelta(minutes=1)
# How often the tables' writers are asked for a moment without them, and for how long they wait meanwhile.
LOCK_TRIES, LOCK_WAIT = 60, "500ms"


def serving(model: EmbeddingModel, most: int) -> tuple[str, list[int]] | None:
    """Return the collection that answers for a model, and up to ``most`` embeddings that it may not know as they are.

    In one statement: what is not among the changes any more, the collection has. None while there is none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT collection, ARRAY(SELECT embedding_id FROM search_mirrorchange WHERE model_id = %s LIMIT %s)"
            " FROM search_mirror WHERE model_id = %s AND state = 'ready'",
            [model.pk, most, model.pk],
        )
        return cursor.fetchone()


def look(models: Iterable[EmbeddingModel]) -> dict[int, Index]:
    """Return the state of each model's mirror, by the model's id."""
    names = {_builds(model): model.pk for model in models}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name FROM unnest(%s::text[]) AS name WHERE {IS_HELD}", [list(names)])  # noqa: S608
        held = {names[name] for (name,) in cursor.fetchall()}
    found = dict.fromkeys(names.values(), Index(IndexState.MISSING))
    # One being built comes last, and counts.
    mirrors = Mirror.objects.filter(model__in=names.values()).order_by("-state")
    for pk, state, copied, upto in mirrors.values_list("model", "state", "copied", "upto"):
        if state == State.READY:
            found[pk] = Index(IndexState.READY)
        elif pk in held:
            found[pk] = Index(IndexState.BUILDING, "copying", round(100 * copied / upto, 1) if upto else None)
        else:
            found[pk] = Index(IndexState.BROKEN)
    return found


def build(model: EmbeddingModel, *, anew: bool = False, say: Callable[[float], object] = lambda percent: None) -> bool:
    """Copy this model's vectors into a collection, and have searches ask it; they go on meanwhile. No transaction.

    Goes on where a build was interrupted. Nothing to do where there is a collection, unless it is to be built ``anew``
    beside it. Return False when another process is at it; raises Unavailable.
    """
    with alone(_builds(model)) as mine:
        if not mine:
            return False
        mirrors = Mirror.objects.filter(model=model)
        mirror = mirrors.filter(state=State.BUILDING).first()
        if mirror is None and (anew or not mirrors.filter(state=State.READY).exists()):
            mirror = _begin(model)
        if mirror is not None:
            _copy(model, mirror, say)
    return True


def drop(model: EmbeddingModel) -> None:
    """Keep this model's vectors nowhere else any more; a sweep drops the collections."""
    Mirror.objects.filter(model=model).update(state=State.RETIRED, model=None, changed_at=Now())
    MirrorChange.objects.filter(model_id=model.pk).delete()


def drain(model: EmbeddingModel) -> int:
    """Tell the collections of a model of up to ``BATCH`` changes; return how many those were. Raises Unavailable."""
    with only_one(_writes(model)):
        of_model = MirrorChange.objects.filter(model_id=model.pk)
        changes = dict(of_model.filter(mirrored_at=None).order_by("pk").values_list("pk", "embedding_id")[:BATCH])
        if changes:
            ids = set(changes.values())
            rows = _rows(model, "e.id = ANY (%s)", list(ids))
            gone = sorted(ids - {row.id for row in rows})
            for mirror in Mirror.objects.filter(model=model):
                _tell(mirror, rows, gone, collections.mark(model.dimensions, max(changes)))
            of_model.filter(pk__in=changes).update(mirrored_at=Now())
        of_model.filter(mirrored_at__lt=Now() - GRACE).delete()
    return len(changes)


class Held(NamedTuple):
    """How many vectors the database has, how many of them Milvus has yet to be told of, and how many it has."""

    vectors: int
    untold: int
    mirrored: int

    @property
    def lacking(self) -> int:
        return max(self.vectors - self.untold - self.mirrored, 0)


def check(model: EmbeddingModel, *, thoroughly: bool = False) -> Held | None:
    """Have a collection that is gone, or another than was told last, or ``thoroughly`` that lacks vectors, built anew.

    Return what was counted; None where nothing was. Raises Unavailable.
    """
    with only_one(_writes(model)):
        mirror = Mirror.objects.filter(model=model, state=State.READY).first()
        if mirror is None:
            return None
        try:
            marked = collections.marked(mirror.collection)
        except Missing:
            _start_over(mirror, "is gone", gone=True)
            return None
        # Who is killed after telling Milvus has told it of what still waits here.
        if marked != mirror.told and not MirrorChange.objects.filter(pk=marked, mirrored_at=None).exists():
            _start_over(mirror, "is not the one that was told last")
            return None
        held = _held(model, mirror) if thoroughly else None
        if held and held.lacking:
            _start_over(mirror, f"lacks {held.lacking} vectors")
        return held


def _begin(model: EmbeddingModel) -> Mirror:
    """Insert a mirror, at a moment when nobody writes: who writes afterwards writes down what changed.

    Writers are kept waiting for half a second at most, sooner than PostgreSQL takes two that wait for a deadlock.
    """
    for attempt in range(LOCK_TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
                cursor.execute("LOCK TABLE search_embedding, assets_asset IN SHARE ROW EXCLUSIVE MODE")
                cursor.execute("SET LOCAL lock_timeout = 0")
                return Mirror.objects.create(
                    model=model, collection=collections.new_name(model.pk), upto=_last(model), changed_at=Now()
                )
        except OperationalError:
            if attempt == LOCK_TRIES - 1:
                raise
            time.sleep(0.5)
    raise AssertionError


def _copy(model: EmbeddingModel, mirror: Mirror, say: Callable[[float], object]) -> None:
    with only_one(_writes(model)):
        if not collections.exists(mirror.collection):
            collections.create(mirror.collection, model.dimensions)
            # Nobody could tell it of what came before this moment.
            mirror.copied, mirror.upto = 0, _last(model)
            mirror.save(update_fields=["copied", "upto"])
    while True:
        with only_one(_writes(model)):
            rows = _rows(model, "e.id > %s AND e.id <= %s", mirror.copied, mirror.upto)
            if not rows:
                break
            collections.upsert(mirror.collection, rows)
            mirror.copied = rows[-1].id
            mirror.save(update_fields=["copied"])
        say(100 * mirror.copied / mirror.upto)
    collections.settle(mirror.collection)
    while drain(model) == BATCH:
        pass
    with only_one(_writes(model)):
        if lacking := _held(model, mirror).lacking:
            Mirror.objects.filter(pk=mirror.pk).update(copied=0, upto=_last(model))
            raise Unavailable(f"The collection {mirror} lacks {lacking} vectors after all were copied; it starts over.")
        Mirror.objects.filter(model=model, state=State.READY).update(state=State.RETIRED, model=None, changed_at=Now())
        Mirror.objects.filter(pk=mirror.pk).update(state=State.READY, changed_at=Now())


def _tell(mirror: Mirror, rows: list[Row], gone: list[int], mark: Row) -> None:
    try:
        if gone:
            collections.delete(mirror.collection, gone)
        collections.upsert(mirror.collection, [*rows, mark])
        Mirror.objects.filter(pk=mirror.pk).update(told=mark.asset)
    except Missing:
        if mirror.state == State.READY:
            _start_over(mirror, "is gone", gone=True)


def _start_over(mirror: Mirror, why: str, *, gone: bool = False) -> None:
    """Have another collection built; searches ask this one until then, or compare every vector where it is ``gone``."""
    model = mirror.model
    if model is not None and not model.mirrors.filter(state=State.BUILDING).exists():
        logger.error("The collection %s of %s %s: it is built anew.", mirror, model, why)
        Mirror.objects.create(model=model, collection=collections.new_name(model.pk), upto=_last(model))
    if gone:
        mirror.delete()


def _held(model: EmbeddingModel, mirror: Mirror) -> Held:
    of_model = MirrorChange.objects.filter(model_id=model.pk, mirrored_at=None)
    untold = of_model.values("embedding_id").distinct().count()
    return Held(Embedding.objects.ranked_by(model).count(), untold, collections.count(mirror.collection))


_ROWS = """
    SELECT e.id, e.asset_id, a.kind, a.created_at, e.vector
    FROM search_embedding e JOIN assets_asset a ON a.id = e.asset_id
    WHERE e.model_id = %s AND e.vector IS NOT NULL AND {} ORDER BY e.id LIMIT %s
"""


def _rows(model: EmbeddingModel, which: str, *values: Any) -> list[Row]:
    """Return up to ``BATCH`` rows; vectors in PostgreSQL's binary format, many times faster than as text."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_ROWS.format(which), [model.pk, *values, BATCH], binary=True)
        return [
            Row(pk, asset, kind, created_at, np.frombuffer(halves, ">f2", offset=4).astype(np.float32))
            for pk, asset, kind, created_at, halves in cursor
        ]


def _last(model: EmbeddingModel) -> int:
    return Embedding.objects.ranked_by(model).aggregate(last=Max("pk"))["last"] or 0


def _builds(model: EmbeddingModel) -> str:
    return f"mirror {model.pk} is built"


def _writes(model: EmbeddingModel) -> str:
    return f"mirror {model.pk} is written to"
