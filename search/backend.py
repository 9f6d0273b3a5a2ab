"""The index that rankings over many rows ask: pgvector's in the database, or a collection in Milvus (``DAM_INDEX``)."""

from collections.abc import Iterable

from django.conf import settings

from search import indexes
from search.indexes import Index, IndexState
from search.milvus import mirror
from search.models import EmbeddingModel


def look(models: Iterable[EmbeddingModel]) -> dict[int, Index]:
    """Return the state of each model's index, by the model's id."""
    return (mirror if _is_milvus() else indexes).look(models)


def state_of(model: EmbeddingModel) -> IndexState:
    return look([model])[model.pk].state


def build(model: EmbeddingModel, *, anew: bool = False) -> bool:
    """Build this model's index, unless it is there and not to be built ``anew``; searches go on. Not in a transaction.

    Return False when another process is at it. Raises ``Unavailable`` while Milvus is not to be had.
    """
    if _is_milvus():
        return mirror.build(model, anew=anew)
    if anew:
        indexes.drop(model)
    return indexes.build(model)


def drop(model: EmbeddingModel) -> None:
    """Drop whatever indexes this model has. Not inside a transaction."""
    mirror.drop(model)
    indexes.drop(model)


def _is_milvus() -> bool:
    return settings.DAM_INDEX == "milvus"
