from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AssetsConfig(AppConfig):
    name = "assets"
    verbose_name = _("Library")

    def ready(self) -> None:
        from assets import checks, signals  # noqa: F401
