from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = _("Search")

    def ready(self) -> None:
        from assets.models import Asset
        from assets.querysets import AssetQuerySet
        from search import checks, ranking, signals  # noqa: F401
        from search.ask import checks as ask_checks  # noqa: F401

        # What search teaches assets, without assets knowing of vectors, so that a query reads as a sentence:
        # Asset.objects.visible_to(user).tagged("truck").nearest_to(vector)[:60]
        AssetQuerySet.nearest_to = ranking.nearest_to  # type: ignore[attr-defined]
        Asset.similarity = property(lambda asset: ranking.similarity(asset.distance))  # type: ignore[attr-defined]
