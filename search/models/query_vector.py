from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from search.models.embedding import EmbeddingModel


class QueryVector(models.Model):
    """The vector of a text that somebody asked for, in one embedding space: it is made once.

    ``vector`` is float32 and of unit length. Texts are found by the SHA-256 of their UTF-8, since an index takes none
    of any length.
    """

    model = models.ForeignKey(
        EmbeddingModel, models.CASCADE, related_name="query_vectors", verbose_name=_("model"), db_index=False
    )
    digest = models.BinaryField(max_length=32, editable=False)
    text = models.TextField(_("text"))
    vector = VectorField(editable=False)
    used_at = models.DateTimeField(_("last used"), auto_now_add=True)

    class Meta:
        verbose_name = _("query vector")
        verbose_name_plural = _("query vectors")
        constraints = [models.UniqueConstraint(fields=["model", "digest"], name="one_vector_per_query_text")]
        indexes = [models.Index(fields=["used_at"], name="query_vector_used")]

    def __str__(self) -> str:
        return f"{self.model}: {self.text[:80]}"
