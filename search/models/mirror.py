"""Which vectors stand in an index outside of the database, and which of them it has not heard of yet."""

from django.db import models
from django.db.models.functions import Now

from search.models.embedding import EmbeddingModel


class Mirror(models.Model):
    """One collection in Milvus that holds the vectors of one model; searches use the one that is ``ready``.

    Triggers write down every change of a model that has a mirror (``MirrorChange``), and nothing for any other.
    ``copied`` is the last embedding that building it has copied, ``upto`` the last there was when it began. ``told`` is
    the last change that it was told of, which stands in the collection too. Without a ``model`` it is to be dropped.
    """

    class State(models.TextChoices):
        BUILDING = "building"
        READY = "ready"
        RETIRED = "retired"

    model = models.ForeignKey(EmbeddingModel, models.SET_NULL, null=True, related_name="mirrors")
    collection = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=8, choices=State, default=State.BUILDING)
    copied = models.BigIntegerField(default=0)
    upto = models.BigIntegerField(default=0)
    told = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "state"], condition=~models.Q(state="retired"), name="one_mirror_per_state"
            )
        ]

    def __str__(self) -> str:
        return self.collection


class MirrorChange(models.Model):
    """An embedding whose vector, or asset, changed; kept until every reader of the mirror sees the change.

    Rows are only added (by triggers, see migration 0014) and deleted: who writes vectors never waits for who mirrors
    them. Until ``mirrored_at`` and a little longer, rankings compare the vector itself.
    """

    model_id = models.BigIntegerField()
    embedding_id = models.BigIntegerField()
    mirrored_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["model_id", "id"], name="mirror_change_of_model")]

    def __str__(self) -> str:
        return f"embedding {self.embedding_id}"
