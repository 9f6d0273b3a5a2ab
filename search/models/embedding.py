"""Embedding spaces, and what each made of every asset."""

from typing import Any

from django.db import connection, models
from django.db.models.functions import Now
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from assets.ledger import Ledger, LedgerQuerySet, State
from assets.locks import only_one
from assets.models import Asset, Segment
from search import indexes
from search.encoders import Encoder, ModelUnavailable, get_encoder, names_a_path


class EmbeddingModelQuerySet(models.QuerySet["EmbeddingModel"]):
    def live(self) -> "EmbeddingModelQuerySet":
        """The models that every asset owes a vector to."""
        return self.filter(state__in=LIVE)

    def main(self) -> "EmbeddingModelQuerySet":
        """The active model of pictures that may be asked by text, or none."""
        return self.filter(state=EmbeddingModel.State.ACTIVE, embeds=EmbeddingModel.Embeds.PICTURE, asked_by_text=True)

    def active(self) -> "EmbeddingModel":
        """The model that answers queries: the active space of pictures that may be asked by text.

        Raise NoActiveModel when none is set up yet.
        """
        model = self.main().select_related("calibration").first()
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
        PRUNING = "pruning", _("being deleted")

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
    # Whether DAM_MODEL named it at the last start: only a start with another name asks for a change.
    named_by_settings = models.BooleanField(default=False, editable=False)
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
    def label(self) -> str:
        """The name for everybody: of a path, which says something of this machine, the last part alone."""
        if not names_a_path(self.name):
            return self.name
        family, _colon, path = self.name.rpartition(":")
        return f"{family}:{path.rstrip('/').rpartition('/')[2]}"

    @property
    def slot(self) -> dict[str, Any]:
        """The columns that say which models may take each other's place."""
        return {name: getattr(self, name) for name in ("embeds", "asked_by_text", "asked_by_picture")}

    @cached_property
    def encoder(self) -> Encoder:
        """What encodes for this space; raise ModelUnavailable, also when the name stands for another model by now."""
        encoder = get_encoder(self.name)
        if self.dimensions and encoder.dimensions != self.dimensions:
            raise ModelUnavailable(
                gettext("%(name)s has %(now)d dimensions now instead of %(then)d: it is another model.")
                % {"name": self.name, "now": encoder.dimensions, "then": self.dimensions}
            )
        return encoder

    def is_complete(self) -> bool:
        """Whether what is owed of every prepared asset has this model's vector, or a reason why it has none."""
        ready = Asset.objects.filter(state=State.READY)
        if self.embeds == self.Embeds.DESCRIPTION:
            ready = ready.filter(text__described__isnull=False)
        rows = Embedding.objects.filter(model=self)
        if (
            rows.pending().filter(asset__in=ready).exists()
            or ready.exclude(pk__in=rows.whole().values("asset")).exists()
        ):
            return False
        row = rows.filter(asset=models.OuterRef("asset"), segment=models.OuterRef("number"))
        parts = Segment.objects.filter(asset__in=ready).exclude(models.Exists(row))
        return not (self.embeds_segments and parts.exists())

    @property
    def embeds_segments(self) -> bool:
        """Whether the segments of an asset have vectors of their own: its description is of the whole."""
        return self.embeds == self.Embeds.PICTURE

    def activate(self) -> None:
        """Answer queries with this model from now on; the one before is kept, retired.

        What workers have under way for that one comes to nothing: their leases end here.
        """
        with only_one("which models are active"):
            others = EmbeddingModel.objects.filter(state=self.State.ACTIVE, **self.slot).exclude(pk=self.pk)
            for other in others:
                other.retire()
            self.state, self.activated_at = self.State.ACTIVE, Now()
            self.save(update_fields=["state", "activated_at"])
        self.refresh_from_db(fields=["activated_at"])

    def retire(self) -> None:
        """Owe this model nothing more; its vectors are kept."""
        self.state = self.State.RETIRED
        self.save(update_fields=["state"])
        under_way = self.embeddings.filter(state=State.PENDING, leased_until__isnull=False)
        under_way.update(leased_until=None, attempts=0)

    def create_index(self) -> None:
        """Create this model's HNSW index, unless it is there; searches go on meanwhile."""
        indexes.build(self)


LIVE = (EmbeddingModel.State.BUILDING, EmbeddingModel.State.ACTIVE)


class EmbeddingQuerySet(LedgerQuerySet):
    def ranked_by(self, model: EmbeddingModel) -> "EmbeddingQuerySet":
        """The rows that a ranking in this model's space compares: of the wholes and of their segments."""
        return self.filter(model=model, vector__isnull=False)

    def whole(self) -> "EmbeddingQuerySet":
        """The rows of whole assets, not of their segments."""
        return self.filter(segment=0)

    def owe_all(self, model: EmbeddingModel) -> int:
        """Insert the rows that assets and their segments have not yet got for this model; return how many.

        A space of descriptions is owed one of every asset that has any text.
        """
        with connection.cursor() as cursor:
            cursor.execute(OWE_ALL, {"model": model.pk, "pictures": model.embeds_segments})
            return cursor.rowcount


# One statement for a library of any size; ``coverage`` counts by the same join.
OWE_ALL = """
    INSERT INTO search_embedding (asset_id, model_id, segment, state, attempts, problem)
    SELECT owed.asset_id, %(model)s, owed.segment, 'pending', 0, ''
    FROM (
        SELECT id AS asset_id, 0 AS segment FROM assets_asset WHERE %(pictures)s
        UNION ALL SELECT asset_id, number FROM assets_segment WHERE %(pictures)s
        UNION ALL SELECT asset_id, 0 FROM search_assettext WHERE NOT %(pictures)s AND described IS NOT NULL
    ) owed
    WHERE NOT EXISTS (
        SELECT FROM search_embedding e
        WHERE e.asset_id = owed.asset_id AND e.model_id = %(model)s AND e.segment = owed.segment
    )
    ON CONFLICT DO NOTHING
"""


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


def register_model(name: str, *, switch_when_complete: bool = True) -> tuple[EmbeddingModel, bool]:
    """Set up the named model's space, and have every asset embedded in it; return it, and whether it is new.

    The first model of its slot is active at once; a later one is built beside the active one, and so is one that was
    retired. Loads a new model, so that weights that cannot be had stop here (``encoders.ModelUnavailable``). Workers
    build its index when the vectors are there (``lifecycle``).
    """
    known = EmbeddingModel.objects.filter(name=name).first()
    new = known is None
    if known is None:
        encoder = get_encoder(name)
        known = EmbeddingModel(
            name=name,
            dimensions=encoder.dimensions,
            embeds=EmbeddingModel.Embeds.PICTURE if encoder.takes_pictures else EmbeddingModel.Embeds.DESCRIPTION,
            asked_by_text=encoder.takes_text,
            asked_by_picture=encoder.takes_pictures,
            switch_when_complete=switch_when_complete,
        )
        first = not EmbeddingModel.objects.filter(**known.slot).exists()
        known.save()
        if first:
            known.activate()
    elif known.state == EmbeddingModel.State.RETIRED:
        known.state, known.switch_when_complete = EmbeddingModel.State.BUILDING, switch_when_complete
        known.save(update_fields=["state", "switch_when_complete"])
    return known, new
