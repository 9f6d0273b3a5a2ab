from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Now, Upper
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from assets import storage
from assets.ledger import Ledger
from assets.querysets import AssetQuerySet

EARLIEST, LATEST = datetime(1800, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)


class Kind(models.TextChoices):
    IMAGE = "image", _("image")
    VIDEO = "video", _("video")
    DOCUMENT = "document", _("document")


class Asset(Ledger):
    """One managed original with its metadata.

    What it owes (see ``Ledger``) is its preparation: the original decoded once, its renditions stored and its file
    facts (width, height, EXIF) read. ``assets.ingest`` is the one way to make one from bytes.
    """

    original = models.FileField(_("file"), storage=storage.originals, max_length=200, editable=False)
    filename = models.CharField(_("file name"), max_length=255, editable=False)
    title = models.CharField(_("title"), max_length=255, blank=True)
    description = models.TextField(_("description"), blank=True)
    sha256 = models.CharField("SHA-256", max_length=64, unique=True, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), editable=False)
    mime_type = models.CharField(_("MIME type"), max_length=100, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, editable=False)
    width = models.PositiveIntegerField(_("width in pixels"), null=True, editable=False)
    height = models.PositiveIntegerField(_("height in pixels"), null=True, editable=False)
    metadata = models.JSONField(_("file metadata"), default=dict, editable=False)
    tags = models.ManyToManyField("assets.Tag", related_name="assets", blank=True, verbose_name=_("tags"))
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="assets",
        verbose_name=_("uploaded by"),
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False, db_index=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    taken_at = models.DateTimeField(_("taken"), null=True, blank=True, db_index=True)

    objects = AssetQuerySet.as_manager()

    class Meta:
        verbose_name = _("asset")
        verbose_name_plural = _("assets")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["id"], name="asset_owed", condition=models.Q(state="pending")),
            models.Index(fields=["mime_type"], name="asset_mime"),
            # A name typed exactly, in whatever case.
            models.Index(Upper("filename"), name="asset_filename"),
            models.Index(Upper("title"), name="asset_title"),
        ]
        constraints = [
            # A date that the database can hold and Python cannot read would break every list that it is in.
            models.CheckConstraint(
                condition=models.Q(taken_at__isnull=True) | models.Q(taken_at__range=(EARLIEST, LATEST)),
                name="taken_at_is_plausible",
                violation_error_message=_("A picture is taken between the years 1800 and 2200."),
            )
        ]

    def __str__(self) -> str:
        return self.title or self.filename

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the asset; waits for a worker that is storing its renditions, which would otherwise be left over."""
        with transaction.atomic():
            Asset.objects.select_for_update().filter(pk=self.pk).first()
            return super().delete(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("asset", args=[self.pk])

    def rendition(self, preset: str, segment: int = 0) -> "Rendition | None":
        """The stored rendition of this preset; uses prefetched rows where there are some."""
        wanted = (preset, segment)
        return next((found for found in self.renditions.all() if (found.preset, found.segment) == wanted), None)


class Rendition(models.Model):
    """A derived file of an asset, unique per preset; of the whole (0), or of the segment of this number."""

    asset = models.ForeignKey(Asset, models.CASCADE, related_name="renditions")
    preset = models.CharField(_("preset"), max_length=20)
    segment = models.PositiveIntegerField(_("segment"), default=0)
    file = models.FileField(_("file"), storage=storage.renditions, max_length=200)
    mime_type = models.CharField(_("MIME type"), max_length=100)
    width = models.PositiveIntegerField(_("width in pixels"))
    height = models.PositiveIntegerField(_("height in pixels"))
    size = models.PositiveBigIntegerField(_("size in bytes"))

    class Meta:
        verbose_name = _("rendition")
        verbose_name_plural = _("renditions")
        constraints = [models.UniqueConstraint(fields=["asset", "preset", "segment"], name="one_rendition_per_preset")]

    def __str__(self) -> str:
        return f"{self.preset} of {self.asset_id}"
