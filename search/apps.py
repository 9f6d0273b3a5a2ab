from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "search"

    def ready(self) -> None:
        from assets.querysets import AssetQuerySet
        from search import checks, ranking, signals  # noqa: F401

        # So that a query reads as a sentence, without assets knowing of vectors:
        # Asset.objects.visible_to(user).tagged("truck").nearest_to(vector)[:60]
        AssetQuerySet.nearest_to = ranking.nearest_to  # type: ignore[attr-defined]
