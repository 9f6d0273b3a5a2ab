from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from assets.models import Asset


class AssetText(models.Model):
    """What an asset's words are searched by: title (A), tags (B), description (C) and file name (D).

    Triggers of the database keep it (migration 0003), so that neither bulk updates nor other people's SQL can leave it
    behind. Chinese, Japanese and Korean are indexed as pairs of characters.
    """

    asset = models.OneToOneField(Asset, models.CASCADE, primary_key=True, related_name="text")
    document = SearchVectorField()
    # The SHA-256 of what a space of descriptions embeds of it (see ``search.descriptions``); NULL without any text.
    described = models.BinaryField(max_length=32, null=True, editable=False)

    class Meta:
        indexes = [GinIndex(fields=["document"], name="asset_text_document")]

    def __str__(self) -> str:
        return f"words of asset {self.asset_id}"
