"""What is known of how well a search finds: its background, its recall, what people said of its results."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from assets.models import Asset
from search.models.embedding import EmbeddingModel


class Calibration(models.Model):
    """What chance looks like in one embedding space over this library (see ``search.relevance``)."""

    model = models.OneToOneField(EmbeddingModel, models.CASCADE, primary_key=True, related_name="calibration")
    pictures = models.PositiveIntegerField()
    library = models.PositiveIntegerField(help_text="how many vectors the library had")
    numbers = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"calibration of {self.model}"


class RecallProbe(models.Model):
    """The index against an exact search, over sampled queries."""

    model = models.ForeignKey(EmbeddingModel, models.CASCADE, related_name="probes", verbose_name=_("model"))
    queries = models.PositiveIntegerField(_("queries"))
    recall = models.FloatField(_("recall@10"), help_text=_("Mean share of the true first ten that the index found."))
    worst = models.FloatField(_("worst query"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("recall probe")
        verbose_name_plural = _("recall probes")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.model}: {self.recall:.3f}"


class Judgment(models.Model):
    """Somebody said that an asset is, or is not, what a query asked for."""

    query = models.TextField(_("query"))
    asset = models.ForeignKey(Asset, models.CASCADE, related_name="judgments", verbose_name=_("asset"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="judgments", verbose_name=_("user"))
    relevant = models.BooleanField(_("relevant"))
    created_at = models.DateTimeField(_("created"), auto_now=True)

    class Meta:
        verbose_name = _("judgment")
        verbose_name_plural = _("judgments")
        constraints = [models.UniqueConstraint(fields=["query", "asset", "user"], name="one_judgment_of_a_result")]

    def __str__(self) -> str:
        return f"{self.query}: {self.asset_id} {'yes' if self.relevant else 'no'}"
