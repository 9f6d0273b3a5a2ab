from django.conf import settings
from django.db import models

from assets.models import Asset, Tag


class TagRejection(models.Model):
    """A tag that was suggested for an asset and that somebody said no to; it is not suggested for it again."""

    asset = models.ForeignKey(Asset, models.CASCADE, related_name="+")
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="+")
    rejected_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asset", "tag"], name="one_rejection_of_a_tag")]

    def __str__(self) -> str:
        return f"{self.tag} is wrong for asset {self.asset_id}"
