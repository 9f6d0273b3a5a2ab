"""Embedding spaces, and what each made of every asset."""

from typing import Any

from django.db import connection, models, transaction
from django.db.models.functions import Now
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from assets.ledger import Ledger, LedgerQuerySet, State
from assets.models import Asset
from search.encoders import Encoder, get_encoder


class EmbeddingModelQuerySet(models.QuerySet["EmbeddingModel"]):
    def live(self) -> "EmbeddingModelQuerySet":
        """The models that every asset owes a vector to."""
        return self.filter(state__in=[EmbeddingModel.State.BUILDING, EmbeddingModel.State.ACTIVE])

    def active(self) -> "EmbeddingModel":
        """The model that answers queries: the active space of pictures that may be asked by text.

        Raise NoActiveModel when none is set up yet.
        """
        spaces = self.filter(state=EmbeddingModel.State.ACTIVE, embeds=EmbeddingModel.Embeds.PICTURE)
        model = spaces.filter(asked_by_text=True).select_related("calibration").first()
        if model is None:
            raise NoActiveModel("No embedding model is set up yet: run `manage.py register_model`.")
        return model


class NoActiveModel(Exception):
    """The library has no embedding space yet."""


class EmbeddingModel(models.Model):
    """One embedding space: what it embeds of an asset, and what it may be asked by.

    A new one is built beside the active one of its ``slot`` and takes over in one transaction. Spaces of different
    slots are active side by side: one of pictures asked by text and picture, one of descriptions, one of pictures
    asked by pictures alone.
    """

    class State(models.TextChoices):
        BUILDING = "building", _("building")
        ACTIVE = "active", _("active")
        RETIRED = "retired", _("retired")

    class Embeds(models.TextChoices):
        PICTURE = "picture", _("picture")
        DESCRIPTION = "description", _("description")

    name = models.CharField(_("name"), max_length=255, unique=True)
    dimensions = models.PositiveSmallIntegerField(_("dimensions"))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.BUILDING)
    embeds = models.CharField(_("embeds"), max_length=11, choices=Embeds, default=Embeds.PICTURE, editable=False)
    asked_by_text = models.BooleanField(_("asked by text"), default=True, editable=False)
    asked_by_picture = models.BooleanField(_("asked by picture"), default=True, editable=False)
    switch_when_complete = models.BooleanField(
        _("takes over when complete"),
        default=True,
        help_text=_("Otherwise it waits, complete, until somebody switches to it."),
    )
    activated_at = models.DateTimeField(_("active since"), null=True, editable=False)
    exact_rows = models.PositiveIntegerField(
        _("exact up to"),
        null=True,
        editable=False,
        help_text=_(
            "Rankings over at most this many rows compare every one; measured by `manage.py calibrate_search`."
        ),
    )
    ef_search = models.PositiveSmallIntegerField(
        _("candidates"),
        null=True,
        editable=False,
        help_text=_("How many the index keeps while it searches; measured by `manage.py calibrate_search`."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = EmbeddingModelQuerySet.as_manager()

    class Meta:
        verbose_name = _("embedding model")
        verbose_name_plural = _("embedding models")
        constraints = [
            models.UniqueConstraint(
                fields=["embeds", "asked_by_text", "asked_by_picture"],
                condition=models.Q(state="active"),
                name="one_active_embedding_model",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def slot(self) -> dict[str, Any]:
        """The columns that say which models may take each other's place."""
        return {name: getattr(self, name) for name in ("embeds", "asked_by_text", "asked_by_picture")}

    @cached_property
    def encoder(self) -> Encoder:
        return get_encoder(self.name)

    def is_complete(self) -> bool:
        """Whether every prepared asset has this model's vector, or a reason why it has none."""
        settled = Embedding.objects.filter(model=self).exclude(state=State.PENDING).values("asset_id")
        return not Asset.objects.filter(state=State.READY).exclude(pk__in=settled).exists()

    def activate(self) -> None:
        """Answer queries with this model from now on; the one before is kept, retired."""
        with transaction.atomic():
            active = EmbeddingModel.objects.select_for_update().filter(state=self.State.ACTIVE, **self.slot)
            active.exclude(pk=self.pk).update(state=self.State.RETIRED)
            self.state, self.activated_at = self.State.ACTIVE, Now()
            self.save(update_fields=["state", "activated_at"])
        self.refresh_from_db(fields=["activated_at"])

    def create_index(self) -> None:
        """Create this model's HNSW index, unless it is there; searches go on meanwhile.

        One partial index per model over an expression, because the column holds vectors of any dimension. A query is
        served by it only when it spells the same cast and this model's id (see ``ranking``).
        """
        name = f"embedding_hnsw_{self.pk}"
        with connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
            found = cursor.fetchone()
            if found == (True,):
                return
            if found:  # an earlier concurrent build was interrupted
                cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("SET maintenance_work_mem = '512MB'")
            try:
                cursor.execute(
                    f"CREATE INDEX CONCURRENTLY {name} ON {Embedding._meta.db_table}"
                    f" USING hnsw ((vector::halfvec({self.dimensions:d})) halfvec_l2_ops)"
                    f" WHERE model_id = {self.pk:d}"
                )
            finally:
                cursor.execute("RESET maintenance_work_mem")
                cursor.execute("RESET statement_timeout")


class EmbeddingQuerySet(LedgerQuerySet):
    def ranked_by(self, model: EmbeddingModel) -> "EmbeddingQuerySet":
        """The rows that a ranking in this model's space may return."""
        return self.filter(model=model, segment=0, vector__isnull=False)

    def owe_all(self, model: EmbeddingModel) -> int:
        """Insert the rows that live assets have not yet got for this model; return how many."""
        missing = Asset.objects.exclude(embeddings__model=model).values_list("pk", flat=True)
        rows = [Embedding(asset_id=pk, model=model) for pk in missing.iterator(chunk_size=5000)]
        Embedding.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5000)
        return len(rows)


class Embedding(Ledger):
    """What one model made of one asset; while ``pending``, the record that it is still owed.

    ``vector`` is of unit length, in the model's number of dimensions. It stands in a table of its own, away from
    columns that people edit: an UPDATE of a row with an HNSW index inserts its vector anew.
    """

    asset = models.ForeignKey(Asset, models.CASCADE, related_name="embeddings", verbose_name=_("asset"))
    model = models.ForeignKey(EmbeddingModel, models.CASCADE, related_name="embeddings", verbose_name=_("model"))
    segment = models.PositiveIntegerField(_("segment"), default=0)
    vector = HalfVectorField(null=True, editable=False)
    # In a space of descriptions the digest of the text that it was made of, as in ``AssetText``.
    described = models.BinaryField(max_length=32, null=True, editable=False)

    objects = EmbeddingQuerySet.as_manager()

    class Meta:
        verbose_name = _("embedding")
        verbose_name_plural = _("embeddings")
        constraints = [
            models.UniqueConstraint(fields=["asset", "model", "segment"], name="one_embedding_per_segment"),
            models.CheckConstraint(
                condition=~models.Q(state="ready") | models.Q(vector__isnull=False), name="ready_has_vector"
            ),
        ]
        indexes = [models.Index(fields=["id"], name="embedding_owed", condition=models.Q(state="pending"))]

    def __str__(self) -> str:
        return f"{self.model} of asset {self.asset_id}"


def register_model(name: str) -> tuple[EmbeddingModel, bool]:
    """Set up the named model's space, and have every asset embedded in it; return it, and whether it is new.

    The first model is active at once; a later one is built beside the active one. Loads the model, so that weights
    that cannot be had stop here (``encoders.ModelUnavailable``).
    """
    known = EmbeddingModel.objects.filter(name=name).first()
    if known is None:
        encoder = get_encoder(name)
        known = EmbeddingModel(
            name=name,
            dimensions=encoder.dimensions,
            embeds=EmbeddingModel.Embeds.PICTURE if encoder.takes_pictures else EmbeddingModel.Embeds.DESCRIPTION,
            asked_by_text=encoder.takes_text,
            asked_by_picture=encoder.takes_pictures,
        )
        first = not EmbeddingModel.objects.filter(**known.slot).exists()
        known.save()
        if first:
            known.activate()
        known.create_index()
        return known, True
    if known.state == EmbeddingModel.State.RETIRED:
        known.state = EmbeddingModel.State.BUILDING
        known.save(update_fields=["state"])
    known.create_index()
    return known, False
